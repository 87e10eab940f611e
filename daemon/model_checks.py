"""Runs the checks of base models that the app asks for."""

from pathlib import Path

from core.clock import now_text
from core.errors import SpecError
from core.files import read_untrusted, save_json
from core.model_check import answer_path, check_key, check_name
from core.safe_yaml import load_yaml_mapping
from daemon.errands import Errand, Errands, oldest

MAX_REQUEST_BYTES = 4096


class ModelChecks(Errands):
    """Answers every request file in `runs/.model_checks`."""

    word = "check"
    timeout_s = 60.0

    def find_next(self) -> Path | None:
        """The request that has waited longest."""
        return oldest(self._workspace.model_checks.glob("*.yaml"))

    def read(self, request: Path) -> Errand:
        """The check that is asked for. Raises RecordError or SpecError for no honest request."""
        base_model = read_base_model(request)
        out = answer_path(self._workspace, base_model)
        # One argument each, so that no name can be taken for an option.
        arguments = [f"--base-model={base_model}", f"--out={out}"]
        log = self._workspace.model_checks / "check.log"
        return Errand(request, "trainer.model_check", arguments, out, log)

    def refuse(self, errand: Errand, reason: str, is_cancelled: bool = False) -> None:
        """Answer that the base model could not be checked."""
        base_model = errand.arguments[0].partition("=")[2]
        record = {"base_model": base_model, "ok": False, "reason": reason, "at": now_text()}
        save_json(errand.answer, record)


def read_base_model(request: Path) -> str:
    """The base model that a request names.

    Raises RecordError or SpecError when it is no honest request.
    """
    text = read_untrusted(request, MAX_REQUEST_BYTES)
    base_model = load_yaml_mapping(text).get("base_model")
    if not isinstance(base_model, str):
        raise SpecError("it names no base_model")
    check_name(base_model)
    if request.stem != check_key(base_model):
        raise SpecError(f"its name does not belong to {base_model}")
    return base_model
