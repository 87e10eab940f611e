import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.spec.differences import all_keys, differing_keys, flatten

scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text()
values = st.recursive(
    scalars, lambda inner: st.lists(inner) | st.dictionaries(st.text(min_size=1), inner)
)


def test_nested_values_have_flat_keys_by_axolotls_own_names() -> None:
    config = {
        "run": {"name": "poems", "gpus": 2},
        "base_model": "starter",
        "datasets": [{"path": "a.jsonl", "type": "chat_template"}, {"path": "b.jsonl"}],
        "lora_target_modules": ["q_proj", "v_proj"],
        "load_in_4bit": True,
        "wandb_project": None,
        "plugins": [],
    }
    assert flatten(config) == {
        "run.gpus": "2",
        "base_model": "starter",
        "datasets[0].path": "a.jsonl",
        "datasets[0].type": "chat_template",
        "datasets[1].path": "b.jsonl",
        "lora_target_modules": "q_proj, v_proj",
        "load_in_4bit": "true",
        "plugins": "[]",
    }


@pytest.mark.parametrize(
    ("one", "other", "differ"),
    [(1e-4, 0.0001, False), (1, 1.0, False), (1, True, True), ("a", "b", True), (2, None, True)],
)
def test_a_parameter_differs_when_it_means_something_else(
    one: object, other: object, differ: bool
) -> None:
    runs = [flatten({"key": one}), flatten({"key": other, "same": 1}), flatten({"same": 1})]
    assert ("key" in differing_keys(runs[:2])) is differ


def test_a_run_whose_spec_is_unknown_differs_from_no_other() -> None:
    runs = [{"a": "1", "b": "2"}, {}, {"a": "1", "b": "3", "c": "4"}]
    assert differing_keys(runs) == ["b", "c"]
    assert all_keys(runs) == ["a", "b", "c"]
    assert differing_keys([{"a": "1"}]) == []


@given(st.dictionaries(st.text(min_size=1), values))
def test_whatever_stands_in_a_config_becomes_texts(config: dict[str, object]) -> None:
    found = flatten(config)
    assert all(isinstance(value, str) for value in found.values())
    assert differing_keys([found, dict(found)]) == []
