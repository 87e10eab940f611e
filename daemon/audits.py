"""Runs the audits that the app asks for: what a model will learn from its data."""

import re
from pathlib import Path

from core.audit.request import MAX_REQUEST_BYTES
from core.clock import now_text
from core.errors import SpecError
from core.files import read_untrusted, save_json
from core.safe_yaml import load_yaml_mapping
from daemon.errands import Errand, Errands, newest

KEY = re.compile(r"[0-9a-f]{16,64}")


class Audits(Errands):
    """Answers every request file in `runs/.audits`."""

    word = "audit"
    timeout_s = 600.0

    def find_next(self) -> Path | None:
        """The latest request: a form makes one at every change, and its last one is looked at."""
        return newest(self._workspace.audits.glob("*.yaml"))

    def read(self, request: Path) -> Errand:
        """The audit that is asked for. Raises RecordError or SpecError for no honest request."""
        if not KEY.fullmatch(request.stem):
            raise SpecError("its name is no key")
        load_yaml_mapping(read_untrusted(request, MAX_REQUEST_BYTES))
        out = request.with_suffix(".json")
        arguments = [f"--request={request}", f"--out={out}"]
        return Errand(request, "trainer.audit", arguments, out, request.with_name("audit.log"))

    def refuse(self, errand: Errand, reason: str, is_cancelled: bool = False) -> None:
        """Answer that the audit could not be made."""
        save_json(errand.answer, {"ok": False, "reason": reason, "at": now_text()})
