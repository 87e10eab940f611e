"""What follows from an audit: what is kept, what stops a run, and under which key it is found."""

import json
import os
from dataclasses import replace
from pathlib import Path

import pytest

from core.audit.cut import keep, trained_until
from core.audit.plan import Plan, plan_of
from core.audit.request import (
    answer_path,
    asked_keys,
    audit_key,
    is_waiting,
    read_audit,
    request_audit,
    request_path,
)
from core.audit.result import (
    Audit,
    Bar,
    Failed,
    FailedRow,
    LongRow,
    Marked,
    Packing,
    RowPlace,
    Sample,
    Token,
    from_record,
    to_record,
)
from core.audit.supervise import count_validation, first_fit, supervise
from core.audit.verdict import find_blockers, find_warnings
from core.errors import RecordError
from core.files import save_json
from core.paths import Workspace

FILE = "uploads/capitals/train.jsonl"

# Four rows of 10 tokens (8, 8, 8 and none learned), one of 30 (20 learned, from position 10 on).
AUDIT = Audit(
    sequence_len=20,
    rows=5,
    audited_rows=5,
    histogram=(Bar(10, 4, 24, 40, 1), Bar(30, 1, 20, 30, 0)),
    nothing_to_learn=Marked(1, (RowPlace(FILE, 4),)),
    longest=(LongRow(FILE, 5, 30), LongRow(FILE, 1, 10)),
    trained_until=((0, 0), (2, 0), (10, 24), (20, 34), (30, 44)),
    first_trained=((2, 3), (10, 1)),
)
PLAN = Plan(sequence_len=20, micro_batch=2)


def test_rows_that_are_too_long_are_left_out() -> None:
    found = supervise(AUDIT, PLAN)
    assert (found.rows, found.rows_kept, found.rows_dropped, found.rows_cut) == (5, 4, 1, 0)
    assert (found.tokens, found.tokens_kept, found.tokens_lost) == (70, 40, 30)
    assert (found.tokens_trained, found.rows_without_learning) == (24, 1)
    assert found.share_trained == 24 / 40 and found.share_lost == 30 / 70
    assert found.steps_per_epoch == 2 and not found.is_about


def test_rows_are_cut_where_the_spec_says_so() -> None:
    found = supervise(AUDIT, replace(PLAN, strategy="truncate"))
    assert (found.rows_kept, found.rows_dropped, found.rows_cut) == (5, 0, 1)
    assert (found.tokens_kept, found.tokens_lost, found.tokens_trained) == (60, 10, 34)
    assert found.rows_without_learning == 1


def test_a_row_that_is_cut_before_its_answer_has_nothing_left_to_learn() -> None:
    kept = keep(AUDIT, replace(PLAN, strategy="truncate", sequence_len=10))
    assert (kept.cut, kept.trained, kept.unlearning) == (1, 24, 2)


def test_between_two_counted_positions_learned_tokens_are_estimated() -> None:
    assert trained_until(AUDIT, 15) == (29, True)
    assert trained_until(AUDIT, 20) == (34, False)
    assert trained_until(AUDIT, 1000) == (44, False)
    assert trained_until(Audit(), 5) == (0, False)


def test_rows_of_a_single_token_are_left_out() -> None:
    audit = replace(AUDIT, histogram=(Bar(1, 2, 2, 2, 0), Bar(10, 1, 5, 10, 0)))
    assert supervise(audit, PLAN).rows_kept == 1
    assert supervise(audit, replace(PLAN, min_sample_len=1)).rows_kept == 3


def test_packing_leaves_out_rows_with_nothing_to_learn() -> None:
    found = supervise(AUDIT, replace(PLAN, packing=True))
    assert (found.rows_kept, found.rows_without_learning) == (3, 1)
    assert (found.packs, found.steps_per_epoch, found.packs_are_about) == (2, 1, True)


def test_packs_that_axolotl_counted_are_taken_as_they_are() -> None:
    audit = replace(AUDIT, packing=Packing(20, 20, 30, 7))
    assert supervise(audit, replace(PLAN, packing=True)).packs == 7
    moved = supervise(audit, replace(PLAN, packing=True, sequence_len=30))
    assert moved.packs == 2 and moved.packs_are_about


def test_packs_of_many_rows_are_estimated_from_how_full_some_are() -> None:
    audit = Audit(rows=9000, audited_rows=9000, histogram=(Bar(30, 9000, 9000, 270_000, 0),))
    assert supervise(audit, Plan(100, micro_batch=1, packing=True)).packs == pytest.approx(
        3000, rel=0.01
    )


def test_a_pack_takes_no_more_rows_than_it_may_hold() -> None:
    assert first_fit([1] * 10, capacity=100, bin_size=4) == 3
    assert first_fit([60, 50, 40, 50], capacity=100, bin_size=200) == 2


def test_a_sample_stands_for_all_rows() -> None:
    found = supervise(replace(AUDIT, rows=5000), PLAN)
    assert (found.rows, found.rows_kept, found.tokens, found.is_about) == (5000, 4000, 70_000, True)


@pytest.mark.parametrize(("share", "rows"), [(0.1, 3), (0.5, 13), (4, 4), (0, 0)])
def test_validation_takes_a_share_or_a_number_of_rows(share: float, rows: int) -> None:
    assert count_validation(25, share) == rows


def test_validation_rows_are_no_steps() -> None:
    found = supervise(AUDIT, replace(PLAN, validation=2))
    assert (found.rows_kept, found.rows_validation, found.steps_per_epoch) == (4, 2, 1)


def test_gpus_and_accumulation_share_the_rows() -> None:
    audit = replace(AUDIT, histogram=(Bar(10, 100, 500, 1000, 0),), rows=100, audited_rows=100)
    plan = replace(PLAN, micro_batch=2, gradient_accumulation=4, gpus=2)
    assert supervise(audit, plan).steps_per_epoch == 7


def test_an_answer_pair_is_cut_and_left_out_only_if_its_prompt_is_too_long() -> None:
    # Prompts of 5 and 25 tokens.
    audit = Audit(
        rl="dpo",
        rows=2,
        audited_rows=2,
        histogram=(Bar(30, 2, 20, 80, 0),),
        trained_until=((0, 0), (20, 10), (30, 20)),
        first_trained=((5, 1), (25, 1)),
    )
    assert keep(audit, replace(PLAN, strategy="truncate")).rows == 1
    assert keep(audit, PLAN).rows == 0


def test_the_plan_is_read_from_the_keys() -> None:
    config = {
        "sequence_len": 2048,
        "micro_batch_size": 4,
        "gradient_accumulation_steps": 8,
        "sample_packing": True,
        "flash_attention": True,
        "val_set_size": 0.05,
        "excess_length_strategy": "truncate",
    }
    plan = plan_of(config, gpus=2)
    assert (plan.capacity, plan.packs_per_batch, plan.gpus) == (4 * 2048, 1, 2)
    assert (plan.gradient_accumulation, plan.strategy, plan.validation) == (8, "truncate", 0.05)
    assert plan_of({"batch_size": 16, "micro_batch_size": 4}).gradient_accumulation == 4
    assert plan_of({}) == Plan()
    assert plan_of({"sample_packing": True, "multipack_real_batches": True}).capacity == 512
    assert not plan_of({"sample_packing": True, "rl": "dpo"}).packing


def test_a_row_that_kills_is_named_with_its_line_and_reason() -> None:
    failed = Failed(2, (FailedRow(FILE, 3, "it has no `messages`"), FailedRow(FILE, 9, "odd")))
    blockers = find_blockers(replace(AUDIT, failed=failed), PLAN)
    assert blockers[0] == (
        "Axolotl would stop at line 3: it has no `messages`. Mend the row, or leave it out."
    )
    assert "line 9: odd" in blockers[1]


def test_many_rows_that_fail_alike_are_told_once() -> None:
    rows = tuple(FailedRow(FILE, line, "it has no `output`") for line in range(1, 101))
    (told,) = find_blockers(replace(AUDIT, failed=Failed(400, rows)), PLAN)
    assert told.startswith("Axolotl would stop at 400 rows (lines 1, 2, 3, 4, 5 and 395 more): it")


def test_what_cannot_be_trained_at_all_is_told_as_it_is() -> None:
    audit = Audit(ok=False, reason="The base model has no chat template.")
    assert find_blockers(audit, PLAN) == ["The base model has no chat template."]
    assert find_warnings(audit, PLAN) == []
    unknown = Audit(is_known=False, reason="Nothing can be shown.")
    assert (find_blockers(unknown, PLAN), find_warnings(unknown, PLAN)) == ([], [unknown.reason])


def test_nothing_to_learn_stops_a_run() -> None:
    audit = replace(AUDIT, histogram=(Bar(10, 4, 0, 40, 4),))
    (told,) = find_blockers(audit, PLAN)
    assert "nothing to learn in any row" in told
    (told,) = find_blockers(replace(AUDIT, histogram=(), rows=3, audited_rows=3), PLAN)
    assert "no row has any text" in told


def test_only_rows_that_are_too_long_stop_a_run() -> None:
    (told,) = find_blockers(AUDIT, replace(PLAN, sequence_len=9))
    assert "Every row is longer" in told and "shortest has 10" in told


def test_a_row_that_is_too_long_stops_a_run_that_asked_for_it() -> None:
    (told,) = find_blockers(AUDIT, replace(PLAN, strategy="raise"))
    assert "line 5 has 30 tokens" in told
    assert not find_blockers(AUDIT, replace(PLAN, strategy="raise", sequence_len=30))


def test_packs_that_fill_no_step_stop_a_run() -> None:
    (told,) = find_blockers(AUDIT, replace(PLAN, packing=True, micro_batch=8))
    assert "only 2 packs" in told and "one step takes 8" in told


def test_a_validation_that_takes_every_row_stops_a_run() -> None:
    (told,) = find_blockers(AUDIT, replace(PLAN, validation=10))
    assert "sets every row aside" in told


def test_a_good_dataset_has_neither_blockers_nor_warnings() -> None:
    audit = replace(AUDIT, histogram=(Bar(10, 4, 32, 40, 0),), nothing_to_learn=Marked(), rows=4)
    audit = replace(audit, audited_rows=4, longest=())
    assert (find_blockers(audit, PLAN), find_warnings(audit, PLAN)) == ([], [])


def test_warnings_name_lines() -> None:
    dropped, nothing = find_warnings(AUDIT, PLAN)
    assert dropped == (
        "1 of 5 rows (20 %) do not fit into `sequence_len` (20 tokens) and would be left out, "
        "43 % of all tokens: line 5."
    )
    assert nothing.startswith("In 1 row there is nothing to learn") and "line 4" in nothing


def test_rows_without_an_end_are_told_of() -> None:
    some = replace(AUDIT, no_end=Marked(1, (RowPlace(FILE, 2),)))
    assert any("In 1 row no end-of-sequence" in told for told in find_warnings(some, PLAN))
    every = replace(AUDIT, no_end=Marked(4, ()))
    assert any("never learn to end" in told for told in find_warnings(every, PLAN))


def test_a_template_whose_end_is_plain_text_is_told_of() -> None:
    audit = replace(AUDIT, tokenizer={"turn_end": "###", "turn_end_tokens": [5, 6, 7]})
    assert any("`###`, which is 3 tokens" in told for told in find_warnings(audit, PLAN))


def test_where_there_are_several_files_each_row_is_told_with_its_own() -> None:
    audit = replace(AUDIT, files=2)
    assert any(f"line 5 of {FILE}" in told for told in find_warnings(audit, PLAN))


def test_an_audit_survives_the_way_through_json() -> None:
    audit = replace(
        AUDIT,
        failed=Failed(1, (FailedRow(FILE, 3, "odd"),)),
        packing=Packing(20, 20, 30, 7),
        samples=(Sample(FILE, 1, 2, (Token("a", True, False), Token("b", False, True))),),
        notes=("a note",),
        tokenizer={"eos": "</s>"},
    )
    assert from_record(json.loads(json.dumps(to_record(audit)))) == audit
    for record in ({"histogram": 3}, {"failed": None}, {"samples": [{"file": 1}]}):
        with pytest.raises(RecordError):
            from_record(record)


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    """A workspace with a model and a dataset, as far as keys look at them."""
    workspace = Workspace(tmp_path)
    (workspace.models / "tiny").mkdir(parents=True)
    (workspace.models / "tiny/tokenizer.json").write_text("{}")
    (workspace.uploads / "capitals").mkdir(parents=True)
    workspace.dataset("capitals").train.write_text("{}\n")
    return workspace


def run_keys(kind: str = "chat_template", **keys: object) -> dict[str, object]:
    entry = {"path": f"./{FILE}", "type": kind, "ds_type": "json"}
    return {"base_model": "./models/tiny", "datasets": [entry], "sequence_len": 512, **keys}


def test_the_key_follows_what_changes_tokens(workspace: Workspace) -> None:
    root = workspace.root
    key = audit_key(run_keys(), root)
    same = (
        {"learning_rate": 1e-3, "num_epochs": 9, "lora_r": 64, "val_set_size": 0.1},
        {"sequence_len": 1024, "excess_length_strategy": "truncate", "sample_packing": True},
        {"adapter": "lora", "wandb_project": "x", "fsdp_config": {"a": 1}},
    )
    assert {audit_key(run_keys(**keys), root) for keys in same} == {key}
    other = (
        {"chat_template": "chatml"},
        {"train_on_inputs": True},
        {"eot_tokens": ["<|im_end|>"]},
        {"special_tokens": {"eos_token": "</s>"}},
        {"rl": "dpo"},
        {"some_new_key": 1},
    )
    assert len({key} | {audit_key(run_keys(**keys), root) for keys in other}) == 7


def test_a_quantised_adapter_is_asked_about_as_it_is() -> None:
    config = {"base_model": "x", "adapter": "qlora", "load_in_4bit": True, "rl": "dpo"}
    assert "adapter" not in asked_keys(config)
    asked = asked_keys(config | {"special_tokens": {"pad_token": "<pad>"}})
    assert (asked["adapter"], asked["load_in_4bit"]) == ("qlora", True)


def test_packs_counted_for_another_plan_are_not_taken(workspace: Workspace) -> None:
    packing = Packing(20, 20, 30, 7)
    audit = replace(AUDIT, packing=packing)
    plan = Plan(sequence_len=20, packing=True)
    assert supervise(audit, plan).packs == 7
    assert supervise(audit, replace(plan, strategy="truncate")).packs != 7


def test_short_rows_are_not_told_as_too_long() -> None:
    audit = replace(AUDIT, too_short=Marked(1, (RowPlace(FILE, 1),)))
    assert "do not fit" not in " ".join(find_warnings(audit, Plan(sequence_len=50)))


def test_the_key_follows_the_length_only_where_tokens_do(workspace: Workspace) -> None:
    for kind, follows in (("completion", True), ("alpaca", True), ("chat_template", False)):
        keys = {audit_key(run_keys(kind, sequence_len=n), workspace.root) for n in (512, 1024)}
        assert (len(keys) == 2) is follows


def test_the_key_follows_the_files(workspace: Workspace) -> None:
    key = audit_key(run_keys(), workspace.root)
    data = workspace.dataset("capitals").train
    os.utime(data, (1, 1))
    changed = audit_key(run_keys(), workspace.root)
    (workspace.models / "tiny/tokenizer.json").write_text('{"a": 1}')
    assert len({key, changed, audit_key(run_keys(), workspace.root)}) == 3


def test_a_question_is_asked_once_and_its_answer_found(workspace: Workspace) -> None:
    key = request_audit(workspace, run_keys(learning_rate=1e-3, plugins=["a"]))
    assert is_waiting(workspace, key) and read_audit(workspace, key) is None
    text = request_path(workspace, key).read_text()
    assert "learning_rate" not in text and "plugins" not in text and "sequence_len: 512" in text
    save_json(answer_path(workspace, key), to_record(AUDIT))
    assert read_audit(workspace, key) is None
    request_path(workspace, key).unlink()
    assert read_audit(workspace, key) == AUDIT
    assert request_audit(workspace, run_keys()) == key and not is_waiting(workspace, key)
