from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from core.run.phase import Phase, Stage, Verb
from core.run.status import Progress
from streamlit_app import display

NOON = datetime(2026, 11, 22, 12, 0, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (None, display.UNKNOWN),
        (-1, display.UNKNOWN),
        (0, "0 s"),
        (59.4, "59 s"),
        (59.6, "1 min 00 s"),
        (125, "2 min 05 s"),
        (3599, "59 min 59 s"),
        (11_520, "3 h 12 min"),
        (187_200, "2 d 4 h"),
    ],
)
def test_durations_are_words(seconds: float | None, text: str) -> None:
    assert display.duration_text(seconds) == text


def test_a_short_duration_has_tenths() -> None:
    assert display.precise_text(0.001) == "< 0.01 s"
    assert display.precise_text(0.04) == "0.04 s"
    assert display.precise_text(0.994) == "0.99 s"
    assert display.precise_text(0.996) == "1.0 s"
    assert display.precise_text(4.21) == "4.2 s"
    assert display.precise_text(9.96) == "10 s"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(-9, "just now"), (59, "just now"), (300, "5 min ago"), (7300, "2 h ago"), (2e5, "2 d ago")],
)
def test_the_past_is_told_roughly(seconds: float, text: str) -> None:
    assert display.ago_text(NOON - timedelta(seconds=seconds), NOON) == text


def test_a_moment_is_told_in_the_readers_time_zone() -> None:
    assert display.moment_text(NOON, ZoneInfo("Europe/Berlin")) == "2026-11-22 13:00:00"
    assert display.moment_text(None) == display.UNKNOWN


@pytest.mark.parametrize(
    ("size", "text"), [(0, "0 B"), (999, "999 B"), (3_400_000, "3.4 MB"), (271e9, "271 GB")]
)
def test_sizes_are_rounded(size: float, text: str) -> None:
    assert display.bytes_text(size) == text


def test_steps_have_thousands_separators() -> None:
    assert display.steps_text(Progress(120, 12_000)) == "120 of 12,000 steps"
    assert display.steps_text(Progress(0, 0)) == "no step yet"


@pytest.mark.parametrize(
    ("source", "model", "dataset"),
    [
        ("./models/starter", "starter", "starter"),
        ("./uploads/capitals/train.jsonl", "train.jsonl", "capitals"),
        ("/data/x/rows.jsonl", "rows.jsonl", "rows.jsonl"),
        ("org/name", "org/name", "org/name"),
    ],
)
def test_sources_have_short_names(source: str, model: str, dataset: str) -> None:
    assert (display.model_text(source), display.dataset_text(source)) == (model, dataset)


def test_every_phase_stage_and_verb_has_its_words() -> None:
    assert set(display.PHASE_COLORS) == set(display.PHASE_ICONS) == set(Phase)
    assert set(display.STAGE_WORDS) == set(Stage)
    assert set(display.VERB_WORDS) == set(display.VERB_ICONS) == set(Verb)
    assert display.stage_text("of the future") == "of the future"
    assert display.phase_of("of the future") is None


@pytest.mark.parametrize(
    ("text", "escaped"),
    [
        ("plain text", "plain text"),
        ("**bold**", r"\*\*bold\*\*"),
        ("![x](y)", r"\!\[x\]\(y\)"),
        ("<script>", r"\<script\>"),
        (":smile:", "\\:\u2060smile\\:"),
        ("https://x.y", "https\\:\u2060\\/\\/x\\.y"),
        ("www.x.y", "www\u2060\\.x\\.y"),
        ("a@b.c", "a\\@\u2060b\\.c"),
        ("two\n# lines", "two  \n\\# lines"),
        ("    code", "code"),
    ],
)
def test_nothing_in_a_plain_text_is_formatted_or_linked(text: str, escaped: str) -> None:
    assert display.plain(text) == escaped


def test_the_settings_that_matter_are_told_in_words() -> None:
    config = {"num_epochs": 3, "micro_batch_size": 4, "lora_r": 8, "learning_rate": 2e-4}
    assert display.hyperparameter_texts(config) == ["3 epochs", "learning rate 0.0002", "batch 4"]
    assert display.hyperparameter_texts(config | {"adapter": "lora"})[-1] == "rank 8"
