"""Sends the notices that lie as requests in `runs/.notices`, each in a process of its own."""

import logging
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from core.clock import now
from core.files import save_json
from core.lock import is_locked
from core.notice.address import key_of, masked
from core.notice.request import TEST, Answer, answer_record, read_answer, read_request
from core.paths import Workspace
from daemon.errands import Errand, Errands, in_order
from daemon.fresh_settings import FreshSettings

log = logging.getLogger(__name__)

RETRY_AFTER_S = (10.0, 60.0, 300.0, 1800.0)
"""The waits between the tries; after the last one the notice is given up."""

OLDEST_TEST_S = 120.0
OLDEST_NOTICE_S = 24 * 3600.0
KEEP_ANSWERS_S = 30 * 24 * 3600.0
TIDY_EVERY_S = 3600.0


class Notices(Errands):
    """Answers every request in `runs/.notices`; one that cannot be sent is tried again."""

    word = "notice"
    timeout_s = 60.0

    def __init__(
        self,
        workspace: Workspace,
        python: str,
        env: Mapping[str, str],
        settings: FreshSettings,
        timeout_s: float | None = None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__(workspace, python, env, timeout_s, monotonic)
        self._settings = settings
        self._tries: dict[str, int] = {}
        self._again_at: dict[str, float] = {}
        self._failed: dict[str, str] = {}
        self._tidied_at = float("-inf")

    @property
    def troubles(self) -> list[str]:
        """A sentence for each address of the settings that could not be reached at last."""
        known = {key_of(address) for address in self._settings.look().notify}
        self._failed = {key: told for key, told in self._failed.items() if key in known}
        return [*filter(None, [self._settings.trouble]), *self._failed.values()]

    def find_next(self) -> Path | None:
        """The request that has waited longest, a test before all; None while one is being sent.

        An earlier daemon's child may be at it: what it writes counts.
        """
        if self._monotonic() - self._tidied_at >= TIDY_EVERY_S:
            self._tidied_at = self._monotonic()
            self._tidy()
        requests = in_order(self._workspace.notices.glob("*.yaml"))
        if not requests or is_locked(self._workspace.notices / ".lock"):
            return None
        due = [path for path in requests if not self._is_settled(path) and self._is_due(path)]
        return min(due, key=lambda path: not path.name.startswith(TEST), default=None)

    def read(self, request: Path) -> Errand:
        """The notice that is asked for. Raises RecordError or SpecError for no honest request."""
        read_request(request)
        out = request.with_suffix(".json")
        # The address is in neither: whoever lists processes sees these.
        arguments = [f"--request={request}", f"--out={out}"]
        return Errand(request, "trainer.notify", arguments, out, request.with_name("notice.log"))

    def refuse(self, errand: Errand, reason: str, is_cancelled: bool = False) -> None:
        """Answer that the notice was not sent."""
        self._answer(errand.request, f"{reason[:1].upper()}{reason[1:].rstrip(' :.')}.", False)

    def keeps(self, errand: Errand) -> bool:
        """Whether it is to be tried again, later each time."""
        name, answer = errand.request.name, read_answer(errand.answer)
        key = errand.request.stem.rpartition(".")[2]
        if answer is None or answer.is_sent:
            self._forget(name)
            self._failed.pop(key, None)
            return False
        tries = self._tries.get(name, 0)
        if not answer.is_final and not _is_test(name) and tries < len(RETRY_AFTER_S):
            self._tries[name] = tries + 1
            self._again_at[name] = self._monotonic() + RETRY_AFTER_S[tries]
            return True
        self._forget(name)
        log.warning("a notice to %s was not sent: %s", answer.to, answer.reason)
        if not _is_test(name):
            self._failed[key] = (
                f"a notice could not be sent to {answer.to}: {answer.reason} "
                "The page Settings has a test."
            )
        return False

    def _is_due(self, request: Path) -> bool:
        return self._monotonic() >= self._again_at.get(request.name, 0.0)

    def _is_settled(self, path: Path) -> bool:
        """Whether nothing is to be sent any more; the request is removed then."""
        answer = read_answer(path.with_suffix(".json"))
        if answer is not None and answer.is_sent:
            # An earlier daemon ended before it could see so.
            path.unlink(missing_ok=True)
            return True
        oldest_s = OLDEST_TEST_S if _is_test(path.name) else OLDEST_NOTICE_S
        if _age_s(path) < oldest_s:
            return False
        reason = "It was not sent in time: the daemon did not run, or the address did not answer."
        self._answer(path, answer.reason if answer else reason, True)
        path.unlink(missing_ok=True)
        self._forget(path.name)
        return True

    def _answer(self, path: Path, reason: str, is_final: bool) -> None:
        key = path.stem.rpartition(".")[2]
        known = {key_of(address): masked(address) for address in self._settings.look().notify}
        answer = Answer(False, known.get(key, "an address"), reason, "", now(), is_final)
        save_json(path.with_suffix(".json"), answer_record(answer), mode=0o660)

    def _forget(self, name: str) -> None:
        self._tries.pop(name, None)
        self._again_at.pop(name, None)

    def _tidy(self) -> None:
        """Remove answers that nobody will look for."""
        for path in self._workspace.notices.glob("*.json"):
            is_open = path.with_suffix(".yaml").exists()
            if not is_open and _age_s(path) >= KEEP_ANSWERS_S:
                path.unlink(missing_ok=True)


def _is_test(name: str) -> bool:
    return name.startswith(f"{TEST}-")


def _age_s(path: Path) -> float:
    try:
        return time.time() - path.lstat().st_mtime
    except OSError:
        return 0.0
