"""A key of the settings is changed, and nothing else; what is not understood is left alone."""

import stat
import threading
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.errors import SettingsError
from core.notice.address import key_of
from core.paths import CODE_ROOT
from core.safe_yaml import load_yaml
from core.settings import Settings, load_settings, parse_settings
from core.settings_file import (
    MAX_ADDRESSES,
    add_address,
    remove_address,
    save_values,
    with_value,
)

SHIPPED = (CODE_ROOT / "configs" / "settings.example.yaml").read_text()
ADDRESS = "json://user:hunter2@127.0.0.1:9/hush"

LINES = {
    "price_per_kwh": ["price_per_kwh:", "price_per_kwh: 0.3   # from the contract"],
    "currency": ["currency: EUR", "currency: 'a # b'", "currency: >-\n  EUR"],
    "notify": [
        "notify: []",
        "notify: [ntfy://a, ntfy://b] # mine",
        "notify:\n- ntfy://a # phone\n# work\n- ntfy://b # last",
        "notify: # all of them\n    - 'ntfy://a#b'\n\n    - ntfy://b",
        'notify: [\n  "ntfy://a", # phone\n  # work\n  ntfy://b,\n]',
    ],
    "hub": ["hub: auto", '"hub": "offline"'],
}
texts = st.text(st.characters(exclude_categories=("Cs",)), max_size=30)
values = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(10**9), 10**9),
    st.floats(allow_nan=False, allow_infinity=False),
    texts,
    st.lists(texts, max_size=4),
    st.sampled_from(["1e-4", "yes", "2026-11-29", "- a", "#", "a: b", "~", "a\n# b\n"]),
)


@st.composite
def files(draw: st.DrawFn) -> str:
    """Some keys in any order, each written in any way, with comments between them."""
    blocks = []
    for key in draw(st.permutations(sorted(LINES)))[: draw(st.integers(0, 4))]:
        blocks.append(f"# about {key}")
        blocks.append(draw(st.sampled_from(LINES[key])))
        blocks.extend(draw(st.sampled_from([[], [""], ["# after", ""]])))
    text = "\n".join([*draw(st.sampled_from([[], ["---"]])), *blocks])
    return (text + draw(st.sampled_from(["", "\n"]))).replace(
        "\n", draw(st.sampled_from(["\n", "\r\n"]))
    )


def comments(text: str) -> list[str]:
    """Every comment in the text, whatever its place."""
    told = ("about", "after", "from", "mine", "phone", "work", "last", "all of")
    return sorted(word for word in told for _ in range(text.count(f"# {word}")))


@settings(deadline=None)
@given(files(), st.sampled_from(sorted(LINES)), values)
def test_any_value_is_read_back_and_all_else_stays(text: str, key: str, value: object) -> None:
    before = load_yaml(text) or {}
    changed = with_value(text, key, value)
    assert load_yaml(changed) == {**before, key: value}
    if not isinstance(value, str | list):
        assert comments(changed) == comments(text)
    assert with_value(changed, key, value) == changed


@settings(deadline=None)
@given(st.text("abk:-[]{}#&*!|>'\"\n ?,%", max_size=40), values)
def test_whatever_the_text_it_is_changed_rightly_or_refused(text: str, value: object) -> None:
    try:
        before = load_yaml(text) or {}
        changed = with_value(text, "ab", value)
    except Exception as error:
        assert isinstance(error, Exception) and type(error).__name__ in (
            "SettingsError",
            "SpecError",
        )
        return
    assert load_yaml(changed) == {**before, "ab": value}


def test_the_file_that_comes_with_the_app_keeps_every_other_line() -> None:
    changed = with_value(SHIPPED, "price_per_kwh", 0.31)
    changed = with_value(changed, "notify", [ADDRESS])
    expected = SHIPPED.replace("price_per_kwh:\n", "price_per_kwh: 0.31\n")
    assert changed == expected.replace("notify: []", f"notify:\n- {ADDRESS}")
    changed = with_value(with_value(changed, "notify", []), "price_per_kwh", None)
    assert changed == SHIPPED


@pytest.mark.parametrize(
    "text",
    ["{price_per_kwh: 1}", "base: &a [x]\nnotify: *a", "  hub: auto", "a: 1\n...\n"],
)
def test_a_file_in_which_a_key_cannot_be_replaced_safely_is_refused(text: str) -> None:
    try:
        changed = with_value(text, "notify", ["ntfy://x"])
    except SettingsError as error:
        assert "by hand" in str(error)
    else:
        assert load_yaml(changed) == {**load_yaml(text), "notify": ["ntfy://x"]}


def test_a_file_that_is_not_there_is_made_and_secrets_are_kept_private(tmp_path: Path) -> None:
    path = tmp_path / "configs" / "settings.yaml"
    save_values(path, {"price_per_kwh": 0.3, "currency": "CHF"})
    assert stat.S_IMODE(path.stat().st_mode) & 0o044
    assert load_settings(path) == Settings(price_per_kwh=0.3, currency="CHF")
    add_address(path, f"  {ADDRESS}\n")
    assert load_settings(path).notify == (ADDRESS,)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    remove_address(path, key_of(ADDRESS))
    assert load_settings(path).notify == ()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    real, path = tmp_path / "real.yaml", tmp_path / "settings.yaml"
    real.write_text("# mine\nhub: offline\n")
    path.symlink_to(real)
    save_values(path, {"currency": "USD"})
    assert path.is_symlink()
    assert real.read_text() == "# mine\nhub: offline\ncurrency: USD\n"


@pytest.mark.parametrize("broken", [f"notify: [{ADDRESS}\n", f"notify_on: [{ADDRESS}]\n", "- a\n"])
def test_a_broken_file_is_left_as_it_is_and_no_secret_is_told(tmp_path: Path, broken: str) -> None:
    path = tmp_path / "settings.yaml"
    path.write_text(broken)
    for act in (lambda: add_address(path, "ntfy://x"), lambda: load_settings(path)):
        with pytest.raises(SettingsError) as refusal:
            act()
        assert "hunter2" not in str(refusal.value)
    assert path.read_text() == broken
    assert list(tmp_path.iterdir()) == [path]


def test_what_is_no_setting_is_not_written(tmp_path: Path) -> None:
    path = tmp_path / "settings.yaml"
    path.write_text("hub: offline\n")
    for values in ({"price_per_kwh": -1}, {"currency": "far too long"}, {"notify_on": ["x"]}):
        with pytest.raises(SettingsError):
            save_values(path, values)
    for address in ("", "no address", "ntfy://a b", "x" * 3000):
        with pytest.raises(SettingsError):
            add_address(path, address)
    assert path.read_text() == "hub: offline\n"


def test_an_address_is_added_once_and_their_number_has_an_end(tmp_path: Path) -> None:
    path = tmp_path / "settings.yaml"
    add_address(path, ADDRESS)
    with pytest.raises(SettingsError, match="already"):
        add_address(path, ADDRESS)
    for number in range(MAX_ADDRESSES - 1):
        add_address(path, f"ntfy://topic-{number}")
    with pytest.raises(SettingsError, match="remove one first"):
        add_address(path, "ntfy://one-more")


def test_pages_that_write_at_once_lose_nothing(tmp_path: Path) -> None:
    path = tmp_path / "settings.yaml"
    threads = [
        threading.Thread(target=add_address, args=(path, f"ntfy://topic-{number}"))
        for number in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(parse_settings(path.read_text()).notify) == 8
