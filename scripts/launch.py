"""Starts daemon and app together (`make run`), and stops them together on Ctrl+C."""

import argparse
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from core.paths import Workspace, find_workspace
from scripts import running
from scripts.child import Child, stop_all
from scripts.first_run import Starter
from scripts.running import Plan

PORT_VARIABLE = "LLM_TRAINER_PORT"
DEFAULT_PORT = 8501
START_TIMEOUT_S = 60.0
POLL_INTERVAL_S = 0.1


class LaunchError(Exception):
    """The launch cannot go on; the text says what to do."""


@dataclass(frozen=True)
class Programs:
    """The commands to start; a test puts others here."""

    daemon: list[str]
    app: list[str]
    starter: list[str]


@dataclass(frozen=True)
class Launch:
    """What is asked for."""

    workspace: Workspace
    port: int
    programs: Programs
    with_starter: bool

    @property
    def url(self) -> str:
        return running.url(self.port)

    def start(self, name: str, command: list[str]) -> Child:
        """Start one of the programs, with its output in `runs/<name>.log`."""
        env = os.environ | self.workspace.environment() | {"PYTHONUNBUFFERED": "1"}
        return Child(name, command, self.workspace.runs / f"{name}.log", env)


class StopSignal:
    """Noted when somebody asks the launcher to stop; every wait looks at it."""

    def __init__(self) -> None:
        self.is_set = False
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, self._note)

    def _note(self, number: int, frame: object) -> None:
        self.is_set = True


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="launch", description=__doc__)
    parser.add_argument(
        "--no-starter", action="store_true", help="no starter model, no first training"
    )
    options = parser.parse_args(arguments)
    try:
        port = parse_port(os.environ.get(PORT_VARIABLE, ""))
        wanted = Launch(find_workspace(), port, programs(port), not options.no_starter)
        return launch(wanted, StopSignal())
    except (LaunchError, OSError) as error:
        print(f"{error}{what_goes_on(find_workspace())}", file=sys.stderr)
        return 1


def parse_port(text: str) -> int:
    """The port named in the environment, or the default one."""
    if not text:
        return DEFAULT_PORT
    if text.isascii() and text.isdigit() and 1024 <= int(text) <= 65535:
        return int(text)
    raise LaunchError(f"{PORT_VARIABLE} must be a number from 1024 to 65535, not {text!r}.")


def programs(port: int) -> Programs:
    python = sys.executable
    return Programs(
        daemon=[python, "-P", "-m", "daemon"],
        app=[python, "-m", "streamlit", "run", "streamlit_app/asgi.py", "--server.port", str(port)],
        starter=[python, "-P", "-m", "trainer.starter"],
    )


def launch(wanted: Launch, stop: StopSignal) -> int:
    """Start what is missing and stay until asked to stop. Gives the exit code."""
    wanted.workspace.runs.mkdir(parents=True, exist_ok=True)
    with running.launcher_lock(wanted.workspace, wanted.port) as other_url:
        found = running.look(wanted.workspace, wanted.port)
        plan = Plan.ALREADY_RUNNING if other_url else running.decide(found)
        if plan is Plan.ALREADY_RUNNING:
            say(f"LLM Trainer is already running: {other_url or wanted.url}")
            return 0
        if plan is Plan.PORT_TAKEN:
            raise LaunchError(port_taken_text(wanted.port))
        stay(wanted, plan, stop)
        say(farewell(running.live_trainings(wanted.workspace)))
        return 0


def port_taken_text(port: int) -> str:
    return (
        f"Port {port} is taken by another program. Stop that one, or choose another port: "
        f"{PORT_VARIABLE}={port + 1} make run"
    )


def stay(wanted: Launch, plan: Plan, stop: StopSignal) -> None:
    """Start the programs and watch over them until asked to stop."""
    say("Starting ...")
    with stopped_at_the_end() as children, stopped_at_the_end() as extras:
        if plan is Plan.START_BOTH:
            children.append(wanted.start("daemon", wanted.programs.daemon))
        else:
            say("The daemon is running already; starting the app alone.")
        children.append(wanted.start("app", wanted.programs.app))
        starter = start_starter(wanted)
        extras.extend(starter.children if starter else [])
        wait_for_app(wanted, children, stop)
        watch(children, starter, stop)


def start_starter(wanted: Launch) -> Starter | None:
    if not wanted.with_starter:
        return None
    return Starter(wanted.workspace, lambda: wanted.start("starter", wanted.programs.starter))


@contextmanager
def stopped_at_the_end() -> Iterator[list[Child]]:
    """A list of children; whatever happens, those in it are stopped in the end."""
    children: list[Child] = []
    try:
        yield children
    finally:
        stop_all(children)


def wait_for_app(wanted: Launch, children: list[Child], stop: StopSignal) -> None:
    deadline = time.monotonic() + START_TIMEOUT_S

    def is_up() -> bool:
        if time.monotonic() > deadline:
            raise LaunchError(
                f"The app did not answer within {START_TIMEOUT_S:.0f} s.{log_end(children[-1])}"
            )
        return running.app_answers(wanted.port)

    wait_until(is_up, children, stop)
    if not stop.is_set:
        say(welcome(wanted))


def watch(children: list[Child], starter: Starter | None, stop: StopSignal) -> None:
    def tell_about_starter() -> bool:
        if starter and not starter.is_over and (news := starter.advance()):
            say(news)
        return False

    wait_until(tell_about_starter, children, stop)


def wait_until(is_done: Callable[[], bool], children: list[Child], stop: StopSignal) -> None:
    """Wait for a fact or for the wish to stop; a child that dies meanwhile is an error."""
    while not stop.is_set and not is_done():
        for child in children:
            if child.exit_code is not None and not stop.is_set:
                raise LaunchError(f"The {child.name} ended by itself.{log_end(child)}")
        time.sleep(POLL_INTERVAL_S)


def what_goes_on(workspace: Workspace) -> str:
    """What to know when the daemon is gone while something trains."""
    trainings = ", ".join(running.live_trainings(workspace))
    if not trainings:
        return ""
    return f"\n{trainings} goes on training; `make run` takes it up again."


def log_end(child: Child) -> str:
    lines = "".join(f"\n    {line}" for line in child.last_lines())
    return f" The end of {child.log}:{lines}" if lines else f" Its log, {child.log}, is empty."


def welcome(wanted: Launch) -> str:
    runs = wanted.workspace.runs
    return f"""
  LLM Trainer is running:  {wanted.url}

  Files   {wanted.workspace.root}
  Logs    {runs / "app.log"}
          {runs / "daemon.log"}
  Stop    Ctrl+C (a training that is under way goes on)
"""


def farewell(trainings: list[str]) -> str:
    if not trainings:
        return "Stopped. `make run` starts it again."
    them = "1 training goes" if len(trainings) == 1 else f"{len(trainings)} trainings go"
    return (
        f"Stopped. {them} on in the background: {', '.join(trainings)}.\n"
        "`make run` brings the page back."
    )


def say(text: str) -> None:
    print(text, flush=True)


if __name__ == "__main__":
    sys.exit(main())
