"""The page of the GPUs: with some, without any, with a daemon that is gone, with hostile names."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from core.clock import now
from core.files import append_lines
from core.gpu import CSV_HEADER, GpuSnapshot, to_row
from core.monitor import machine
from core.run.phase import Phase
from streamlit_app.components import gpu_panel, history, machine_card
from tests.app.conftest import Open, everything
from tests.app.furnished import Furnished

CARD = GpuSnapshot(
    now(), 0, "GPU-0", "NVIDIA GeForce RTX 3060", 9216, 12288, 97, 71, 64, 168.0, 170.0, 1807, ""
)
HOSTILE = "<img src=x onerror=alert(1)> [a](b) :smile: **x**"


def sample(
    place: Furnished, *cards: GpuSnapshot, seconds: int = 120, end: datetime | None = None
) -> None:
    """The cards, each second up to the end, or up to now."""
    end = end or now()
    days: dict[Any, list[str]] = {}
    for second in range(seconds, -1, -1):
        at = end - timedelta(seconds=second)
        days.setdefault(at.date(), []).extend(to_row(replace(card, at=at)) for card in cards)
    for day, rows in days.items():
        place.workspace.gpu_day(day).parent.mkdir(parents=True, exist_ok=True)
        append_lines(place.workspace.gpu_day(day), rows, CSV_HEADER)


def machine_row(place: Furnished, at: datetime) -> None:
    snapshot = machine.MachineSnapshot(at, 8, 9000, 32000, 0, 0, 300_000, 900_000, 41.3)
    path = place.workspace.machine_day(at.date())
    path.parent.mkdir(parents=True, exist_ok=True)
    append_lines(path, [machine.to_row(snapshot)], machine.CSV_HEADER)


def seen(index: int = 0, *processes: dict[str, Any]) -> dict[str, Any]:
    limits = {"slowdown_c": 93, "sm_clock_max_mhz": 2100}
    return {"index": index, "name": CARD.name, "processes": list(processes), "limits": limits}


def bars(page: Any) -> list[str]:
    return [bar.proto.text for bar in page.get("progress")]


def charts(page: Any) -> list[str]:
    """The titles above the charts."""
    return [text.value for text in page.markdown if text.value.startswith("**")]


def test_a_card_shows_its_readings_with_units_and_limits(place: Furnished, open_page: Open) -> None:
    place.beat(gpus=[seen()])
    sample(place, replace(CARD, throttle="thermal"))
    page = open_page("gpus")
    assert page.title[0].value == "GPUs"
    assert bars(page)[:2] == ["9.0 GiB of 12.0 GiB memory", "97 % busy"]
    text = everything(page)
    for told in ("71 °C", "limit 93 °C", "64 %", "168 W", "of 170 W allowed", "1,807 MHz"):
        assert told in text
    assert "Slowed down by heat." in text
    assert gpu_panel.NOTHING in text
    assert "ago" not in text


def test_what_a_card_does_not_tell_is_left_out(place: Furnished, open_page: Open) -> None:
    place.beat(gpus=[{"index": 0}])
    sample(place, replace(CARD, fan_pct=None, temperature_c=None, power_w=None))
    page = open_page("gpus")
    assert "Fan" not in everything(page)
    assert "**GPU fan**" not in charts(page)
    assert "**GPU busy**" in charts(page)


def test_our_runs_are_links_and_foreign_programs_are_named_as_text(
    place: Furnished, open_page: Open
) -> None:
    paths = place.add_run("support", Phase.RUNNING, gpus=(0,))
    ours = {"pid": 5, "memory_mib": 4096, "run_id": paths.run_id, "name": "trainer.run"}
    also_ours = {**ours, "pid": 6, "memory_mib": 1024}
    foreign = {"pid": 77, "memory_mib": None, "run_id": "", "name": HOSTILE, "user": "*bob*"}
    sandbox = {"pid": 78, "memory_mib": 512, "name": "trainer.sandbox"}
    place.beat(gpus=[seen(0, foreign, ours, also_ours, sandbox)])
    sample(place, CARD)
    page = open_page("gpus")
    text = everything(page)
    assert "**support**" in [link.proto.label for link in page.get("page_link")]
    assert "Training · 5.0 GiB" in text
    assert "The sandbox of this app · 0.5 GiB" in text
    [line] = [one.value for one in page.caption if "process 77" in one.value]
    assert "\\<img src" in line
    assert "\\*bob\\*" in line
    assert "memory not told" in line


def test_a_run_that_is_on_a_gpu_is_shown_before_the_driver_lists_it(
    place: Furnished, open_page: Open
) -> None:
    place.add_run("early", Phase.STARTING, gpus=(0,))
    place.add_run("other", Phase.RUNNING, gpus=(1,))
    place.beat(gpus=[seen()])
    sample(place, CARD)
    labels = [link.proto.label for link in open_page("gpus").get("page_link")]
    assert "**early**" in labels
    assert "**other**" not in labels


def test_when_the_daemon_is_gone_the_last_readings_say_how_old_they_are(
    place: Furnished, open_page: Open
) -> None:
    place.beat(age_s=300, gpus=[seen(0, {"pid": 7})])
    sample(place, CARD, end=now() - timedelta(seconds=300))
    machine_row(place, now() - timedelta(seconds=300))
    page = open_page("gpus")
    text = everything(page)
    assert "The daemon is not running" in page.warning[0].value
    assert text.count("Read 5 min") == 2
    assert gpu_panel.UNTOLD in text
    assert "process 7" not in text


def test_a_machine_without_a_gpu_shows_its_processor(place: Furnished, open_page: Open) -> None:
    place.beat()
    place.add_run("small", Phase.RUNNING)
    for second in range(60, -1, -5):
        machine_row(place, now() - timedelta(seconds=second))
    page = open_page("gpus")
    assert page.title[0].value == "Machine"
    assert bars(page) == [
        "Processor: 41 % of 8 cores busy",
        "Memory: 8.8 GiB of 31.2 GiB used",
        "Disk: 315 GB free of 944 GB",
    ]
    assert "No NVIDIA GPU found: training on the CPU." in everything(page)
    assert "**small**" in [link.proto.label for link in page.get("page_link")]
    assert charts(page)[-3:] == ["**Processor**", "**Memory used**", "**Free disk**"]


def test_a_new_workspace_says_what_will_be_here(place: Furnished, open_page: Open) -> None:
    text = everything(open_page("gpus"))
    assert "which is not running" in text
    assert machine_card.WAITING in text
    assert history.EMPTY in text


@pytest.mark.parametrize("window", ["Day", "Week"])
def test_a_longer_time_can_be_chosen(place: Furnished, open_page: Open, window: str) -> None:
    place.beat(gpus=[seen()])
    sample(place, CARD, replace(CARD, index=1))
    page = open_page("gpus")
    page.segmented_control(key="history window").set_value(window).run()
    assert not page.exception
    assert "**GPU memory used**" in charts(page)


def test_files_of_other_content_break_nothing(place: Furnished, open_page: Open) -> None:
    place.beat(gpus=[{"index": 0, "processes": None, "limits": {"slowdown_c": "x"}}])
    for path in (
        place.workspace.gpu_day(now().date()),
        place.workspace.gpu_minutes_day(now().date()),
        place.workspace.machine_day(now().date()),
    ):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"\xff\x00,\n" * 50 + b"2026-11-22T12:00:00.000Z,0,")
    assert history.EMPTY in everything(open_page("gpus"))


def test_the_dashboard_shows_the_processor_where_there_is_no_gpu(
    place: Furnished, open_page: Open
) -> None:
    place.beat()
    machine_row(place, now())
    assert bars(open_page())[:2] == [
        "Processor: 41 % of 8 cores busy",
        "Memory: 8.8 GiB of 31.2 GiB used",
    ]
