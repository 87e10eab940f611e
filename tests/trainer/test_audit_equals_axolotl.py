"""What the audit says is what a real `axolotl preprocess` writes, token for token."""

import json
import subprocess
import sys
from collections import Counter
from dataclasses import replace
from typing import Any

import pytest

from core.audit.plan import plan_of
from core.audit.request import answer_path, read_audit, request_audit, request_path
from core.audit.result import Audit, from_record
from core.audit.supervise import supervise
from core.audit.verdict import find_blockers
from core.paths import CODE_ROOT, Workspace
from tests.real import build_starter, environment
from tests.trainer.audit_cases import ANSWER_CASES, CASES, FATAL_CASES, UNREADABLE_CASES, Row

pytestmark = pytest.mark.slow
MASKED = -100


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    root = tmp_path_factory.mktemp("workspace")
    build_starter(root)
    return Workspace(root)


@pytest.fixture(scope="module")
def found(workspace: Workspace) -> dict[str, Row]:
    """For each case what Axolotl wrote, and what the audit says."""
    run(workspace, str(CODE_ROOT / "tests/trainer/audit_beside_axolotl.py"))
    return json.loads((workspace.root / "found.json").read_text())


def run(workspace: Workspace, *arguments: str) -> None:
    """Run a Python process of ours on the workspace."""
    done = subprocess.run(
        [sys.executable, "-P", *arguments],
        cwd=workspace.root,
        env=environment(workspace.root) | {"HF_DATASETS_CACHE": str(workspace.root / "cache")},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr[-3000:]


def audit_of(case: Row) -> Audit:
    audit = from_record(case["audit"])
    assert audit.ok, audit.reason
    return audit


def kept_by_length(case: Row) -> list[list[Any]]:
    """The audit's rows that pass, by the rules that `supervise` counts with."""
    plan = plan_of(case["keys"])
    rows = [row for row in case["rows"] if len(row[0]) >= plan.min_sample_len]
    if plan.strategy == "truncate":
        rows = [[part[: plan.sequence_len] for part in row] for row in rows]
    rows = [row for row in rows if len(row[0]) <= plan.sequence_len]
    if plan.packing:
        rows = [row for row in rows if any(label != MASKED for label in row[1])]
    return rows


def test_a_request_is_answered_in_a_process_of_its_own(
    workspace: Workspace, found: dict[str, Row]
) -> None:
    key = request_audit(workspace, found["chat"]["keys"])
    request, out = request_path(workspace, key), answer_path(workspace, key)
    run(workspace, "-m", "trainer.audit", f"--request={request}", f"--out={out}")
    request.unlink()
    audit = read_audit(workspace, key)
    assert audit and audit.took_s > 0 and audit.at
    assert replace(audit, took_s=0.0, at="") == audit_of(found["chat"])


@pytest.mark.parametrize("name", CASES)
def test_tokens_and_labels_are_those_that_axolotl_writes(found: dict[str, Row], name: str) -> None:
    written = found[name]["written"]
    assert written, found[name]["error"]
    assert kept_by_length(found[name]) == [[row["input_ids"], row["labels"]] for row in written]


@pytest.mark.parametrize("name", CASES)
def test_the_counts_are_those_of_what_axolotl_writes(found: dict[str, Row], name: str) -> None:
    case = found[name]
    written, plan = case["written"], plan_of(case["keys"])
    counted = supervise(audit_of(case), plan)
    trained = [sum(label != MASKED for label in row["labels"]) for row in written]
    assert counted.tokens_trained == sum(trained)
    if not (plan.packing and plan.strategy == "truncate"):
        assert counted.rows_kept == len(written)
    if not plan.packing:
        assert counted.tokens_kept == sum(len(row["input_ids"]) for row in written)
        assert counted.rows_without_learning == trained.count(0)


@pytest.mark.parametrize("name", ANSWER_CASES)
def test_preferences_are_those_that_axolotl_writes(found: dict[str, Row], name: str) -> None:
    case = found[name]
    plan, written = plan_of(case["keys"]), case["written"]
    assert written, case["error"]
    if plan.strategy == "truncate":
        kept = [row for row in case["rows"] if row[3] < plan.sequence_len]
        assert [row[0] for row in kept] == [row["prompt"] for row in written]
    else:
        kept = [row for row in case["rows"] if row[2] <= plan.sequence_len]
        texts = [[row["prompt"], {part: row[part] for part in kept[0][1]}] for row in written]
        assert [row[:2] for row in kept] == texts
    assert supervise(audit_of(case), plan).rows_kept == len(written)
    assert len(written) < len(case["rows"]) or "short" not in name


@pytest.mark.parametrize("name", FATAL_CASES)
def test_a_row_at_which_axolotl_dies_is_named(found: dict[str, Row], name: str) -> None:
    case = found[name]
    assert case["written"] is None and case["error"]
    audit = audit_of(case)
    assert 2 in [row.line for row in audit.failed.first], audit.failed
    assert any(
        "Axolotl would stop at" in told for told in find_blockers(audit, plan_of(case["keys"]))
    )


def test_rows_with_nothing_to_learn_are_named(found: dict[str, Row]) -> None:
    lines = [row.line for row in audit_of(found["alpaca"]).nothing_to_learn.first]
    assert lines == [3, 4, 5]
    lines = [row.line for row in audit_of(found["chat"]).nothing_to_learn.first]
    assert 4 in lines


def test_texts_without_anything_in_them_are_named(found: dict[str, Row]) -> None:
    assert [row.line for row in audit_of(found["text"]).empty.first] == [3, 4]


@pytest.mark.parametrize("name", UNREADABLE_CASES)
def test_what_axolotl_cannot_begin_with_is_told(found: dict[str, Row], name: str) -> None:
    case = found[name]
    assert case["written"] is None and case["error"]
    assert not from_record(case["audit"]).ok


def reason(case: Row) -> str:
    return from_record(case["audit"]).reason


def test_a_broken_line_is_named(found: dict[str, Row]) -> None:
    assert "line 3: it is no JSON" in reason(found["broken JSON"])
    assert "line 2: it is a list" in reason(found["a list among the rows"])
    assert "empty" in reason(found["nothing in the file"])


def test_a_missing_template_is_told(found: dict[str, Row]) -> None:
    assert "has no chat template" in reason(found["no template"])
    assert "<|eot_id|>" in reason(found["end of turn of several tokens"])


def test_blank_lines_are_no_rows(found: dict[str, Row]) -> None:
    audit = audit_of(found["blank lines"])
    assert (audit.rows, audit.unit) == (3, "line")
    assert [row.line for row in audit.failed.first] == [5]
    assert [sample.line for sample in audit.samples] == [2, 6]


def test_rows_to_validate_with_are_looked_at_for_what_would_fail(found: dict[str, Row]) -> None:
    audit = audit_of(found["one of two files"])
    assert (audit.rows, audit.validation_rows, audit.files) == (1, 2, 2)
    (row,) = audit.failed.first
    assert (row.file, row.line) == ("uploads/no-messages.jsonl", 2)
    assert "has no `messages`" in row.reason


def test_what_no_spec_may_name_is_not_looked_at(found: dict[str, Row]) -> None:
    assert "outside the workspace" in reason(found["outside"])


def test_a_training_that_makes_its_own_answers_cannot_be_audited(found: dict[str, Row]) -> None:
    audit = from_record(found["online learning"]["audit"])
    assert not audit.is_known and "rl: grpo" in audit.reason


def test_processes_beside_each_other_count_every_row_once(found: dict[str, Row]) -> None:
    case = found["many rows"]
    audit = audit_of(case)
    assert (audit.rows, audit.audited_rows, audit.sequences) == (3000, 3000, 3000)
    lengths = [len(ids) for ids, _ in case["rows"]]
    assert {bar.length: bar.rows for bar in audit.histogram} == dict(Counter(lengths))
    longest = sorted(range(3000), key=lambda at: (-lengths[at], at))[:100]
    assert [row.line for row in audit.longest] == [at + 1 for at in longest]


def test_samples_show_what_is_learned_and_every_mark(found: dict[str, Row]) -> None:
    audit = audit_of(found["chat"])
    first, third = audit.samples[0], audit.samples[2]
    text = "".join(token.text for token in first.tokens)
    assert text == (
        "<|im_start|>user\nWhat is the capital of France?<|im_end|>\n"
        "<|im_start|>assistant\nThe capital of France is Paris.<|im_end|>\n"
    )
    learned = "".join(token.text for token in first.tokens if token.is_trained)
    assert learned == "The capital of France is Paris.<|im_end|>"
    marks = [token.text for token in first.tokens if token.is_special]
    assert marks == ["<|im_start|>", "<|im_end|>"] * 2
    assert "Grüße, 世界 🌍?" in "".join(token.text for token in third.tokens)


def test_both_answers_of_a_pair_are_shown(found: dict[str, Row]) -> None:
    chosen, rejected, *_ = audit_of(found["dpo"]).samples
    learned = ["".join(t.text for t in s.tokens if t.is_trained) for s in (chosen, rejected)]
    assert learned == ["Santiago.<|im_end|>", "Lima.<|im_end|>"]
    assert (chosen.part, rejected.part) == ("chosen", "rejected")


def test_an_end_that_is_never_learned_is_told(found: dict[str, Row]) -> None:
    assert audit_of(found["chat"]).no_end.count == 0
    assert audit_of(found["chat, another template"]).no_end.count > 0
    # Only the last piece of a text has an end, and a text that is cut off has none.
    assert audit_of(found["text"]).no_end.count == 0
    assert audit_of(found["text, cut after 64 pieces"]).no_end.count > 0


def test_answers_in_which_axolotl_leaves_its_own_words_are_named(found: dict[str, Row]) -> None:
    assert [row.line for row in audit_of(found["spoiled answers"]).spoiled.first] == [2]
    for name in ANSWER_CASES:
        assert not audit_of(found[name]).spoiled.count
