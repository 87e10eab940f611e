"""What the daemon answers in tests: the check of a model, and the audit of a run's data."""

from pathlib import Path
from typing import Any

from core.audit.request import answer_path, request_path
from core.audit.result import (
    Audit,
    Bar,
    Failed,
    FailedRow,
    LongRow,
    Marked,
    RowPlace,
    Sample,
    Token,
    to_record,
)
from core.clock import now_text
from core.files import save_json
from core.model_check import answer_path as check_path
from core.model_check import request_path as check_request_path
from core.paths import Workspace
from core.safe_yaml import load_yaml_mapping

FILE = "uploads/facts/train.jsonl"
QA = b"question,answer\n" + b"".join(b"What is %d?,It is %d.\n" % (n, n) for n in range(30))
CATALOGUE = """\
models:
- {id: org/small, name: Small, parameters: 1e6, context: 64, licence: MIT, methods: [lora]}
- {id: org/big, name: Big, parameters: 8e9, context: 64, licence: MIT, methods: [qlora]}
"""
TOKENS = (
    Token("<|im_start|>", False, True),
    Token("user\n<script>", False, False),
    Token(" It", True, False),
    Token(" is", True, False),
    Token("<|im_end|>", True, True),
)
AUDIT = Audit(
    sequence_len=1024,
    rows=40,
    audited_rows=40,
    histogram=(Bar(100, 30, 1500, 3000, 0), Bar(1500, 10, 500, 15000, 2)),
    nothing_to_learn=Marked(2, (RowPlace(FILE, 3), RowPlace(FILE, 9))),
    longest=(LongRow(FILE, 12, 1500),),
    trained_until=((0, 0), (1500, 2000)),
    first_trained=((2, 38),),
    samples=tuple(Sample(FILE, line, 5, TOKENS) for line in range(1, 8)),
    took_s=1.5,
)
LETHAL = Audit(
    rows=40,
    audited_rows=40,
    histogram=(Bar(100, 39, 1500, 3900, 0),),
    trained_until=((0, 0), (100, 1500)),
    first_trained=((2, 39),),
    failed=Failed(1, (FailedRow(FILE, 7, "its `roles` do not alternate"),)),
    took_s=1.5,
)


def answer_check(workspace: Workspace, base_model: str, **found: Any) -> None:
    """Tell that the base model is good."""
    record = {
        "ok": True,
        "base_model": base_model,
        "has_chat_template": True,
        "turn_end": "",
        "eos_token": "</s>",
        "at": now_text(),
        **found,
    }
    save_json(check_path(workspace, base_model), record)
    check_request_path(workspace, base_model).unlink(missing_ok=True)


def asked(workspace: Workspace) -> list[Path]:
    """The audits that are asked for, the oldest first."""
    return sorted(workspace.audits.glob("*.yaml"), key=lambda path: path.stat().st_mtime_ns)


def config_in(request: Path) -> dict[str, Any]:
    return load_yaml_mapping(request.read_text())["config"]


def answer_audit(workspace: Workspace, audit: Audit | dict[str, Any]) -> None:
    """Answer the one audit that is asked for."""
    (request,) = asked(workspace)
    record = to_record(audit) if isinstance(audit, Audit) else audit
    save_json(answer_path(workspace, request.stem), record)
    request_path(workspace, request.stem).unlink()
