from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from core.clock import now
from core.paths import RunPaths
from core.run.failure import Failure, FailureKind
from core.run.phase import Phase, Verb
from core.run.store import Store
from core.safe_yaml import load_yaml_mapping
from tests.app.conftest import Open, everything, head, press, summary
from tests.app.furnished import SPEC, Furnished, progress

KILLED = Failure(FailureKind.KILLED, "The training was killed.", "Try again.", ("Killed",), 57)
NO_MEMORY = Failure(FailureKind.GPU_MEMORY, "The GPU ran out of memory.")


def buttons(page: AppTest) -> list[str]:
    return [button.label for button in page.button]


def asked(place: Furnished, paths: RunPaths) -> list[Verb]:
    return Store(place.workspace).requested(paths.run_id)


@pytest.mark.parametrize(
    ("phase", "changes", "labels"),
    [
        (Phase.QUEUED, {}, ["Hold back", "Cancel"]),
        (Phase.QUEUED, {"retry_at": now()}, ["Hold back", "Retry now", "Cancel"]),
        (Phase.STARTING, {}, ["Pause", "Cancel"]),
        (Phase.RUNNING, {}, ["Pause", "Checkpoint now", "Cancel"]),
        (Phase.PAUSING, {}, ["Pausing…", "Cancel"]),
        (Phase.PAUSED, {}, ["Resume", "Cancel"]),
        (Phase.CANCELLING, {}, []),
        (Phase.COMPLETED, {}, []),
        (Phase.CANCELLED, {}, []),
        (Phase.FAILED, {"failure": KILLED}, ["Retry"]),
        (Phase.FAILED, {"failure": NO_MEMORY}, ["Halve the batch and retry", "Retry"]),
    ],
)
def test_a_run_offers_only_what_applies(
    place: Furnished, open_page: Open, phase: Phase, changes: dict[str, Any], labels: list[str]
) -> None:
    paths = place.add_run("poems", phase, **changes)
    batch(paths, 4, 2)
    page = open_page("run", run=paths.run_id)
    assert [label for label in buttons(page) if label != "Generate preview"] == labels


@pytest.mark.parametrize(
    ("phase", "label", "waiting", "verb"),
    [
        (Phase.QUEUED, "Hold back", "Holding back…", Verb.PAUSE),
        (Phase.RUNNING, "Pause", "Pausing…", Verb.PAUSE),
        (Phase.RUNNING, "Checkpoint now", "Saving a checkpoint…", Verb.CHECKPOINT),
        (Phase.PAUSED, "Resume", "Resuming…", Verb.RESUME),
        (Phase.FAILED, "Retry", "Trying again…", Verb.RETRY),
        (Phase.FAILED, "Halve the batch and retry", "Halving the batch…", Verb.SHRINK),
    ],
)
def test_a_click_asks_once_and_the_button_says_so_until_the_answer(
    place: Furnished, open_page: Open, phase: Phase, label: str, waiting: str, verb: Verb
) -> None:
    paths = place.add_run("poems", phase, failure=NO_MEMORY if phase is Phase.FAILED else None)
    batch(paths, 4, 2)
    page = open_page("run", run=paths.run_id)
    press(page, label)
    assert asked(place, paths) == [verb]
    assert label not in buttons(page)
    assert next(button for button in page.button if button.label == waiting).disabled
    answer(paths)
    assert label in buttons(page.run())


def test_nothing_else_can_be_asked_of_a_run_that_is_to_be_cancelled(
    place: Furnished, open_page: Open
) -> None:
    paths = place.add_run("poems", Phase.RUNNING)
    page = open_page("run", run=paths.run_id)
    press(press(page, "Cancel"), "Cancel the run")
    assert buttons(page) == ["Cancelling…"]


def test_the_question_before_cancelling_is_forgotten_when_the_run_has_ended(
    place: Furnished, open_page: Open
) -> None:
    paths = place.add_run("poems", Phase.RUNNING)
    page = open_page("run", run=paths.run_id)
    press(page, "Cancel")
    place.change(paths, phase=Phase.FAILED)
    page.run()
    place.change(paths, phase=Phase.QUEUED)
    assert "Cancel the run" not in buttons(page.run())


def test_halving_says_what_the_batch_becomes(place: Furnished, open_page: Open) -> None:
    paths = place.add_run("poems", Phase.FAILED, failure=NO_MEMORY, shrinks=1)
    batch(paths, 8, 2)
    page = everything(open_page("run", run=paths.run_id))
    assert "micro\\_batch\\_size 2 instead of 4" in page
    assert "gradient\\_accumulation\\_steps 8 instead of 4" in page


def test_a_batch_of_one_is_not_halved(place: Furnished, open_page: Open) -> None:
    paths = place.add_run("poems", Phase.FAILED, failure=NO_MEMORY)
    batch(paths, 1, 16)
    page = open_page("run", run=paths.run_id)
    assert "Halve the batch and retry" not in buttons(page)
    assert "cannot be halved" in everything(page)


def test_a_halved_batch_is_what_the_page_tells(place: Furnished, open_page: Open) -> None:
    paths = place.add_run("poems", Phase.RUNNING, shrinks=2)
    batch(paths, 8, 2)
    page = open_page("run", run=paths.run_id)
    assert "batch 2 \N{MULTIPLICATION SIGN} 8" in summary(page)


def test_a_failure_tells_what_happened_what_to_try_and_the_lines_of_its_log(
    place: Furnished, open_page: Open
) -> None:
    failure = Failure(
        FailureKind.BAD_DATA,
        "Row <3> is ![x](http://evil.example/x.png).",
        "Look at `train.jsonl`, **now**.",
        ("<script>alert(1)</script>", "\x1b[31mKeyError\x1b[0m: 'messages'"),
        3,
    )
    paths = place.add_run(
        "poems", Phase.FAILED, failure=failure, attempt=3, retries=2, progress=progress(3)
    )
    page = open_page("run", run=paths.run_id)
    assert page.code[0].value == "<script>alert(1)</script>\nKeyError: 'messages'"
    told = everything(page)
    assert "Row \\<3\\> is \\!\\[x\\]" in told
    assert "Look at `train.jsonl`" in told
    assert "**now**" not in told
    assert "3 attempts\\, 2 of them automatic restarts" in told
    assert head(page)["why"] == "At step 3 of 1,000 · try 3"


def test_a_paused_run_keeps_its_bar_and_its_clock_stands_still(
    place: Furnished, open_page: Open
) -> None:
    paths = place.add_run(
        "poems",
        Phase.PAUSED,
        reason="at step 40",
        progress=progress(40),
        trained_s=125,
        latest_checkpoint="checkpoint-40",
        resumable=True,
    )
    page = open_page("run", run=paths.run_id)
    assert "Paused at step 40 of 1,000. Resume continues from there." in head(page)["why"]
    assert head(page)["bar"]["text"] == "40 of 1,000 steps · 4%"
    assert ["Elapsed", "2 min 05 s", ""] in head(page)["tiles"]


def test_a_run_that_starts_again_keeps_its_curve(place: Furnished, open_page: Open) -> None:
    paths = place.add_run("poems", Phase.STARTING, attempt=2, retries=1, progress=progress(3))
    place.metrics(paths, 3.0, 2.0, 1.0)
    page = open_page("run", run=paths.run_id)
    assert page.get("bidi_component")
    assert head(page)["why"].endswith("try 2")


def test_a_queue_can_be_reordered_and_held_back(place: Furnished, open_page: Open) -> None:
    first, second, third = (
        place.add_run(name, Phase.QUEUED, minutes_ago=9 - place_, position=place_)
        for place_, name in enumerate(("first", "second", "third"), 1)
    )
    page = open_page()
    offered = [
        [button.label for button in page.button if str(button.key).endswith(paths.run_id)]
        for paths in (first, second, third)
    ]
    assert offered == [["Up", "Down", "To front", "Hold back"]] * 3
    assert [button.key for button in page.button if button.disabled] == [
        f"Up {first.run_id}",
        f"To front {first.run_id}",
        f"Down {third.run_id}",
    ]
    page.button(key=f"Up {third.run_id}").click().run()
    assert wishes(third) == [{"verb": "move", "to": 2}]
    assert "Moving…" in everything(page)
    answer(third)
    page.run().button(key=f"To front {third.run_id}").click().run()
    assert wishes(third) == [{"verb": "move", "to": 1}]
    page.button(key=f"Down {second.run_id}").click().run()
    assert wishes(second) == [{"verb": "move", "to": 3}]
    answer(second)
    page.button(key=f"pause {first.run_id}").click().run()
    assert wishes(first) == [{"verb": "pause"}]
    assert wishes(second) == []


def test_each_waiting_run_says_why_it_waits(place: Furnished, open_page: Open) -> None:
    place.add_run("busy", Phase.QUEUED, position=1, reason="waits for GPU 0: <b>7.4 GiB</b> used")
    reason = "starts again in 28 s, as attempt 2 of 3"
    place.add_run("unlucky", Phase.QUEUED, position=2, failure=KILLED, reason=reason)
    page = everything(open_page())
    assert "Waits for GPU 0\\:" in page
    assert "<b>" not in page
    assert "Starts again in 28 s\\, as attempt 2 of 3\\. The training was killed" in page


def test_one_that_waits_alone_has_no_other_place(place: Furnished, open_page: Open) -> None:
    place.add_run("alone", Phase.QUEUED, position=1)
    assert buttons(open_page()) == ["Hold back"]


@pytest.mark.parametrize(("held_by", "under"), [("temperature", "Needs a look"), ("", "Paused")])
def test_paused_runs_stand_apart_with_their_reason_and_a_way_on(
    place: Furnished, open_page: Open, held_by: str, under: str
) -> None:
    place.add_run("waiting", Phase.QUEUED, position=1)
    paths = place.add_run("hot", Phase.PAUSED, held_by=held_by, reason="GPU 0 is at 91 °C")
    page = open_page()
    assert under in [heading.value for heading in page.subheader]
    assert "GPU 0 is at 91 °C" in everything(page)
    press(page, "Resume")
    assert asked(place, paths) == [Verb.RESUME]


def test_two_runs_that_train_have_a_card_each(place: Furnished, open_page: Open) -> None:
    for name in ("one", "two"):
        paths = place.add_run(name, Phase.RUNNING, progress=progress(3), gpus=(0,))
        place.metrics(paths, 2.0)
    page = open_page()
    assert [link.label for link in page.page_link] == ["**two**", "**one**"]
    drawn = [part.proto.json for part in page.get("bidi_component")]
    assert len([part for part in drawn if "bar" in part]) == 2
    page.button(key=f"pause {paths.run_id}").click().run()
    assert buttons(page) == ["Pausing…", "Pause"]


def test_a_run_that_is_pausing_tells_on_its_card_what_it_waits_for(
    place: Furnished, open_page: Open
) -> None:
    reason = "waiting for the evaluation to end (37 of 120 batches)"
    place.add_run("one", Phase.PAUSING, stage="evaluating", reason=reason)
    page = open_page()
    assert "Waiting for the evaluation to end \\(37 of 120 batches\\)" in everything(page)
    assert page.button[0].disabled


def batch(paths: RunPaths, micro: int, accumulated: int) -> None:
    """The run's spec asks for this batch."""
    keys = f"micro_batch_size: {micro}\ngradient_accumulation_steps: {accumulated}\n"
    paths.spec.write_text(SPEC.format(name="poems") + keys)


def wishes(paths: RunPaths) -> list[dict[str, Any]]:
    """What was asked of the run, without who did and when."""
    texts = [path.read_bytes() for path in sorted(paths.requests.glob("*.yaml"))]
    found = [load_yaml_mapping(text) for text in texts]
    return [{key: wish[key] for key in ("verb", "to") if key in wish} for wish in found]


def answer(paths: RunPaths) -> None:
    """The daemon has read what was asked."""
    for path in paths.requests.iterdir():
        path.unlink()
