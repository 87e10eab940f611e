"""From a command line to what it asks for. Each command is loaded only when it is used."""

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from io import TextIOWrapper

from core.errors import TrainerUIError
from core.log_text import clean_log
from core.paths import Workspace, find_workspace
from core.run.phase import Verb
from daemon.shell.advice import HOW_TO_ENTER
from daemon.shell.arguments import VERBS, build_parser

FAILED, ASKED_WRONGLY, INTERRUPTED = 1, 2, 130


def main(words: Sequence[str]) -> int:
    """Do what the command line says; the exit code."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            # No character that a terminal cannot show is worth an error.
            stream.reconfigure(errors="replace")
    # The daemon may be another user, who has to read what is asked of it.
    os.umask(0o022)
    arguments = build_parser().parse_args(words)
    try:
        code = _run(arguments, find_workspace())
        sys.stdout.flush()
        return code
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        # The reader (`head`, say) has seen enough. Nothing may be flushed to it at exit.
        with suppress(OSError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED
    except TrainerUIError as error:
        return _fail(str(error), ASKED_WRONGLY)
    except OSError as error:
        return _fail(f"That was not possible: {error}", FAILED)


def _run(arguments: argparse.Namespace, workspace: Workspace) -> int:
    if arguments.command == "doctor":
        # Apart: it has to work where nothing else does.
        return _doctor(arguments, workspace)
    if not workspace.root.is_dir():
        return _fail(
            f"There is no folder {workspace.root}. LLM_TRAINER_WORKSPACE names it.", FAILED
        )
    if workspace.runs.exists() and not os.access(workspace.runs, os.R_OK | os.X_OK):
        return _fail(f"{workspace.runs} is closed to this user. {HOW_TO_ENTER}", FAILED)
    return _COMMANDS[arguments.command](arguments, workspace)


def _doctor(arguments: argparse.Namespace, workspace: Workspace) -> int:
    from daemon.shell.doctor.report import examine

    return examine(workspace, arguments.json)


def _status(arguments: argparse.Namespace, workspace: Workspace) -> int:
    from core.run.store import Store
    from daemon.shell.details import show_run
    from daemon.shell.find import find_run
    from daemon.shell.status import show_all

    store = Store(workspace)
    if arguments.run is None:
        return show_all(store, arguments.all, arguments.json)
    return show_run(store, find_run(store, arguments.run), arguments.json)


def _submit(arguments: argparse.Namespace, workspace: Workspace) -> int:
    from core.run.store import Store
    from daemon.shell.find import ShellError
    from daemon.shell.submit import submit_files

    if arguments.name is not None and len(arguments.files) > 1:
        raise ShellError("--name is for one file: runs of one name are hard to tell apart.")
    given = {"name": arguments.name, "priority": arguments.priority}
    changes = {key: value for key, value in given.items() if value is not None}
    return submit_files(Store(workspace), arguments.files, changes, arguments.wait)


def _wish(arguments: argparse.Namespace, workspace: Workspace) -> int:
    from core.run.store import Store
    from daemon.shell.wish import ask

    verb = Verb(arguments.command)
    return ask(Store(workspace), verb, arguments.runs, None, arguments.wait)


def _move(arguments: argparse.Namespace, workspace: Workspace) -> int:
    from core.run.store import Store
    from daemon.shell.wish import ask

    return ask(Store(workspace), Verb.MOVE, [arguments.run], arguments.place, arguments.wait)


def _logs(arguments: argparse.Namespace, workspace: Workspace) -> int:
    from core.run.store import Store
    from daemon.shell.find import find_run
    from daemon.shell.logs import show_log

    store = Store(workspace)
    run = find_run(store, arguments.run)
    return show_log(store, run, arguments.lines, arguments.follow)


_COMMANDS: dict[str, Callable[[argparse.Namespace, Workspace], int]] = {
    "status": _status,
    "submit": _submit,
    "move": _move,
    "logs": _logs,
    **{verb.value: _wish for verb in VERBS},
}


def _fail(text: str, code: int) -> int:
    print(clean_log(text), file=sys.stderr)
    return code
