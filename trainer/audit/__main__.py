"""python -P -m trainer.audit --request FILE.yaml --out FILE.json

What Axolotl would train on, made by Axolotl's own strategies, row by row: how long the rows are,
what is learned of them, and at which it would stop. Nothing is trained, and no weights are read.
"""

import argparse
import errno
import logging
import os
import sys
import tempfile
import time
import traceback
from collections.abc import Iterator, Sequence
from concurrent.futures import BrokenExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from core.audit.plan import plan_of
from core.audit.request import MAX_REQUEST_BYTES
from core.audit.result import Audit, to_record
from core.clock import now_text
from core.errors import SpecError, TrainerUIError
from core.files import read_untrusted, save_json, stamp
from core.paths import Workspace, find_workspace
from core.safe_yaml import load_yaml_mapping
from core.settings import load_settings
from core.spec.safety import find_safety_problems
from core.spec.sources import find_source_problems, names_hub
from trainer.long_imports import long_imports
from trainer.model_trouble import one_line
from trainer.run import describe, leave

MAX_ANSWERS = 200
SHORTAGES = (errno.ENOSPC, errno.EDQUOT, errno.ENOMEM, errno.EMFILE, errno.ENFILE, errno.EIO)
MAX_NOTES = 20
UNNEEDED = ("bitsandbytes", "sklearn", "torchao", "wandb")


def main(arguments: Sequence[str] | None = None) -> None:
    """Answer the request; that nothing can be trained on is an answer too."""
    parser = argparse.ArgumentParser(prog="trainer.audit", description=__doc__)
    parser.add_argument("--request", required=True, type=Path)
    parser.add_argument("--out", required=True, type=Path)
    options = parser.parse_args(arguments)
    started = time.monotonic()
    hide_unneeded()
    audit = answer(find_workspace(), options.request)
    took_s = round(time.monotonic() - started, 3)
    save_json(options.out, to_record(audit) | {"took_s": took_s, "at": now_text()})
    forget_old(options.out.parent)


def forget_old(folder: Path, kept: int = MAX_ANSWERS) -> None:
    """Remove the oldest answers: each change of a form leaves one."""
    for path in sorted(folder.glob("*.json"), key=stamp, reverse=True)[kept:]:
        path.unlink(missing_ok=True)


def hide_unneeded() -> None:
    """Let libraries believe that some are not installed, which take long to import.

    They would train and measure; rows are read and tokenised without them.
    """
    for name in UNNEEDED:
        sys.modules.setdefault(name, None)  # type: ignore[arg-type]


def answer(workspace: Workspace, request: Path) -> Audit:
    """What there is to say to the request."""
    try:
        return make_audit(workspace, read_request(request))
    except TrainerUIError as error:
        return Audit(ok=False, reason=str(error))
    except Exception as error:
        if is_machine_trouble(error):
            raise
        traceback.print_exc()
        return Audit(ok=False, reason=explain(error))


def read_request(path: Path) -> dict[str, Any]:
    """The Axolotl keys that are asked about. Raises SpecError when there are none."""
    config = load_yaml_mapping(read_untrusted(path, MAX_REQUEST_BYTES)).get("config")
    if not isinstance(config, dict) or not config.get("base_model"):
        raise SpecError("The request holds no run: it names no base_model.")
    return config


def is_machine_trouble(error: BaseException | None) -> bool:
    """Whether the machine failed rather than the data: that says nothing about a training."""
    if error is None:
        return False
    has_failed = isinstance(error, MemoryError | BrokenExecutor)
    is_short = isinstance(error, OSError) and error.errno in SHORTAGES
    return has_failed or is_short or is_machine_trouble(error.__cause__ or error.__context__)


def explain(error: Exception) -> str:
    """Why Axolotl could not even begin, as a sentence."""
    text = one_line(Exception(describe(error)))
    if "chat_template" in text and "null" in text:
        return (
            "The base model has no chat template, so Axolotl cannot write a chat for it. Choose a "
            "`chat_template` such as `chatml`, or a base model that brings one."
        )
    text = text.removeprefix("``: ").removeprefix("Value error, ").strip()
    return f"Axolotl would stop before the first row: {text}"


def make_audit(workspace: Workspace, config: dict[str, Any]) -> Audit:
    """What Axolotl would train on. Raises SpecError or DatasetError, or what Axolotl raises."""
    check_allowed(workspace, config)
    from trainer.audit.config import find_unknown

    if unknown := find_unknown(config):
        return Audit(is_known=False, reason=unknown)
    prepare_environment(workspace, config)
    with long_imports():
        import axolotl.utils.data  # noqa: F401

        from trainer.audit.config import load_audit_config
        from trainer.audit.work import look_at
    with tempfile.TemporaryDirectory() as folder, heard_warnings() as notes:
        cfg = load_audit_config(config, Path(folder))
        return look_at(cfg, plan_of(config), notes)


def check_allowed(workspace: Workspace, config: dict[str, Any]) -> None:
    """Raise SpecError for what no spec may name either; nothing of it is looked at."""
    settings = load_settings(workspace.settings)
    problems = find_safety_problems(config, workspace.root, settings)
    problems = problems or find_source_problems(config, workspace.root, settings)
    if problems:
        raise SpecError(problems[0])


def prepare_environment(workspace: Workspace, config: dict[str, Any]) -> None:
    """Read paths as a training does, and tell the libraries what they read at their import."""
    os.chdir(workspace.root)
    # Without it the process tries to reach a telemetry server and hangs at its end.
    os.environ["AXOLOTL_DO_NOT_TRACK"] = "1"
    # One process per core works already.
    os.environ["TOKENIZERS_PARALLELISM"] = "false"
    os.environ["CUDA_VISIBLE_DEVICES"] = ""
    os.environ["TQDM_DISABLE"] = "1"
    os.environ["AXOLOTL_TEE_STDOUT"] = "0"
    os.environ.setdefault("NUMBA_CACHE_DIR", str(workspace.compiled))
    if not names_hub(config, workspace.root):
        os.environ["HF_HUB_OFFLINE"] = "1"


@contextmanager
def heard_warnings() -> Iterator[list[str]]:
    """What Axolotl warns of meanwhile, each once."""
    heard: list[str] = []

    class Ear(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            text = " ".join(record.getMessage().split())
            if text not in heard and len(heard) < MAX_NOTES:
                heard.append(text)

    ear, axolotl = Ear(logging.WARNING), logging.getLogger("axolotl")
    axolotl.addHandler(ear)
    try:
        yield heard
    finally:
        axolotl.removeHandler(ear)


if __name__ == "__main__":
    try:
        main()
    except BaseException:
        traceback.print_exc()
        leave(1)
    leave(0)
