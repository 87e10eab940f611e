import pytest
from streamlit.testing.v1 import AppTest

from core.clock import now
from core.run.failure import Failure, FailureKind
from core.run.phase import Phase, Verb
from core.run.store import Store
from streamlit_app.display import plain
from streamlit_app.overview import look
from tests.app.conftest import Open, everything, head, press
from tests.app.furnished import Furnished, progress


def test_an_empty_workspace_says_what_to_do_first(place: Furnished, open_page: Open) -> None:
    page = everything(open_page())
    assert "Nothing has been trained here yet" in page
    assert "runs/queue" in page


def test_a_missing_daemon_is_said_on_every_page(place: Furnished, open_page: Open) -> None:
    for name in ("dashboard", "runs", "sandbox", "run"):
        assert "The daemon is not running" in open_page(name).warning[0].value


def test_a_daemon_that_stopped_beating_is_missing(place: Furnished, open_page: Open) -> None:
    place.beat(age_s=6)
    assert "The daemon is not running" in open_page().warning[0].value


def test_a_living_daemon_needs_no_word_but_its_troubles(place: Furnished, open_page: Open) -> None:
    place.beat()
    assert not open_page().warning
    place.beat(troubles=("the disk is <b>full</b>",))
    assert open_page().warning[0].value == "the disk is \\<b\\>full\\<\\/b\\>"


@pytest.mark.parametrize(
    ("standby", "told"),
    [
        (
            {"state": "ready", "ranks": 1, "memory_mib": 614},
            "Ready: the next run starts in about a second · 0.6 GiB of memory",
        ),
        ({"state": "preparing"}, "Getting ready…"),
        ({"state": "none", "reason": "<b>1.2</b> GiB\nare there"}, "<b>1.2</b> GiB are there"),
        ({"state": "none"}, "None at the moment"),
        ({"state": "off"}, "Switched off in the settings"),
    ],
)
def test_it_says_how_soon_the_next_run_starts(
    place: Furnished, open_page: Open, standby: dict[str, object], told: str
) -> None:
    place.beat(standby=standby)
    [line] = [text.value for text in open_page().markdown if "**Standby**" in text.value]
    assert plain(told) in line if "<" in told else told in line


@pytest.mark.parametrize("standby", [{}, {"state": "of a newer version"}])
def test_a_daemon_that_tells_of_no_standby_gets_no_line(
    place: Furnished, open_page: Open, standby: dict[str, object]
) -> None:
    place.beat(standby=standby)
    assert "Standby" not in everything(open_page())
    place.beat(age_s=60, standby={"state": "ready"})
    assert "Standby" not in everything(open_page())


def test_without_a_gpu_it_says_that_the_cpu_trains(place: Furnished, open_page: Open) -> None:
    place.beat()
    assert "No NVIDIA GPU found: training on the CPU." in everything(open_page())


def test_a_live_run_shows_how_far_it_is(place: Furnished, open_page: Open) -> None:
    place.beat()
    running = progress(420, eta_s=125)
    paths = place.add_run("poems", Phase.RUNNING, stage="training", progress=running)
    place.metrics(paths, 2.5, 0.8254, eval_loss=0.9)
    drawn = head(open_page())
    assert drawn["bar"] == {"fraction": 0.42, "text": "Training · 420 of 1,000 steps · 42%"}
    assert [value for _, value, _ in drawn["tiles"]] == ["0.8254", "0.9000", "2 min 05 s"]


def test_the_queue_is_shown_in_its_order_with_what_was_just_dropped(
    place: Furnished, open_page: Open
) -> None:
    place.beat()
    place.add_run("second", Phase.QUEUED, minutes_ago=1, position=2)
    place.add_run("first", Phase.QUEUED, minutes_ago=0.5, position=1)
    place.workspace.queue.mkdir()
    (place.workspace.queue / "newest.yaml").write_text("x: 1")
    page = open_page()
    assert [link.label for link in page.page_link] == ["**first**", "**second**"]
    assert "newest\\.yaml · just dropped, not taken yet" in everything(page)


def test_a_rejected_spec_tells_why_and_can_be_dismissed(place: Furnished, open_page: Open) -> None:
    place.reject("broken.yaml", "`learning_rat` is not an Axolotl key.")
    page = open_page()
    assert "`learning_rat` is not an Axolotl key" in everything(page)
    page.button(key="dismiss broken.yaml").click().run()
    assert "learning_rat" not in everything(page)
    kept = place.workspace.rejected / ".dismissed"
    assert {path.name for path in kept.iterdir()} == {"broken.yaml", "broken.reason.txt"}


def test_a_hostile_name_is_only_text(place: Furnished, open_page: Open) -> None:
    place.add_run("evil", Phase.COMPLETED, name="![x](http://evil.example/x.png)<script>")
    [label] = names(open_page())
    assert label.startswith("**\\!\\[x\\]\\(http\\:\u2060\\/\\/evil")


def test_the_runs_that_ended_last_come_first(place: Furnished, open_page: Open) -> None:
    place.add_run("older", Phase.CANCELLED, minutes_ago=60)
    best = place.add_run("newer", Phase.COMPLETED, minutes_ago=30)
    place.metrics(best, 2.0, 0.9, eval_loss=1.25)
    page = open_page()
    assert names(page) == ["**newer**", "**older**"]
    assert "best validation loss 1.2500 · 2 min 05 s · 27 min ago" in everything(page)


def test_what_failed_lately_comes_on_top_and_can_be_tried_again(
    place: Furnished, open_page: Open
) -> None:
    failure = Failure(FailureKind.KILLED, "The training was killed.", step=57)
    paths = place.add_run("broken", Phase.FAILED, failure=failure, progress=progress(57))
    place.add_run("forgotten", Phase.FAILED, minutes_ago=2 * 24 * 60)
    page = open_page()
    assert names(page) == ["**broken**", "**forgotten**"]
    assert "The training was killed\\. At step 57 of 1\\,000" in everything(page)
    press(page, "Retry")
    assert Store(place.workspace).requested(paths.run_id) == [Verb.RETRY]
    assert "Trying again…" in [button.label for button in page.button]


def test_waiting_runs_say_when_they_will_probably_start(place: Furnished, open_page: Open) -> None:
    place.beat(age_s=-4, gpus=[{"index": 0, "name": "RTX"}, {"index": 1, "name": "RTX"}])
    place.add_run("support", Phase.RUNNING, gpus=(0,), progress=progress(420, eta_s=25 * 60))
    place.add_run("capitals", Phase.STARTING, gpus=(1,))
    place.add_run("poems", Phase.QUEUED, minutes_ago=3, position=1)
    place.add_run("letters", Phase.QUEUED, minutes_ago=2, position=2)
    page = everything(open_page())
    assert "**Starts in about 25 min**" in page
    assert "**Starts as soon as poems or capitals ends**" in page


def test_the_time_of_a_run_like_it_tells_when_the_next_one_starts(
    place: Furnished, open_page: Open
) -> None:
    place.beat(age_s=-4)
    place.add_run("past", Phase.COMPLETED, minutes_ago=900)
    place.add_run("now", Phase.RUNNING, minutes_ago=0.1, progress=progress(9, eta_s=3600))
    place.add_run("first", Phase.QUEUED, minutes_ago=3, position=1)
    place.add_run("second", Phase.QUEUED, minutes_ago=2, position=2)
    told = everything(open_page())
    assert told.count("**Starts in about an hour**") == 2


def test_without_a_daemon_nothing_is_told_to_start(place: Furnished, open_page: Open) -> None:
    place.add_run("now", Phase.RUNNING, progress=progress(9, eta_s=3600))
    place.add_run("next", Phase.QUEUED, position=1)
    assert "Starts" not in everything(open_page())


def test_a_card_has_a_tiny_curve_of_the_last_losses(place: Furnished, open_page: Open) -> None:
    paths = place.add_run("poems", Phase.RUNNING)
    place.metrics(paths, *(3.0 - step / 50 for step in range(100)))
    drawn = head(open_page())
    assert len(drawn["losses"]) == 60
    assert drawn["losses"][-1] == pytest.approx(1.02)
    assert drawn["alt"] == "Loss at the last 60 log events, from 2.2000 to 1.0200"


def test_empty_parts_say_what_will_be_there(place: Furnished, open_page: Open) -> None:
    place.add_run("one", Phase.PAUSED, reason="as you asked")
    page = open_page()
    told = everything(page)
    assert "Nothing is training at the moment" in told
    assert "Nothing waits. A new run starts as soon as a GPU is free" in told
    assert "Runs that have ended are listed here" in told
    assert "New run" in [link.label for link in page.page_link]


def test_what_a_living_run_does_is_no_reason_to_draw_the_lists_anew(
    place: Furnished, open_page: Open
) -> None:
    paths = place.add_run("poems", Phase.RUNNING, progress=progress(1))
    at = now()
    before = look(at)
    place.change(paths, progress=progress(2))
    assert look(at) == before
    assert look(at).live[0].run != before.live[0].run
    seen = {before.revision, look(at).revision}
    assert len(seen) == 1
    Store(place.workspace).request(paths.run_id, Verb.PAUSE)
    seen.add(look(at).revision)
    place.change(paths, phase=Phase.PAUSING, reason="as you asked")
    seen.add(look(at).revision)
    place.change(paths, phase=Phase.COMPLETED, ended_at=at)
    seen.add(look(at).revision)
    assert len(seen) == 4


def names(page: AppTest) -> list[str]:
    """The names of the runs, from top to bottom."""
    return [link.label for link in page.page_link if link.label.startswith("**")]
