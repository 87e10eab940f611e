"""The GPUs as columns: read once, followed, folded into minutes; old and damaged files."""

import gzip
import math
import threading
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from core.gpu import to_row
from core.monitor.energy import Span, energy_kwh
from core.monitor.gpu_track import GpuTrack
from tests.core.monitor.sampled import CARD, NOON, Place

HOUR = timedelta(hours=1)


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


def test_without_files_there_are_no_points(place: Place) -> None:
    track = place.track()
    assert len(track.gpu(0).times) == 0
    assert track.version == 0


def test_every_reading_is_a_column(place: Place) -> None:
    place.sample(3)
    series = place.track().gpu(1)
    assert series.times.tolist() == [NOON.timestamp() + second for second in range(3)]
    assert series.memory_used_mib.tolist() == [9000.0] * 3
    assert series.memory_total_mib.tolist() == [12288.0] * 3
    assert (series.utilization_pct[0], series.temperature_c[0]) == (97, 71)
    assert (series.fan_pct[0], series.power_w[0]) == (64, 150)


def test_what_a_card_does_not_tell_is_nan(place: Place) -> None:
    place.sample(2, lambda at_s: None)
    track = place.track()
    assert np.isnan(track.gpu(0).power_w).all()
    assert energy_kwh(track, [Span(NOON, None, (0,))]) is None


def test_a_refresh_reads_what_was_added_alone(place: Place) -> None:
    place.sample(1000)
    track = place.track()
    before = bytes_read()
    track.refresh()
    assert bytes_read() - before < 4000
    assert track.version == 1
    place.sample(5)
    track.refresh()
    assert track.version == 2
    assert len(track.gpu(0).times) == 1005


def test_a_line_still_being_written_is_read_once_it_is_whole(place: Place) -> None:
    place.sample(2)
    path = place.workspace.gpu_day(NOON.date())
    line = to_row(replace(CARD, at=place.at))
    with path.open("a") as file:
        file.write(line[:40])
    place.at += timedelta(seconds=1)
    track = place.track()
    assert len(track.gpu(0).times) == 2
    with path.open("a") as file:
        file.write(line[40:] + "\n")
    track.refresh()
    assert len(track.gpu(0).times) == 3


def test_torn_foreign_and_quoted_lines_hide_no_other(place: Place) -> None:
    odd = to_row(replace(CARD, name='Card, "the" one'))
    later = to_row(replace(CARD, at=NOON + timedelta(seconds=1)))
    lines = ["hello", odd[:30], odd, later.replace("150.0", "nan"), "\0" * 90, '"', later]
    path = place.workspace.gpu_day(NOON.date())
    path.parent.mkdir(parents=True)
    path.write_bytes(b"\xff\n" + "\n".join(lines).encode() + b"\n")
    place.at += timedelta(seconds=9)
    assert len(place.track().gpu(0).times) == 2


def test_a_track_goes_on_over_midnight(place: Place) -> None:
    place.at = datetime(2026, 11, 22, 23, 59, 50, tzinfo=UTC)
    place.sample(5)
    track = place.track(place.at - timedelta(seconds=5))
    place.sample(20)
    track.refresh()
    assert len(track.gpu(0).times) == 25
    assert len(place.track(NOON).gpu(0).times) == 25


def test_only_the_time_that_was_asked_for_is_told(place: Place) -> None:
    place.sample(100)
    begin, end = NOON + timedelta(seconds=10.5), NOON + timedelta(seconds=20.5)
    times = place.track(begin, end).gpu(0).times
    assert (times[0], times[-1], len(times)) == (
        NOON.timestamp() + 11,
        NOON.timestamp() + 20,
        10,
    )


def test_a_time_that_has_ended_is_not_read_again(place: Place) -> None:
    place.sample(100)
    track = place.track(NOON, NOON + timedelta(seconds=50))
    place.workspace.gpu_day(NOON.date()).unlink()
    track.refresh()
    assert len(track.gpu(0).times) == 51


def test_before_the_fine_part_there_is_a_point_a_minute(place: Place) -> None:
    place.minutes(NOON - HOUR, 60)
    place.sample(600)
    track = place.track(NOON - HOUR, fine_s=600)
    times = track.gpu(0).times - NOON.timestamp()
    assert times[:60].tolist() == [-3600 + 30 + 60 * number for number in range(60)]
    assert times[60:].tolist() == list(range(600))


def test_a_day_of_an_older_version_without_minutes_is_folded_from_its_seconds(
    place: Place,
) -> None:
    place.sample(1200)
    track = place.track(fine_s=60)
    assert len(track.gpu(0).times) == 19 + 60
    assert energy_kwh(track, [Span(NOON, None, (0,))]) == pytest.approx(150 * 1199 / 3.6e6)


def test_minutes_that_begin_within_a_day_are_completed_from_its_seconds(place: Place) -> None:
    place.sample(1200)
    place.minutes(NOON + timedelta(minutes=10), 10)
    power = place.track(fine_s=60).gpu(0).power_w
    assert power[:19].tolist() == [150.0] * 10 + [100.0] * 9


def test_a_long_track_stays_small_and_loses_no_energy(place: Place) -> None:
    power = lambda at_s: 100 + 50 * math.sin(at_s / 7)  # noqa: E731
    track = place.track(fine_s=120)
    for _ in range(12):
        place.sample(180, power, gpus=(0,))
        track.refresh()
    series = track.gpu(0)
    assert len(series.times) < 36 + 120 + 600 + 60
    assert (np.diff(series.times) > 0).all()
    whole = place.track(fine_s=1e6)
    spans = [Span(NOON, None, (0,))]
    assert energy_kwh(track, spans) == pytest.approx(energy_kwh(whole, spans), rel=1e-9)


def test_compressed_days_are_read_too(place: Place) -> None:
    place.sample(10)
    path = place.workspace.gpu_day(NOON.date())
    path.with_name(f"{path.name}.gz").write_bytes(gzip.compress(path.read_bytes()))
    path.unlink()
    assert len(place.track(NOON, NOON + timedelta(seconds=9)).gpu(0).times) == 10
    path.with_name(f"{path.name}.gz").write_bytes(b"damaged")
    assert len(place.track().gpu(0).times) == 0


def test_of_a_whole_day_only_the_wanted_hours_are_read(place: Place) -> None:
    place.sample(20_000, gpus=(0,))
    size = place.workspace.gpu_day(NOON.date()).stat().st_size
    before = bytes_read()
    begin = NOON + timedelta(seconds=10_000)
    track = place.track(begin, begin + timedelta(seconds=60))
    assert len(track.gpu(0).times) == 61
    assert bytes_read() - before < size / 10


def test_a_clock_that_was_set_back_keeps_times_in_order(place: Place) -> None:
    place.sample(20)
    place.at -= timedelta(seconds=10)
    place.sample(20)
    times = place.track().gpu(0).times
    assert len(times) == 40
    assert (np.diff(times) >= 0).all()


def test_rows_of_the_future_are_left_out(place: Place) -> None:
    place.at += HOUR * 3
    place.sample(5)
    place.at = NOON
    place.sample(5)
    assert len(place.track().gpu(0).times) == 5


def test_threads_may_share_a_track(place: Place) -> None:
    place.sample(500)
    track = GpuTrack(place.workspace, (0, 1), NOON, None, 7200, place.now)
    threads = [threading.Thread(target=track.refresh) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(track.gpu(0).times) == 500


def bytes_read() -> int:
    """How many bytes this process has read so far."""
    return int(Path("/proc/self/io").read_text().split()[1])
