"""Every setting is checked at the door, and a wrong one is named with what it may be."""

from dataclasses import fields
from datetime import time
from pathlib import Path

import pytest

from core.errors import SettingsError
from core.paths import CODE_ROOT
from core.settings import Hours, Settings, load_settings, parse_settings

GOOD = {
    "poll_interval_s": ("0.05", 0.05),
    "queue_quiet_s": ("0.5", 0.5),
    "cancel_grace_s": ("60", 60),
    "hang_after_s": ("7200", 7200),
    "retry_delay_s": ("1", 1),
    "min_free_disk_gib": ("0", 0),
    "busy_gpu_mib": ("0", 0),
    "max_gpu_temperature_c": ("85.5", 85.5),
    "training_hours": ('"22:00-07:00"', Hours(time(22), time(7))),
    "sandbox_idle_s": ("5", 5),
    "keep_gpu_days": ("365", 365),
    "allowed_folders": ("[/data/models]", (Path("/data/models"),)),
    "allowed_plugins": ('["mine.*"]', ("mine.*",)),
    "trust_remote_code": ("true", True),
    "hub": ("offline", "offline"),
    "hub_uploads": ("true", True),
    "prepare_ahead": ("false", False),
    "warm_standby": ("false", False),
    "price_per_kwh": ("0.32", 0.32),
    "currency": ("' USD '", "USD"),
    "notify": ("[ntfy://topic]", ("ntfy://topic",)),
    "notify_on": ("[failed]", ("failed",)),
}

WRONG = {
    "poll_interval_s": ["0", "0.04", "2.1", "true", "fast", "[1]"],
    "queue_quiet_s": ["0", "-1", "1e9", "true", '"3"', "{a: 1}"],
    "cancel_grace_s": ["0", "-1", "40000000"],
    "hang_after_s": ["0", "-1", "1e30"],
    "retry_delay_s": ["0", "-0.5", "1e30"],
    "min_free_disk_gib": ["-1", "1e300", "2 GiB", "true"],
    "busy_gpu_mib": ["-1", "1e30", "[]"],
    "max_gpu_temperature_c": ["29", "121", "hot", "true"],
    "resume_gpu_temperature_c": ["29", "121", "cool"],
    "training_hours": [
        "22:00",
        "24:00-07:00",
        "22:60-07:00",
        '"22-7"',
        '"22:00-22:00"',
        '""',
        "[22, 7]",
        "always",
    ],
    "sandbox_idle_s": ["0", "-1"],
    "keep_gpu_days": ["0", "1.5", "true", "40000"],
    "allowed_folders": ["/data", "[1]", "[models]", '[""]', "[../other]", "[~no-such-user/x]"],
    "allowed_plugins": ["mine", "[1]", "true"],
    "trust_remote_code": ["1", '"true"', "[]"],
    "hub": ["on", "Offline", "[auto]"],
    "hub_uploads": ["0", '"no"'],
    "prepare_ahead": ["1", "always"],
    "warm_standby": ["1", "sometimes"],
    "price_per_kwh": ["-1", "1e9", "cheap", "true"],
    "currency": ['""', '"  "', "1", "[EUR]", "six letters"],
    "notify": ["ntfy://topic", "[1]", "true"],
    "notify_on": ["failed", "[ended]", "[1]"],
}


def test_every_setting_is_tested_here() -> None:
    known = {field.name for field in fields(Settings)}
    assert set(WRONG) == known
    assert set(GOOD) == known - {"resume_gpu_temperature_c"}


@pytest.mark.parametrize("key", GOOD)
def test_a_good_value_is_taken(key: str) -> None:
    text, value = GOOD[key]
    assert getattr(parse_settings(f"{key}: {text}"), key) == value


@pytest.mark.parametrize(("key", "text"), [(key, text) for key in WRONG for text in WRONG[key]])
def test_a_wrong_value_is_refused_by_the_name_of_its_key(key: str, text: str) -> None:
    limit = "max_gpu_temperature_c: 85\n" if key == "resume_gpu_temperature_c" else ""
    with pytest.raises(SettingsError, match=f"`{key}`"):
        parse_settings(f"{limit}{key}: {text}")


@pytest.mark.parametrize("key", WRONG)
def test_an_empty_value_is_the_default(key: str) -> None:
    assert parse_settings(f"{key}:") == Settings()


def test_a_misspelt_key_is_refused_with_the_known_ones() -> None:
    with pytest.raises(SettingsError, match=r"`hubs` is no setting\. Known: .*hub_uploads"):
        parse_settings("hubs: auto")


@pytest.mark.parametrize("text", ["- hub", "auto", "hub: [", "hub: auto\nhub: offline"])
def test_what_is_no_list_of_keys_is_refused(text: str, tmp_path: Path) -> None:
    path = tmp_path / "settings.yaml"
    path.write_text(text)
    with pytest.raises(SettingsError, match=str(path)):
        load_settings(path)


def test_a_file_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="cannot be read"):
        load_settings(tmp_path)
    (tmp_path / "bad.yaml").write_bytes(b"\xff\xfe\xff")
    with pytest.raises(SettingsError, match="cannot be read"):
        load_settings(tmp_path / "bad.yaml")


def test_without_a_file_or_with_an_empty_one_the_defaults_hold(tmp_path: Path) -> None:
    assert load_settings(tmp_path / "none.yaml") == Settings()
    (tmp_path / "empty.yaml").write_text("# nothing\n")
    assert load_settings(tmp_path / "empty.yaml") == Settings()


def test_the_file_that_comes_with_the_program_names_every_setting_with_its_default() -> None:
    path = CODE_ROOT / "configs" / "settings.example.yaml"
    assert load_settings(path) == Settings()
    lines = path.read_text().splitlines()
    named = {line.split(":")[0] for line in lines if line and line[0] not in "# "}
    assert named == {field.name for field in fields(Settings)}


def test_a_run_goes_on_15_degrees_below_the_limit_unless_told_otherwise() -> None:
    assert parse_settings("").cool_gpu_c is None
    assert parse_settings("max_gpu_temperature_c: 85").cool_gpu_c == 70
    both = "max_gpu_temperature_c: 85\nresume_gpu_temperature_c: 84"
    assert parse_settings(both).cool_gpu_c == 84


def test_going_on_at_the_limit_or_without_one_is_refused() -> None:
    with pytest.raises(SettingsError, match="must be below"):
        parse_settings("max_gpu_temperature_c: 85\nresume_gpu_temperature_c: 85")
    with pytest.raises(SettingsError, match="means nothing without"):
        parse_settings("resume_gpu_temperature_c: 60")


@pytest.mark.parametrize(
    ("hours", "inside", "outside"),
    [
        ("08:00-17:30", [(8, 0), (12, 0), (17, 29)], [(7, 59), (17, 30), (0, 0)]),
        ("22:00-07:00", [(22, 0), (23, 59), (0, 0), (6, 59)], [(7, 0), (12, 0), (21, 59)]),
        ("8:00 - 00:00", [(8, 0), (23, 59)], [(0, 0), (7, 59)]),
    ],
)
def test_training_hours_hold_their_beginning_and_not_their_end(
    hours: str, inside: list[tuple[int, int]], outside: list[tuple[int, int]]
) -> None:
    found = parse_settings(f'training_hours: "{hours}"').training_hours
    assert found
    assert all(found.include(time(*at)) for at in inside)
    assert not any(found.include(time(*at)) for at in outside)


def test_training_hours_are_told_as_they_are_written() -> None:
    assert str(Hours(time(22), time(7, 30))) == "22:00-07:30"
