"""The commands and their arguments, known without loading what they need to run."""

import argparse

from core.run.phase import Verb

NO_COMMAND = "Without a command, run the daemon itself until it is told to stop."
RUN = "the run's id, the beginning of it, or its name"
EXIT_CODES = (
    "Exit codes: 0 done, 1 not done (a run did not complete, a wish was not met, "
    "the doctor found a problem), 2 asked wrongly."
)

VERBS = {
    Verb.PAUSE: "save a checkpoint, stop, and give the GPU back; a waiting run is held back",
    Verb.RESUME: "let a paused run go on from its last checkpoint, first in the queue",
    Verb.CANCEL: "end a run for good, without saving",
    Verb.CHECKPOINT: "save a checkpoint now and go on",
    Verb.RETRY: "queue a failed run again, or do not wait for its next try",
    Verb.SHRINK: "try a run that ran out of GPU memory again, with half the micro batch",
}


def build_parser() -> argparse.ArgumentParser:
    """The parser of the command line; `command` names what was chosen."""
    parser = argparse.ArgumentParser(
        prog="python -m daemon",
        description=f"Look after trainings from a shell. {NO_COMMAND}",
        epilog=f"{EXIT_CODES} The workspace is named by LLM_TRAINER_WORKSPACE, else the folder "
        "of this program.",
    )
    commands = parser.add_subparsers(
        title="commands", dest="command", metavar="COMMAND", required=True
    )
    _add_status(commands)
    _add_submit(commands)
    for verb, text in VERBS.items():
        _add_wait(_add(commands, verb.value, text, run_count="+"))
    _add_move(commands)
    _add_logs(commands)
    doctor = _add(commands, "doctor", "check this machine and this workspace, and say what to do")
    _add_json(doctor)
    return parser


Commands = argparse._SubParsersAction  # the only name argparse has for it


def _add(
    commands: "Commands[argparse.ArgumentParser]",
    name: str,
    text: str,
    run_count: str | None = None,
) -> argparse.ArgumentParser:
    sentence = text[:1].upper() + text[1:] + "."
    parser = commands.add_parser(name, help=text, description=sentence, epilog=EXIT_CODES)
    if run_count:
        parser.add_argument("runs", nargs=run_count, metavar="RUN", help=RUN)
    return parser


def _add_status(commands: "Commands[argparse.ArgumentParser]") -> None:
    text = "show what runs, what waits and why, and what has ended; or one run in detail"
    parser = _add(commands, "status", text)
    parser.add_argument("run", nargs="?", metavar="RUN", help=RUN)
    parser.add_argument("--all", action="store_true", help="every finished run, not only the last")
    _add_json(parser)


def _add_submit(commands: "Commands[argparse.ArgumentParser]") -> None:
    parser = _add(commands, "submit", "check specs and put them into the queue; prints the ids")
    parser.add_argument(
        "files", nargs="+", metavar="FILE", help="a run spec (YAML); - is standard input"
    )
    parser.add_argument("--name", help="what to call the run, whatever the spec says")
    parser.add_argument(
        "--priority", type=int, metavar="N", help="higher goes first, whatever the spec says"
    )
    parser.add_argument("--wait", action="store_true", help="wait until the runs have ended")


def _add_move(commands: "Commands[argparse.ArgumentParser]") -> None:
    parser = _add(commands, "move", "put a waiting run to another place in the queue")
    parser.add_argument("run", metavar="RUN", help=RUN)
    parser.add_argument("place", type=_place, metavar="PLACE", help="from 1, which is next")
    _add_wait(parser)


def _add_logs(commands: "Commands[argparse.ArgumentParser]") -> None:
    parser = _add(commands, "logs", "show the end of a run's log")
    parser.add_argument("run", metavar="RUN", help=RUN)
    parser.add_argument(
        "-f", "--follow", action="store_true", help="go on until the run is finished"
    )
    parser.add_argument(
        "-n", "--lines", type=_count, default=40, metavar="LINES", help="how many (default: 40)"
    )


def _add_wait(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--wait", action="store_true", help="wait until it has been done")


def _add_json(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="as JSON, for scripts")


def _place(text: str) -> int:
    return _whole(text, 1)


def _count(text: str) -> int:
    return _whole(text, 0)


def _whole(text: str, least: int) -> int:
    if not text.isascii() or not text.isdigit() or int(text) < least:
        raise argparse.ArgumentTypeError(f"a whole number from {least} on is needed, not {text!r}")
    return int(text)
