"""Guards hold what endangers the machine, and let go only once the danger is well over."""

from datetime import time

import pytest

from core.run.disk_need import DiskNeed
from core.settings import Hours, Settings
from daemon.guards import (
    GIB,
    HOT_FOR_S,
    UNKNOWN_FOR_S,
    Guard,
    Guards,
    Held,
    Machine,
    check_disk_before,
    size_text,
)
from tests.clock import Clock

NOON = time(12)
SETTINGS = Settings(min_free_disk_gib=2, max_gpu_temperature_c=85, resume_gpu_temperature_c=70)
RUN = Held(gpus=(1,), checkpoint_bytes=3 * GIB)


class Watched:
    """Guards with a clock, and what they look at."""

    def __init__(self, settings: Settings = SETTINGS) -> None:
        self.clock = Clock(1000.0)
        self.guards = Guards(settings, self.clock)
        self.look()

    def look(self, free_bytes: int = 100 * GIB, at: time = NOON, **gpus: float | None) -> None:
        """Look at the machine; `gpu1=88` is the temperature of GPU 1."""
        temperatures = {int(name.removeprefix("gpu")): value for name, value in gpus.items()}
        self.guards.look(Machine(free_bytes, at, temperatures))

    def heat(self, temperature_c: float | None = 88, seconds: float = HOT_FOR_S) -> None:
        """The GPU of the run stays at the temperature for so long."""
        self.look(gpu1=temperature_c)
        self.clock.now += seconds
        self.look(gpu1=temperature_c)


@pytest.fixture
def watched() -> Watched:
    return Watched()


def test_a_run_is_held_before_its_next_checkpoint_would_not_fit(watched: Watched) -> None:
    watched.look(5 * GIB)
    assert watched.guards.find_hold(RUN) is None
    watched.look(5 * GIB - 1)
    hold = watched.guards.find_hold(RUN)
    assert hold
    assert hold.kind == "disk"
    assert hold.sentence == (
        "only 5.0 GiB are free on the disk; a checkpoint takes 3.0 GiB and 2.0 GiB are to stay "
        "free; goes on when there are 6.0 GiB"
    )


def test_a_run_that_is_saving_is_not_held_for_the_checkpoint_it_writes(watched: Watched) -> None:
    saving = Held(gpus=(1,), checkpoint_bytes=3 * GIB, saving=True)
    watched.look(2 * GIB)
    assert watched.guards.find_hold(saving) is None
    watched.look(2 * GIB - 1)
    assert watched.guards.find_hold(saving)


def test_a_run_whose_checkpoint_is_unknown_is_held_when_little_is_free(watched: Watched) -> None:
    unknown = Held(gpus=(), checkpoint_bytes=0)
    watched.look(2 * GIB)
    assert watched.guards.find_hold(unknown) is None
    watched.look(2 * GIB - 1)
    hold = watched.guards.find_hold(unknown)
    assert hold
    assert "a checkpoint takes" not in hold.sentence


def test_it_goes_on_when_there_is_more_room_than_the_limit(watched: Watched) -> None:
    watched.look(6 * GIB)
    assert not watched.guards.may_go_on("disk", RUN)
    watched.look(6 * GIB + 1)
    assert watched.guards.may_go_on("disk", RUN)


def test_a_gpu_that_is_too_hot_for_ten_seconds_holds_its_runs(watched: Watched) -> None:
    watched.heat(seconds=HOT_FOR_S - 0.1)
    assert watched.guards.find_hold(RUN) is None
    watched.clock.now += 0.1
    watched.look(gpu1=88)
    hold = watched.guards.find_hold(RUN)
    assert hold
    assert hold.kind == "temperature"
    assert hold.sentence == "GPU 1 is at 88 °C, the limit is 85 °C; goes on below 70 °C"
    assert watched.guards.find_hold(Held(gpus=(0,), checkpoint_bytes=0)) is None
    assert watched.guards.find_hold(Held(gpus=(), checkpoint_bytes=0)) is None


@pytest.mark.parametrize("between", [84.9, None])
def test_the_ten_seconds_are_in_a_row(watched: Watched, between: float | None) -> None:
    watched.heat(seconds=HOT_FOR_S - 1)
    watched.look(gpu1=between)
    watched.clock.now += 1
    watched.heat(seconds=HOT_FOR_S - 1)
    assert watched.guards.find_hold(RUN) is None


def test_the_limit_itself_is_too_hot(watched: Watched) -> None:
    watched.heat(85)
    assert watched.guards.find_hold(RUN)


def test_a_run_goes_on_when_all_its_gpus_have_cooled_down(watched: Watched) -> None:
    both = Held(gpus=(0, 1), checkpoint_bytes=0)
    watched.heat()
    watched.look(gpu0=40, gpu1=70)
    assert not watched.guards.may_go_on("temperature", both)
    watched.look(gpu0=70, gpu1=69)
    assert not watched.guards.may_go_on("temperature", both)
    watched.look(gpu0=69, gpu1=69)
    assert watched.guards.may_go_on("temperature", both)


def test_a_hot_gpu_cools_down_before_another_run_gets_it(watched: Watched) -> None:
    watched.heat()
    assert watched.guards.cooling() == {1: "cools down to below 70 °C"}
    watched.look(gpu0=84, gpu1=70)
    assert list(watched.guards.cooling()) == [1]
    watched.look(gpu0=84, gpu1=69)
    assert watched.guards.cooling() == {}


def test_a_held_run_waits_for_a_cool_gpu_though_the_daemon_was_started_anew(
    watched: Watched,
) -> None:
    watched.look(gpu1=80)
    assert watched.guards.find_hold(RUN) is None
    assert not watched.guards.may_go_on("temperature", RUN)


@pytest.mark.parametrize("there", [True, False])
def test_a_sensor_that_is_gone_blocks_for_a_minute_only(watched: Watched, there: bool) -> None:
    watched.heat()
    silent: dict[str, float | None] = {"gpu1": None} if there else {}
    watched.clock.now += UNKNOWN_FOR_S - 1
    watched.look(**silent)  # type: ignore[arg-type]
    assert not watched.guards.may_go_on("temperature", RUN)
    assert watched.guards.find_hold(RUN)
    watched.clock.now += 1
    watched.look(**silent)  # type: ignore[arg-type]
    assert watched.guards.may_go_on("temperature", RUN)
    assert watched.guards.cooling() == {}


def test_a_sensor_that_was_never_there_holds_no_longer_than_a_minute() -> None:
    watched = Watched()
    watched.heat(None, seconds=UNKNOWN_FOR_S - 1)
    assert not watched.guards.may_go_on("temperature", RUN)
    watched.clock.now += 1
    assert watched.guards.find_hold(RUN) is None
    assert watched.guards.may_go_on("temperature", RUN)


def test_without_a_limit_no_heat_holds_and_what_was_held_goes_on() -> None:
    watched = Watched(Settings())
    watched.heat(110)
    assert watched.guards.find_hold(RUN) is None
    assert watched.guards.cooling() == {}
    assert watched.guards.may_go_on("temperature", RUN)


def test_outside_of_the_training_hours_nothing_trains_and_nothing_starts() -> None:
    watched = Watched(Settings(training_hours=Hours(time(22), time(7))))
    sentence = "outside of the training hours (22:00-07:00); goes on at 22:00"
    hold, start = watched.guards.find_hold(RUN), watched.guards.hold_for_start(None)
    assert hold
    assert hold == start
    assert (hold.kind, hold.sentence) == ("hours", sentence)
    assert not watched.guards.may_go_on("hours", RUN)
    watched.look(at=time(22))
    assert watched.guards.find_hold(RUN) is None
    assert watched.guards.hold_for_start(None) is None
    assert watched.guards.may_go_on("hours", RUN)
    watched.look(at=time(7))
    assert watched.guards.find_hold(RUN)


def test_a_run_starts_only_when_all_it_will_write_fits(watched: Watched) -> None:
    need = DiskNeed(checkpoint_bytes=3 * GIB, kept=5, result_bytes=GIB)
    watched.look(18 * GIB)
    assert watched.guards.hold_for_start(need) is None
    watched.look(18 * GIB - 1)
    hold = watched.guards.hold_for_start(need)
    assert hold
    assert hold.kind is Guard.DISK
    assert hold.sentence == (
        "waits for room on the disk: 18.0 GiB are free, it needs about 16.0 GiB more for up to 5 "
        "checkpoints of 3.0 GiB and its result, and 2.0 GiB are to stay free"
    )
    assert watched.guards.hold_for_start(need, have_bytes=6 * GIB) is None


@pytest.mark.parametrize(
    ("need", "have", "enough"),
    [
        (None, 0, 2 * GIB),
        (DiskNeed(GIB, 5, GIB), 0, 8 * GIB),
        (DiskNeed(GIB, 5, GIB), 4 * GIB, 4 * GIB),
        # Its next checkpoint has to fit, whatever else is there.
        (DiskNeed(GIB, 5, GIB), 9 * GIB, 3 * GIB),
    ],
)
def test_what_is_free_must_cover_what_is_to_come(
    need: DiskNeed | None, have: int, enough: int
) -> None:
    assert check_disk_before(need, enough, 2 * GIB, have) == ""
    assert "waits for room on the disk" in check_disk_before(need, enough - 1, 2 * GIB, have)


def test_sizes_are_told_in_units_that_fit() -> None:
    assert size_text(12 * 1024**2) == "12 MiB"
    assert size_text(GIB) == "1.0 GiB"
