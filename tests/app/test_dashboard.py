import pytest

from core.run.phase import Phase
from streamlit_app.display import plain
from tests.app.conftest import Open, everything
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
    page = open_page()
    assert page.progress[0].text == "Training · 420 of 1,000 steps · 42%"
    assert [metric.value for metric in page.metric] == ["0.8254", "0.9000", "2 min 05 s"]


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
    label = open_page().page_link[0].label
    assert label.startswith("**\\!\\[x\\]\\(http\\:\u2060\\/\\/evil")


def test_the_runs_that_ended_last_come_first(place: Furnished, open_page: Open) -> None:
    place.add_run("older", Phase.FAILED, minutes_ago=60)
    place.add_run("newer", Phase.COMPLETED, minutes_ago=30)
    page = open_page()
    assert [link.label for link in page.page_link] == ["**newer**", "**older**"]
    assert "2 min 05 s" in everything(page)
