"""The page on which a run is planned and started."""

import json
import os

import pytest
from streamlit.testing.v1 import AppTest

from core.clock import now, now_text
from core.files import save_json
from core.model_check import answer_path, request_path
from core.paths import Workspace
from core.run.phase import Phase
from core.run.status import RunStatus, to_record
from core.run.store import Store
from core.safe_yaml import load_yaml_mapping
from daemon.records import reject as put_aside
from streamlit_app.draft_state import FROM_DEFAULTS
from tests.app.conftest import Open, check, field_key, press
from tests.app.furnished import Furnished

ROW = '{"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]}\n'
CATALOGUE = """\
models:
- {id: ./models/starter, name: Starter, parameters: 1e6, context: 64, licence: MIT, methods: [lora]}
- {id: org/big, name: Big, parameters: 8e9, context: 64, licence: MIT, methods: [qlora]}
"""
PRESET = """\
run: {name: tuned, gpus: 1}
base_model: ./models/starter
datasets: [{path: ./uploads/facts/train.jsonl, type: chat_template}]
num_epochs: 9
weight_decay: 0.25
"""


@pytest.fixture
def workspace(place: Furnished) -> Workspace:
    workspace = place.workspace
    for folder in (workspace.queue, workspace.rejected, workspace.presets, workspace.uploads):
        folder.mkdir(parents=True)
    model = workspace.models / "starter"
    model.mkdir(parents=True)
    for name in ("config.json", "model.safetensors"):
        (model / name).touch()
        # Long ago: a model that changed after its check is checked again.
        os.utime(model / name, (1, 1))
    workspace.catalogue.write_text(CATALOGUE)
    (workspace.presets / "tuned.yaml").write_text(PRESET)
    put_dataset(workspace)
    beat(workspace)
    return workspace


def put_dataset(workspace: Workspace, name: str = "facts", row: str = ROW) -> None:
    folder = workspace.dataset(name).folder
    folder.mkdir()
    (folder / "train.jsonl").write_text(row * 40)


def beat(workspace: Workspace, gpus: int = 0) -> None:
    seen = [{"index": index, "name": "RTX 3060"} for index in range(gpus)]
    save_json(workspace.heartbeat, {"beat_at": now_text(), "gpus": seen})


def reject(workspace: Workspace) -> None:
    """Do as the daemon does with the one spec that was dropped."""
    (dropped,) = Store(workspace).dropped()
    put_aside(workspace, dropped, "`lora_r` is odd.")


def spec_of(page: AppTest) -> dict[str, object]:
    return load_yaml_mapping(page.code[-1].value)


def errors_of(page: AppTest) -> str:
    return "\n".join(error.value for error in page.error)


def take(workspace: Workspace, name: str, run_id: str) -> None:
    """What the daemon does with a dropped spec."""
    paths = workspace.run(run_id)
    paths.folder.mkdir()
    (workspace.queue / f"{name}.yaml").rename(paths.spec)
    save_json(paths.status, to_record(RunStatus(run_id, name, now(), now(), phase=Phase.QUEUED)))


def test_the_preview_is_what_is_dropped(workspace: Workspace, open_page: Open) -> None:
    page = open_page("new_run")
    page.text_input(key=field_key(page, "name")).set_value("first").run()
    page.number_input(key=field_key(page, "num_epochs")).set_value(7.0).run()
    shown = page.code[-1].value
    page.button(key="new-start").click().run()

    (dropped,) = Store(workspace).dropped()
    assert dropped.name == "first.yaml"
    assert dropped.read_text() == shown + "\n"
    assert "num_epochs: 7.0" in shown


def test_a_run_that_nobody_named_is_called_after_its_dataset_and_method(
    workspace: Workspace, open_page: Open
) -> None:
    page = open_page("new_run")
    page.segmented_control(key=field_key(page, "method")).set_value("qlora").run()

    assert spec_of(page)["run"] == {"name": "facts-qlora", "gpus": 0}


def test_the_learning_rate_follows_the_method_until_it_is_changed(
    workspace: Workspace, open_page: Open
) -> None:
    page = open_page("new_run")
    page.segmented_control(key=field_key(page, "method")).set_value("full").run()
    assert spec_of(page)["learning_rate"] == 2e-5
    page.number_input(key=field_key(page, "learning_rate")).set_value(3e-4).run()
    page.segmented_control(key=field_key(page, "method")).set_value("lora").run()
    assert spec_of(page)["learning_rate"] == 3e-4


def test_only_gpus_that_the_daemon_sees_are_offered(workspace: Workspace, open_page: Open) -> None:
    page = open_page("new_run")
    assert page.selectbox(key=field_key(page, "gpus")).options == ["CPU"]
    assert any("no GPU" in caption.value for caption in page.caption)

    beat(workspace, gpus=2)
    page = open_page("new_run")
    assert page.selectbox(key=field_key(page, "gpus")).options == ["CPU", "1 GPU", "2 GPUs"]
    page.selectbox(key=field_key(page, "gpus")).set_value(2).run()
    assert spec_of(page)["run"] == {"name": "facts-lora", "gpus": 2}


def test_a_preset_fills_the_form_and_keeps_keys_without_a_field(
    workspace: Workspace, open_page: Open
) -> None:
    page = open_page("new_run")
    page.selectbox(key=field_key(page, "from")).set_value("preset:tuned").run()

    assert page.number_input(key=field_key(page, "num_epochs")).value == 9
    assert page.text_input(key=field_key(page, "name")).value == "tuned"
    assert spec_of(page)["weight_decay"] == 0.25
    assert "adapter" not in spec_of(page)


def test_an_earlier_run_fills_the_form(workspace: Workspace, open_page: Open) -> None:
    (workspace.queue / "old.yaml").write_text(PRESET.replace("num_epochs: 9", "num_epochs: 4"))
    take(workspace, "old", "20260101-000000-old")
    page = open_page("new_run")
    page.selectbox(key=field_key(page, "from")).set_value("run:20260101-000000-old").run()

    assert page.number_input(key=field_key(page, "num_epochs")).value == 4


def test_what_the_browser_said_before_it_saw_the_preset_is_no_edit(
    workspace: Workspace, open_page: Open
) -> None:
    page = open_page("new_run")
    page.selectbox(key=field_key(page, "from")).set_value("preset:tuned")
    chosen = page._tree.get_widget_states()
    page.run()
    # A part that looks for news sends every value along, and the page may not have arrived yet.
    page._run(chosen)

    assert page.number_input(key=field_key(page, "num_epochs")).value == 9


def test_a_broken_preset_is_told_of(workspace: Workspace, open_page: Open) -> None:
    (workspace.presets / "broken.yaml").write_text("a: [")
    page = check(open_page("new_run"))
    page.selectbox(key=field_key(page, "from")).set_value("preset:broken").run()

    assert any("broken" in warning.value for warning in page.warning)


def test_values_survive_a_look_at_another_page(workspace: Workspace, open_page: Open) -> None:
    page = open_page("new_run")
    page.number_input(key=field_key(page, "lora_r")).set_value(48).run()
    page.selectbox(key=field_key(page, "base_model")).set_value("org/big").run()
    page.switch_page("views/datasets.py").run()
    check(page.switch_page("views/new_run.py").run())

    assert page.number_input(key=field_key(page, "lora_r")).value == 48
    assert spec_of(page)["lora_r"] == 48
    assert spec_of(page)["base_model"] == "org/big"


def test_any_axolotl_yaml_can_be_started_and_a_mistake_is_said_first(
    workspace: Workspace, open_page: Open
) -> None:
    page = open_page("new_run")
    page.segmented_control(key=field_key(page, "mode")).set_value("YAML").run()
    given = page.text_area(key=field_key(page, "yaml")).value
    page.text_area(key=field_key(page, "yaml")).set_value(
        given.replace("lora_r:", "lora_rr:")
    ).run()

    assert "Cannot start" in errors_of(page)
    assert "`lora_rr`" in errors_of(page)
    assert page.button(key="new-start").disabled

    page.text_area(key=field_key(page, "yaml")).set_value(given + "weight_decay: 0.5\n").run()
    assert not page.error
    page.button(key="new-start").click().run()
    (dropped,) = Store(workspace).dropped()
    assert dropped.read_text().endswith("weight_decay: 0.5\n")


def test_edits_of_the_yaml_survive_a_look_at_the_form(
    workspace: Workspace, open_page: Open
) -> None:
    page = open_page("new_run")
    page.segmented_control(key=field_key(page, "mode")).set_value("YAML").run()
    edited = page.text_area(key=field_key(page, "yaml")).value + "weight_decay: 0.5\n"
    page.text_area(key=field_key(page, "yaml")).set_value(edited).run()
    page.segmented_control(key=field_key(page, "mode")).set_value("Form").run()
    page.segmented_control(key=field_key(page, "mode")).set_value("YAML").run()

    assert page.text_area(key=field_key(page, "yaml")).value == edited


def test_the_yaml_can_be_put_into_the_form(workspace: Workspace, open_page: Open) -> None:
    page = open_page("new_run")
    page.segmented_control(key=field_key(page, "mode")).set_value("YAML").run()
    page.text_area(key=field_key(page, "yaml")).set_value(PRESET).run()
    press(page, "Put this into the form")

    assert page.number_input(key=field_key(page, "num_epochs")).value == 9
    assert spec_of(page)["weight_decay"] == 0.25


def test_the_check_of_the_model_is_asked_for_and_waited_for(
    workspace: Workspace, open_page: Open
) -> None:
    page = open_page("new_run")

    assert request_path(workspace, "./models/starter").is_file()
    assert any("Looking at the model" in caption.value for caption in page.caption)
    assert not page.button(key="new-start").disabled


def answer(workspace: Workspace, base_model: str, **found: object) -> None:
    workspace.model_checks.mkdir(exist_ok=True)
    record = {"ok": True, "turn_end": "", "at": now_text(), **found}
    answer_path(workspace, base_model).write_text(json.dumps(record))
    request_path(workspace, base_model).unlink(missing_ok=True)


def test_what_the_check_found_is_shown(workspace: Workspace, open_page: Open) -> None:
    example = {"text": "<user>a", "tokens": 3}
    answer(
        workspace,
        "./models/starter",
        architecture="LlamaForCausalLM",
        parameters=7.2e9,
        has_chat_template=True,
        example=example,
    )
    page = open_page("new_run")

    text = " ".join(element.value for element in page.markdown)
    assert "LlamaForCausalLM" in text
    assert "7\\.2 billion" in text
    assert page.code[0].value == "<user>a"
    assert spec_of(page)["chat_template"] == "tokenizer_default"


def test_a_model_without_chat_template_gets_one_that_needs_no_new_tokens(
    workspace: Workspace, open_page: Open
) -> None:
    answer(workspace, "./models/starter", has_chat_template=False)
    answer(workspace, "org/big", has_chat_template=True)
    page = open_page("new_run")
    assert spec_of(page)["chat_template"] == "alpaca"

    page.selectbox(key=field_key(page, "base_model")).set_value("org/big").run()
    assert spec_of(page)["chat_template"] == "tokenizer_default"


def test_a_model_that_is_no_good_is_said_as_a_sentence(
    workspace: Workspace, open_page: Open
) -> None:
    answer(workspace, "./models/starter", ok=False, reason="no tokenizer <b>here</b>")
    page = open_page("new_run")
    # Chosen anew, a failed check is asked for again.
    assert request_path(workspace, "./models/starter").is_file()
    answer(workspace, "./models/starter", ok=False, reason="no tokenizer <b>here</b>")
    check(page.run())

    assert any("No tokenizer \\<b\\>here" in warning.value for warning in page.warning)


def test_a_model_that_is_not_there_cannot_be_started(workspace: Workspace, open_page: Open) -> None:
    gone = PRESET.replace("./models/starter", "./models/gone")
    (workspace.presets / "gone.yaml").write_text(gone)
    page = open_page("new_run")
    page.selectbox(key=field_key(page, "from")).set_value("preset:gone").run()

    assert "there is no folder" in errors_of(page)
    assert page.button(key="new-start").disabled


def test_without_a_dataset_the_way_to_one_is_shown(workspace: Workspace, open_page: Open) -> None:
    (workspace.dataset("facts").train).unlink()
    page = open_page("new_run")

    assert "there is no dataset" in errors_of(page)
    assert page.button(key="new-start").disabled


def test_the_run_opens_once_the_daemon_has_taken_it(workspace: Workspace, open_page: Open) -> None:
    page = open_page("new_run")
    page.button(key="new-start").click().run()
    assert any("daemon takes it now" in element.value for element in page.markdown)

    take(workspace, "facts-lora", "20260101-000000-facts-lora")
    check(page.run())
    assert page.query_params["run"] in (
        "20260101-000000-facts-lora",
        ["20260101-000000-facts-lora"],
    )


def test_why_a_spec_was_rejected_is_shown_with_a_way_back(
    workspace: Workspace, open_page: Open
) -> None:
    page = open_page("new_run")
    page.button(key="new-start").click().run()
    reject(workspace)
    check(page.run())

    assert "`lora_r` is odd" in errors_of(page)
    page.button(key="new-back").click().run()
    assert page.number_input(key=field_key(page, "lora_r")).value == 16


def test_without_the_daemon_a_run_waits_and_the_page_says_so(
    workspace: Workspace, open_page: Open
) -> None:
    workspace.heartbeat.unlink()
    page = open_page("new_run")
    page.button(key="new-start").click().run()

    assert any("the daemon is not running" in element.value for element in page.markdown)
    assert len(Store(workspace).dropped()) == 1


def test_a_spec_can_be_saved_as_a_preset(workspace: Workspace, open_page: Open) -> None:
    page = open_page("new_run")
    page.text_input(key="preset_name").set_value("My one").run()
    page.button(key="preset-save").click().run()

    saved = workspace.presets / "my-one.yaml"
    assert saved.read_text() == page.code[-1].value + "\n"
    page.button(key="preset-save").click().run()
    assert "already" in errors_of(page)


def test_a_spec_that_was_rejected_before_can_be_accepted_now(
    workspace: Workspace, open_page: Open
) -> None:
    page = open_page("new_run")
    page.button(key="new-start").click().run()
    reject(workspace)
    check(page.run())
    page.button(key="new-back").click().run()
    page.button(key="new-start").click().run()
    (workspace.queue / "facts-lora.yaml").rename(workspace.root / "taken.yaml")
    check(page.run())
    assert not page.error
    (workspace.root / "taken.yaml").rename(workspace.queue / "facts-lora.yaml")

    take(workspace, "facts-lora", "20260101-000000-facts-lora")
    check(page.run())
    assert "20260101-000000-facts-lora" in page.query_params["run"]


def test_no_other_dataset_is_taken_for_one_that_is_gone(
    workspace: Workspace, open_page: Open
) -> None:
    gone = PRESET.replace("uploads/facts", "uploads/gone")
    (workspace.presets / "gone.yaml").write_text(gone)
    page = open_page("new_run")
    page.selectbox(key=field_key(page, "from")).set_value("preset:gone").run()

    assert check(page).selectbox(key=field_key(page, "dataset")).value is None
    assert "choose a dataset" in errors_of(page)
    assert page.button(key="new-start").disabled
    page.selectbox(key=field_key(page, "dataset")).set_value("facts").run()
    assert not check(page).button(key="new-start").disabled


def test_what_the_form_would_lose_is_said_and_stays_in_the_yaml(
    workspace: Workspace, open_page: Open
) -> None:
    second = "datasets: [{path: org/other, type: alpaca}, "
    rich = PRESET.replace("datasets: [", second) + "gradient_checkpointing: offload\n"
    (workspace.presets / "rich.yaml").write_text(rich)
    page = open_page("new_run")
    page.selectbox(key=field_key(page, "from")).set_value("preset:rich").run()

    (warning,) = [one.value for one in check(page).warning if "no field" in one.value]
    assert "`datasets`" in warning and "`gradient_checkpointing`" in warning
    page.segmented_control(key=field_key(page, "mode")).set_value("YAML").run()
    assert page.text_area(key=field_key(page, "yaml")).value == rich
    page.selectbox(key=field_key(page, "from")).set_value("preset:tuned").run()
    assert not check(page).warning


@pytest.mark.parametrize(
    ("field", "value", "told"),
    [
        ("val_set_size", 1.0, "none of the 40 rows"),
        ("learning_rate", 5.0, "must be from 0 to 1, not 5"),
        ("learning_rate", 0.0, "must be above 0 and at most 1"),
        ("micro_batch_size", 0, "must be from 1 to 1,024, not 0"),
        ("gradient_accumulation_steps", 0, "must be from 1 to 4,096, not 0"),
        ("sequence_len", 0, "must be from 8 to 1,048,576, not 0"),
        ("num_epochs", 0.0, "must be from 0.01 to 1,000, not 0"),
    ],
)
def test_a_number_that_cannot_train_is_told_and_cannot_start(
    workspace: Workspace, open_page: Open, field: str, value: float, told: str
) -> None:
    page = open_page("new_run")
    page.number_input(key=field_key(page, field)).set_value(value).run()

    assert told in errors_of(check(page)).replace("\\", "")
    assert page.button(key="new-start").disabled


def test_the_end_of_a_turn_follows_the_model(workspace: Workspace, open_page: Open) -> None:
    known = {"has_chat_template": True, "eos_token": "</s>"}
    answer(workspace, "./models/starter", turn_end="<|im_end|>", **known)
    page = open_page("new_run")
    assert spec_of(page)["eot_tokens"] == ["<|im_end|>"]

    page.selectbox(key=field_key(page, "base_model")).set_value("org/big").run()
    # Nothing is known of it yet, then that it ends turns with its eos token.
    assert "eot_tokens" not in spec_of(page)
    answer(workspace, "org/big", turn_end="</s>", **known)
    assert "eot_tokens" not in spec_of(check(page.run()))
    page.selectbox(key=field_key(page, "base_model")).set_value("./models/starter").run()
    assert spec_of(page)["eot_tokens"] == ["<|im_end|>"]


def test_an_answer_of_an_older_version_is_asked_for_again(
    workspace: Workspace, open_page: Open
) -> None:
    answer(workspace, "./models/starter")
    path = answer_path(workspace, "./models/starter")
    path.write_text(json.dumps({"ok": True, "at": now_text()}))
    open_page("new_run")

    assert request_path(workspace, "./models/starter").is_file()


def test_a_large_model_gets_a_small_batch_until_it_is_changed(
    workspace: Workspace, open_page: Open
) -> None:
    page = open_page("new_run")
    assert (spec_of(page)["micro_batch_size"], spec_of(page)["gradient_accumulation_steps"]) == (
        2,
        4,
    )
    page.selectbox(key=field_key(page, "base_model")).set_value("org/big").run()
    assert (spec_of(page)["micro_batch_size"], spec_of(page)["gradient_accumulation_steps"]) == (
        1,
        8,
    )
    page.number_input(key=field_key(page, "micro_batch_size")).set_value(3).run()
    page.selectbox(key=field_key(page, "base_model")).set_value("./models/starter").run()
    assert spec_of(page)["micro_batch_size"] == 3


def test_a_card_that_is_seen_later_is_used_unless_the_cpu_was_chosen(
    workspace: Workspace, open_page: Open
) -> None:
    page = open_page("new_run")
    assert spec_of(page)["run"]["gpus"] == 0
    beat(workspace, gpus=1)
    check(page.run())
    assert spec_of(page)["run"]["gpus"] == 1

    page.selectbox(key=field_key(page, "gpus")).set_value(0).run()
    check(page.run())
    assert spec_of(page)["run"]["gpus"] == 0


def test_a_link_from_a_run_starts_from_that_run(workspace: Workspace, open_page: Open) -> None:
    spec = (
        "run: {name: before}\nbase_model: ./models/starter\nnum_epochs: 7\nlearning_rate: 0.001\n"
    )
    paths = workspace.run("20260101-000000-before")
    paths.folder.mkdir(parents=True)
    paths.spec.write_text(spec)
    save_json(paths.status, to_record(RunStatus(paths.run_id, "before", now(), now())))
    page = open_page("new_run", **{"from": paths.run_id})
    assert page.number_input(key=field_key(page, "num_epochs")).value == 7
    assert "from" not in page.query_params


def test_the_defaults_name_a_model_that_is_here(workspace: Workspace, open_page: Open) -> None:
    (workspace.models / "starter" / "config.json").unlink()
    page = open_page("new_run")
    fresh = spec_of(page)
    page.selectbox(key=field_key(page, "from")).set_value("preset:tuned").run()
    page.selectbox(key=field_key(page, "from")).set_value(FROM_DEFAULTS).run()
    assert fresh["base_model"] == "org/big"
    assert spec_of(page) == fresh


def test_the_yaml_of_the_defaults_holds_nothing_of_an_earlier_preset(
    workspace: Workspace, open_page: Open
) -> None:
    (workspace.presets / "rich.yaml").write_text(PRESET + "gradient_checkpointing: offload\n")
    page = open_page("new_run")
    page.selectbox(key=field_key(page, "from")).set_value("preset:rich").run()
    page.selectbox(key=field_key(page, "from")).set_value(FROM_DEFAULTS).run()
    spec = page.code[-1].value
    check(page.segmented_control(key=field_key(page, "mode")).set_value("YAML").run())
    assert page.text_area(key=field_key(page, "yaml")).value == spec + "\n"
