"""Trainings that were made elsewhere become runs like ours."""

import io
import json
import os
import shutil
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.errors import RecordError
from core.files import load_json, parse_json_lines
from core.monitor.series import Series
from core.paths import Workspace
from core.run.importing import import_output as import_output_module
from core.run.importing import json_object, output_folder
from core.run.importing.found_config import from_log, from_model_card, make_spec
from core.run.importing.import_output import find_imported, find_owner, import_output
from core.run.importing.json_object import read_object
from core.run.importing.output_folder import Found, fit_name, look_into
from core.run.importing.times import Span, find_log_span, find_span, make_clock
from core.run.importing.trainer_state import LOGGED, metric_row, summarise
from core.run.phase import Phase
from core.run.store import Run, Store
from core.safe_yaml import load_yaml_mapping
from core.settings import Settings
from core.spec.axolotl_schema import find_problems
from tests.output_folders import copy_recorded, losses, save_state


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(Workspace(tmp_path))


@pytest.fixture
def recorded(store: Store) -> Path:
    return copy_recorded(store.workspace.root / "capitals-lora")


def take_in(store: Store, folder: Path, name: str = "") -> Run:
    found = look_into(folder)
    run = store.find_run(import_output(store, Settings(), found, name or found.name))
    assert run
    return run


def rows_of(run: Run) -> list[dict[str, Any]]:
    return parse_json_lines(run.paths.metrics.read_bytes().splitlines())


def look_at(folder: Path, *events: dict[str, Any], **more: Any) -> Found:
    save_state(folder, *events, **more)
    return look_into(folder)


def test_what_axolotl_left_becomes_a_completed_run(store: Store, recorded: Path) -> None:
    run = take_in(store, recorded)
    status = run.status
    assert run.run_id.endswith("-capitals-lora")
    assert (status.phase, status.attempt) == (Phase.COMPLETED, 1)
    assert status.reason == f"imported from {recorded}"
    assert (status.progress.step, status.progress.total_steps) == (12, 12)
    assert (status.progress.epoch, status.progress.tokens) == (0.24, 6144)
    assert status.ended_at and status.started_at
    assert 6.9 < (status.ended_at - status.started_at).total_seconds() < 7
    assert (run.paths.log.read_bytes()) == (recorded / "debug.log").read_bytes()


def test_its_curves_are_drawn_like_those_of_any_run(store: Store, recorded: Path) -> None:
    run = take_in(store, recorded)
    series = Series(run.paths)
    series.refresh()
    steps, values = series.points("loss")
    assert list(steps) == list(range(1, 13))
    assert values[0] == pytest.approx(8.241081) and values[-1] == pytest.approx(4.801774)
    assert list(series.points("eval_loss")[0]) == [0, 6, 12]
    assert {"learning_rate", "grad_norm", "tokens_per_second"} <= set(series.curves)
    assert series.places.tokens[-1] == 6144


def test_its_spec_is_the_config_of_the_model_card(store: Store, recorded: Path) -> None:
    spec = load_yaml_mapping(take_in(store, recorded, "My run").paths.spec.read_bytes())
    assert spec["run"] == {"name": "My run"}
    assert (spec["base_model"], spec["lora_r"], spec["learning_rate"]) == (
        "./models/starter",
        8,
        0.002,
    )
    assert "output_dir" not in spec


def test_without_a_model_card_the_log_tells_the_config(recorded: Path) -> None:
    (recorded / "README.md").unlink()
    found = look_into(recorded)
    assert found.config_from == "debug.log"
    assert (found.config["lora_alpha"], found.config["max_steps"]) == (16, 12)
    assert find_problems(found.config) == []
    assert not {"axolotl_config_path", "vllm", "lora_dropout"} & set(found.config)


def test_without_either_the_adapter_and_the_state_tell_a_little(recorded: Path) -> None:
    (recorded / "README.md").unlink()
    (recorded / "debug.log").unlink()
    found = look_into(recorded)
    assert found.config_from == "adapter_config.json"
    assert found.config["base_model"] == "./models/starter"
    assert (found.config["adapter"], found.config["lora_r"]) == ("lora", 8)
    assert (found.config["micro_batch_size"], found.config["num_epochs"]) == (8, 1.0)


def test_a_config_file_in_the_folder_tells_most(recorded: Path) -> None:
    (recorded / "config.yml").write_text("base_model: org/other\nadapter: qlora\n")
    (recorded / "a.yaml").write_text("base_model: [")
    assert look_into(recorded).config["base_model"] == "org/other"


def test_a_folder_with_numbers_alone_is_enough(store: Store, tmp_path: Path) -> None:
    save_state(tmp_path / "bare", *losses(2.0, 1.0))
    run = take_in(store, tmp_path / "bare")
    assert load_yaml_mapping(run.paths.spec.read_bytes()) == {"run": {"name": "bare"}}
    assert not run.paths.log.exists()
    assert (run.checkpoints(), run.newest_part()) == ([], None)


def test_the_later_of_folder_and_checkpoint_counts(tmp_path: Path) -> None:
    folder = tmp_path / "out"
    save_state(folder, *losses(3.0, 2.0))
    save_state(folder / "checkpoint-1", *losses(3.0))
    assert look_into(folder).state_path == folder / "trainer_state.json"
    save_state(folder / "checkpoint-3", *losses(3.0, 2.0, 1.0))
    assert look_into(folder).state_path == folder / "checkpoint-3" / "trainer_state.json"


def test_a_damaged_checkpoint_gives_way_to_the_one_before(tmp_path: Path) -> None:
    folder = tmp_path / "out"
    save_state(folder / "checkpoint-2", *losses(3.0, 2.0))
    newest = save_state(folder / "checkpoint-3", *losses(3.0, 2.0, 1.0))
    newest.write_bytes(newest.read_bytes()[:200])
    assert look_into(folder).state.step == 2


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "cut off"),
        ('{"log_history": [{"step": 1, "lo', "no readable JSON"),
        ("[1]", "was expected"),
        ('{"global_step": 3}', "no loss"),
        ('{"log_history": 7}', "no loss"),
        ('{"log_history": [[], 1, null, {"step": "x", "loss": 1}, {"loss": 1}]}', "no loss"),
        ("[" * 100_000, "was expected"),
        ('{"log_history": [' + "[" * 100_000, "no readable JSON"),
    ],
)
def test_a_state_that_tells_nothing_is_told_of(tmp_path: Path, text: str, told: str) -> None:
    (tmp_path / "trainer_state.json").write_text(text)
    with pytest.raises(RecordError, match=told):
        look_into(tmp_path)


def test_a_folder_around_trainings_names_them(tmp_path: Path) -> None:
    save_state(tmp_path / "first" / "checkpoint-1", *losses(1.0))
    save_state(tmp_path / "second", *losses(1.0))
    with pytest.raises(RecordError, match=r"no trainer_state\.json.*in first, second\."):
        look_into(tmp_path)


def test_numbers_that_are_none_are_named(store: Store, tmp_path: Path) -> None:
    events = [
        {"step": 1, "loss": float("nan"), "grad_norm": float("inf")},
        {"step": 2, "loss": 10**400, "learning_rate": 1},
        {"step": 3, "eval_loss": True},
        {"step": 4, "loss": 1.5, "grad_norm": "much"},
    ]
    path = save_state(tmp_path / "out", *losses(1.0))
    path.write_text(json.dumps({"global_step": 4, "log_history": events}))
    first, second, last = rows_of(take_in(store, tmp_path / "out"))
    assert first["not_finite"] == ["loss", "grad_norm"] and "loss" not in first
    assert second["not_finite"] == ["loss"] and second["learning_rate"] == 1
    assert (last["step"], last["loss"]) == (4, 1.5) and "grad_norm" not in last


@settings(deadline=None)
@given(
    st.dictionaries(
        st.sampled_from(["step", "loss", "eval_loss", "epoch", "tokens/total"]),
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    )
)
def test_any_log_event_is_a_row_or_none(event: dict[str, Any]) -> None:
    row = metric_row(event)
    if row is not None:
        json.dumps(row, allow_nan=False)
        assert 0 <= row["step"] <= 2**53


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@settings(deadline=None)
@given(
    record=st.dictionaries(st.text(), VALUES, max_size=5),
    events=st.lists(VALUES, max_size=5),
    chunk=st.integers(1, 9),
)
def test_an_object_is_read_whatever_piece_comes_next(
    record: dict[str, Any], events: list[Any], chunk: int
) -> None:
    record = {**record, LOGGED: events}
    file = io.StringIO(json.dumps(record, indent=chunk % 3 or None))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(json_object, "CHUNK", chunk)
        entries = list(read_object(file, LOGGED))
    assert [value for key, value in entries if key == LOGGED] == events
    assert dict(entries) | {LOGGED: events} == record


def test_the_whole_is_told_in_short() -> None:
    entries = [
        ("global_step", 3),
        (LOGGED, {"step": 1, "loss": 3.0}),
        (LOGGED, {"step": 2, "eval_loss": 1.0}),
        (LOGGED, {"step": 3, "loss": 2.0, "num_input_tokens_seen": 70}),
        (LOGGED, {"step": 3, "eval_loss": 1.5}),
        (LOGGED, {"step": 3, "train_runtime": 60.0, "train_loss": 2.5}),
        ("max_steps", 9),
    ]
    state = summarise(entries)
    assert (state.step, state.total_steps, state.log_events, state.tokens) == (3, 9, 4, 70)
    assert (state.loss, state.eval_loss, state.best_eval_loss) == (2.0, 1.5, 1.0)
    assert state.runtime_s == 60


def test_a_training_that_was_broken_off_tells_how_far_it_came(store: Store, tmp_path: Path) -> None:
    save_state(tmp_path / "out-5", *losses(2.0, 1.0), max_steps=1000)
    run = take_in(store, tmp_path / "out-5")
    assert run.status.reason.endswith("out-5, at step 2 of 1,000")


def test_steps_lie_between_the_moments_that_are_known() -> None:
    clock = make_clock(Span(100, 200), 10, [(5, 180), (7, 170), (8, 900)])
    assert [clock.at(step).timestamp() for step in (0, 5, 10, 11)] == [100, 180, 200, 200]
    assert clock.at(2.5).timestamp() == 140


def test_the_time_is_told_by_the_log_else_by_the_training_else_by_its_files() -> None:
    log = Span(50, 60)
    assert find_span(log, 5.0, 100, [10]) == log
    assert find_span(None, 5.0, 100, [10]) == Span(95, 100)
    assert find_span(None, None, 100, [10, 300]) == Span(10, 100)
    assert find_span(None, 1e30, 100, []) == Span(0, 100)


def test_a_copy_that_lost_its_times_still_tells_when_it_was_trained(recorded: Path) -> None:
    for path in recorded.rglob("*"):
        os.utime(path, (2_000_000_000, 2_000_000_000))
    at = datetime(2026, 11, 29, 8, 38, 38, 808_000).astimezone()
    assert look_into(recorded).span.began_s == pytest.approx(at.timestamp())


def test_the_same_training_is_imported_once(store: Store, recorded: Path) -> None:
    found = look_into(recorded)
    assert find_imported(store, found.folder, found.state.step) is None
    with ThreadPoolExecutor(4) as pages:
        run_ids = set(
            pages.map(lambda _: import_output(store, Settings(), found, "capitals"), range(4))
        )
    assert len(run_ids) == len(store.runs()) == 1
    known = find_imported(store, found.folder, found.state.step)
    assert known and {known.run_id} == run_ids
    # It has been trained on since.
    assert find_imported(store, found.folder, found.state.step + 1) is None
    assert list(store.workspace.importing.iterdir()) == []


def test_two_trainings_of_one_name_and_second_get_runs_of_their_own(
    store: Store, recorded: Path
) -> None:
    other = copy_recorded(store.workspace.root / "again")
    first, second = take_in(store, recorded, "x"), take_in(store, other, "x")
    assert second.run_id == f"{first.run_id}-2"
    assert load_json(second.paths.status)["run_id"] == second.run_id


def test_the_output_of_a_run_of_ours_is_that_run(store: Store, recorded: Path) -> None:
    run = take_in(store, recorded)
    inside = run.paths.folder.resolve() / "somewhere"
    owner = find_owner(store, inside)
    assert owner and owner.run_id == run.run_id
    assert find_owner(store, recorded) is None
    assert find_owner(store, store.workspace.runs) is None


def test_weights_are_found_where_they_lie(store: Store, recorded: Path) -> None:
    run = take_in(store, recorded)
    assert run.imported_from == recorded
    assert run.checkpoints() == [6, 12]
    # The adapter's config alone is no result.
    assert run.newest_part() == "checkpoint-12"
    (recorded / "adapter_model.safetensors").touch()
    assert run.newest_part() == "final"
    shutil.rmtree(recorded)
    assert (run.checkpoints(), run.newest_part(), run.imported_from) == ([], None, recorded)


@pytest.mark.parametrize("name", ["trainer_state.json", "debug.log", "README.md"])
def test_links_and_pipes_are_not_read(store: Store, recorded: Path, name: str) -> None:
    secret = store.workspace.root / "secret"
    secret.write_text("top secret")
    for folder in (recorded, recorded / "checkpoint-13"):
        folder.mkdir(exist_ok=True)
        (folder / name).unlink(missing_ok=True)
        (folder / name).symlink_to(secret)
    os.mkfifo(recorded / "config.yaml")
    (recorded / "checkpoint-14").symlink_to(recorded / "checkpoint-12")
    run = take_in(store, recorded)
    assert run.status.progress.step == 12
    texts = [p.read_text() for p in run.paths.folder.iterdir() if p.is_file()]
    assert not any("top secret" in text for text in texts)


def test_what_a_spec_may_not_hold_is_left_out_and_told(store: Store, recorded: Path) -> None:
    token = "hf_" + "a" * 30
    (recorded / "c.yaml").write_text(
        "base_model: /elsewhere/llama\n"
        "adapter: lora\n"
        "plugins: [evil.Plugin]\n"
        "hub_model_id: me/mine\n"
        f"wandb_name: {token}\n"
        "datasets: [{path: /etc/passwd, type: alpaca}]\n"
    )
    run = take_in(store, recorded)
    spec = load_yaml_mapping(run.paths.spec.read_bytes())
    assert set(spec) == {"run", "base_model", "adapter", "micro_batch_size", "num_epochs"}
    assert spec["base_model"] == "/elsewhere/llama"
    told = run.paths.events.read_text()
    assert all(f"`{key}`" in told for key in ("plugins", "hub_model_id", "wandb_name", "datasets"))
    assert token not in told


def test_the_config_in_a_model_card_is_one_of_axolotl() -> None:
    card = (
        "---\nbase_model: org/a\n---\n```yaml\nx: 1\n```\n```yaml\nbase_model: org/b\nx: 2\n```\n"
    )
    assert from_model_card(card) == {"base_model": "org/b", "x": 2}
    assert from_model_card("---\nbase_model: org/a\n---\n# Title\n") == {"base_model": "org/a"}
    assert from_model_card("---\nbase_model: [a, b]\n---\n") == {}
    assert from_model_card("```yaml\nbase_model: a\nadapter: [x]\n```") == {}


@pytest.mark.parametrize("text", ["config:\n{", "config:\n{}", 'config:\n{"base_model": 1}', ""])
def test_a_log_without_a_config_tells_none(text: str) -> None:
    assert from_log(text) == {}


@pytest.mark.parametrize(
    ("folder", "name"),
    [
        ("capitals/lora-out", "capitals lora-out"),
        ("capitals/checkpoint-5", "capitals checkpoint-5"),
        ("Grüße an alle", "Gr-e an alle"),
        ("....", "imported"),
    ],
)
def test_a_run_is_called_after_its_folder(tmp_path: Path, folder: str, name: str) -> None:
    found = look_at(tmp_path / "models" / folder, *losses(1.0))
    assert found.name == name == fit_name(found.name)


def test_a_state_that_is_too_large_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save_state(tmp_path, *losses(1.0))
    monkeypatch.setattr(output_folder, "MAX_STATE_BYTES", 10)
    with pytest.raises(RecordError, match="at most 10 are read"):
        look_into(tmp_path)


def test_of_a_log_that_is_too_long_the_end_is_copied(
    store: Store, recorded: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(import_output_module, "MAX_LOG_BYTES", 300)
    log, copied = (recorded / "debug.log").read_bytes(), take_in(store, recorded).paths.log
    assert log.endswith(b"\n" + copied.read_bytes())
    assert 0 < len(copied.read_bytes()) <= 300


def test_hostile_texts_are_read_in_no_time() -> None:
    begin = time.monotonic()
    assert from_model_card("```yaml\n" * 30_000) == {}
    assert from_model_card("```yaml\na: 1\n```\n" * 15_000) == {}
    assert from_log('config:\n{"a": "' * 20_000) == {}
    assert summarise((f"key {n}", n) for n in range(1000)).log_events == 0
    assert time.monotonic() - begin < 5


def test_an_import_that_fails_leaves_nothing(store: Store, recorded: Path) -> None:
    found = look_into(recorded)
    found.state_path.write_text('{"log_history": [{"step": 1, "loss": 2},')
    with pytest.raises(RecordError):
        import_output(store, Settings(), found, "x")
    assert store.workspace.run_folders() == []
    assert list(store.workspace.importing.iterdir()) == []


def test_what_an_ended_import_left_goes_with_the_next(store: Store, recorded: Path) -> None:
    old, fresh = store.workspace.importing / "old", store.workspace.importing / "fresh"
    for folder in (old, fresh):
        (folder / "requests").mkdir(parents=True)
    os.utime(old, (time.time() - 90_000,) * 2)
    take_in(store, recorded)
    assert (old.exists(), fresh.exists()) == (False, True)


def test_a_log_with_a_date_that_cannot_be_is_not_believed() -> None:
    line = "[{},000] [INFO] a line\n"
    believed = line.format("2026-01-01 00:00:00"), line.format("2026-01-01 01:00:00")
    assert find_log_span(*believed) is not None
    for begin, end in (("2026-01-01", "2300-01-01"), ("1980-01-01", "2026-01-01")):
        assert (
            find_log_span(line.format(f"{begin} 00:00:00"), line.format(f"{end} 00:00:00")) is None
        )


def test_a_path_into_a_home_that_is_nowhere_is_left_out(tmp_path: Path) -> None:
    config = {"datasets": [{"path": "~nobody-of-that-name/x.jsonl"}], "lora_r": 8, "seed": "\ud800"}
    text, left_out = make_spec(config, "taken", Settings(), tmp_path)
    assert load_yaml_mapping(text) == {"run": {"name": "taken"}, "lora_r": 8}
    assert [sentence.split(":")[0] for sentence in left_out] == [
        "left out `datasets`",
        "left out `seed`",
    ]
