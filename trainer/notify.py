"""python -P -m trainer.notify --request FILE.yaml --out FILE.json

Sends one notice to one address of the settings through Apprise, and writes down whether it went.
Nothing that is printed or written holds the address: it is in the settings alone.
"""

import argparse
import logging
from collections.abc import Sequence
from pathlib import Path

import apprise

from core.clock import now
from core.errors import RecordError, SettingsError, SpecError
from core.files import save_json
from core.lock import take_lock
from core.notice.address import key_of, masked, problem_with, scrub
from core.notice.request import Answer, Request, answer_record, read_request
from core.paths import Workspace, find_workspace
from core.settings import load_settings

KINDS = {
    "completed": apprise.NotifyType.SUCCESS,
    "failed": apprise.NotifyType.FAILURE,
    "cancelled": apprise.NotifyType.WARNING,
    "needs_help": apprise.NotifyType.WARNING,
}
MAX_REASON = 400
NO_REASON = "It was not taken; the address may be wrong, or the service down."
BUSY = "Another notice was being sent."
GONE = "The address is not in the settings any more."
UNKNOWN = "No service of Apprise takes this address: see its scheme and what must follow it."


class Heard(logging.Handler):
    """Keeps what Apprise warns of, and prints nothing."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.messages: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.messages.append(record.getMessage())


def main(arguments: Sequence[str] | None = None) -> None:
    """Send it, and answer."""
    parser = argparse.ArgumentParser(prog="trainer.notify", description=__doc__)
    parser.add_argument("--request", required=True, type=Path)
    parser.add_argument("--out", required=True, type=Path)
    options = parser.parse_args(arguments)
    workspace = find_workspace()
    # Held until this process ends: while it is at it, no other daemon sends the same again.
    lock = take_lock(workspace.notices / ".lock")
    answer = _answer(workspace, options.request) if lock is not None else _not_sent(BUSY)
    save_json(options.out, answer_record(answer), mode=0o660)


def _answer(workspace: Workspace, path: Path) -> Answer:
    try:
        request = read_request(path)
        addresses = load_settings(workspace.settings).notify
    except (RecordError, SettingsError, SpecError) as error:
        return _not_sent(str(error))
    address = next((address for address in addresses if key_of(address) == request.to), None)
    if address is None:
        return _not_sent(GONE, title=request.title, is_final=True)
    return send(request, address)


def send(request: Request, address: str) -> Answer:
    """Send the notice to the address, and tell how that went without telling the address."""
    heard, service = _listen(), None
    try:
        problem = problem_with(address)
        service = None if problem else apprise.Apprise.instantiate(address)
        if service is None:
            return _not_sent(problem or UNKNOWN, masked(address), request.title, is_final=True)
        is_sent = _notify(service, request)
        words = " ".join(heard.messages)
    except Exception as error:
        # A message of a library may hold anything; its kind tells enough.
        is_sent, words = False, f"{NO_REASON} ({type(error).__name__})"
    if is_sent:
        return Answer(True, masked(address), "", request.title, now())
    reason = " ".join(scrub(words or NO_REASON, address).split())[:MAX_REASON]
    # Where there are several receivers, some may have it already: it is not sent to them again.
    has_several = service is not None and len(service) > 1
    return _not_sent(reason, masked(address), request.title, is_final=has_several)


def _listen() -> Heard:
    """Hear what Apprise says; what the libraries below it say could hold the address."""
    heard, logger = Heard(), logging.getLogger("apprise")
    logger.handlers, logger.propagate = [heard], False
    logging.getLogger().addHandler(logging.NullHandler())
    logging.captureWarnings(True)
    return heard


def _notify(service: apprise.NotifyBase, request: Request) -> bool:
    """Send it as plain text: nothing in a run's name is taken for markup."""
    sender = apprise.Apprise()
    sender.add(service)
    kind = KINDS.get(request.kind, apprise.NotifyType.INFO)
    return bool(
        sender.notify(
            title=request.title,
            body=request.body,
            notify_type=kind,
            body_format=apprise.NotifyFormat.TEXT,
        )
    )


def _not_sent(reason: str, to: str = "", title: str = "", is_final: bool = False) -> Answer:
    return Answer(False, to, reason, title, now(), is_final)


if __name__ == "__main__":
    main()
