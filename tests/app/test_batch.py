from streamlit_app.batch import next_halving, shrunk


def test_half_the_batch_sees_as_many_rows() -> None:
    config = {"micro_batch_size": 8, "gradient_accumulation_steps": 2}
    assert shrunk(config, 2) == {"micro_batch_size": 2, "gradient_accumulation_steps": 8}


def test_the_next_halving_tells_both_changes_from_what_is_left_now() -> None:
    config = {"micro_batch_size": 8, "gradient_accumulation_steps": 2}
    assert next_halving(config, 1) == [
        "micro_batch_size 2 instead of 4",
        "gradient_accumulation_steps 8 instead of 4",
    ]


def test_a_batch_of_one_has_no_half() -> None:
    assert next_halving({}, 0) == []
    assert next_halving({"micro_batch_size": 2}, 1) == []


def test_a_fixed_batch_size_keeps_its_rows_without_a_word() -> None:
    config = {"micro_batch_size": 4, "batch_size": 8}
    assert next_halving(config, 0) == ["micro_batch_size 2 instead of 4"]
