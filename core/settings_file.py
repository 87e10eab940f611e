"""Changes single keys of `configs/settings.yaml`, and leaves what people wrote around them."""

import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import yaml

from core.errors import SettingsError, SpecError
from core.files import write_whole
from core.notice.address import key_of, problem_with
from core.safe_yaml import dump_yaml, load_yaml
from core.settings import Settings, parse_settings

MAX_ADDRESSES = 20
PRIVATE = 0o600
"""The mode of a file that holds addresses: they hold passwords."""

_CHANGING = threading.Lock()

Values = Mapping[str, Any]


def save_values(path: Path, values: Values) -> Settings:
    """Set the keys to the values; the settings as they are then. Raises SettingsError."""
    return _change(path, lambda settings: values)


def add_address(path: Path, address: str) -> Settings:
    """Tell that address as well from now on. Raises SettingsError when it can be none."""
    address = address.strip()
    if problem := problem_with(address):
        raise SettingsError(problem)

    def decide(settings: Settings) -> Values:
        if address in settings.notify:
            raise SettingsError("This address is in the list already.")
        if len(settings.notify) >= MAX_ADDRESSES:
            raise SettingsError(f"At most {MAX_ADDRESSES} addresses can be told; remove one first.")
        return {"notify": [*settings.notify, address]}

    return _change(path, decide)


def remove_address(path: Path, key: str) -> Settings:
    """Tell the address of that key no more. Raises SettingsError."""
    return _change(
        path,
        lambda settings: {
            "notify": [address for address in settings.notify if key_of(address) != key]
        },
    )


def with_value(text: str, key: str, value: Any) -> str:
    """The YAML text with that value at the key; comments and other keys stay as they are.

    Comments inside a value of several lines move above it. Raises SettingsError where the text
    cannot be read, or is written in a way in which a key cannot be replaced safely.
    """
    before = _load(text)
    changed = _replaced(text, key, value)
    try:
        after = _load(changed)
    except SettingsError:
        after = None
    if after != {**before, key: value}:
        raise SettingsError(
            f"`{key}` cannot be changed from here as the file is written. Change it by hand."
        )
    return changed


def _change(path: Path, decide: Callable[[Settings], Values]) -> Settings:
    # Pages are threads of one process; none may write over what another has just written.
    with _CHANGING:
        try:
            # What a link points to is replaced, not the link.
            path = path.resolve()
            text = _read(path)
            for key, value in decide(_understand(path, text)).items():
                text = with_value(text, key, value)
            settings = parse_settings(text)
            _write(path, text, settings)
        except (OSError, RuntimeError, UnicodeError) as error:
            reason = getattr(error, "strerror", None) or type(error).__name__
            raise SettingsError(f"{path} could not be changed: {reason}.") from error
    return settings


def _read(path: Path) -> str:
    """The settings as text; where there are none yet, the example with its comments."""
    example = path.with_name("settings.example.yaml")
    found = next((file for file in (path, example) if file.exists()), None)
    return found.read_bytes().decode() if found else ""


def _understand(path: Path, text: str) -> Settings:
    """The settings as they stand; what cannot be read must not be written over."""
    try:
        return parse_settings(text)
    except SettingsError as error:
        raise SettingsError(
            f"{path} has a mistake, so nothing was changed: {error}. Correct it by hand first."
        ) from error


def _write(path: Path, text: str, settings: Settings) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    mode = path.stat().st_mode & 0o777 if path.exists() else 0o644
    write_whole(path, text, PRIVATE if settings.notify else mode)


def _load(text: str) -> dict[str, Any]:
    try:
        data = load_yaml(text) or {}
    except SpecError as error:
        raise SettingsError(f"the settings cannot be read: {error}") from error
    if not isinstance(data, dict):
        raise SettingsError("the settings cannot be read: expected `key: value` lines")
    return data


def _replaced(text: str, key: str, value: Any) -> str:
    """The text with another value, which may be wrong where the text is unusual."""
    line_end = "\r\n" if "\r\n" in text else "\n"
    block = _render(key, value).replace("\n", line_end)
    found = _find(text, key)
    if found is None:
        lead = line_end if text and not text.endswith("\n") else ""
        return f"{text}{lead}{block}{line_end}"
    start, end = found
    if "\n" in block or "\n" in text[start:end]:
        # Behind the last line of several, a comment would seem to be of that line alone.
        end = _past_comment(text, end)
    above = "".join(comment + line_end for comment in _comments(text, start, end))
    return f"{text[:start]}{above}{block}{text[end:]}"


def _render(key: str, value: Any) -> str:
    return f"{key}:" if value is None else dump_yaml({key: value}).removesuffix("\n")


def _find(text: str, key: str) -> tuple[int, int] | None:
    """Where the key begins and its value ends; None when it is not there."""
    root = yaml.compose(text, Loader=yaml.SafeLoader)
    entries = root.value if isinstance(root, yaml.MappingNode) else []
    for key_node, value_node in entries:
        if key_node.value == key:
            start, end = key_node.start_mark.index, _end(value_node)
            return start, start + len(text[start:end].rstrip())
    return None


def _end(node: yaml.Node) -> int:
    """Where the value ends; a block has no end of its own, so it is that of its last part."""
    if isinstance(node, yaml.CollectionNode) and not node.flow_style and node.value:
        last = node.value[-1]
        return _end(last[1] if isinstance(last, tuple) else last)
    return int(node.end_mark.index)


def _past_comment(text: str, end: int) -> int:
    """The end of a comment that stands behind the last line of the value, or just its end."""
    rest = text[end:].split("\n", 1)[0].rstrip()
    return end + len(rest) if rest.lstrip().startswith("#") else end


def _comments(text: str, start: int, end: int) -> list[str]:
    """The comments inside: what stands between two tokens, and is no space."""
    comments, seen = [], start
    for token in yaml.scan(text, Loader=yaml.SafeLoader):
        first, last = token.start_mark.index, token.end_mark.index
        if first > seen:
            gap = text[seen : min(first, end)]
            comments += [line.strip() for line in gap.splitlines() if line.strip()[:1] == "#"]
        seen = max(seen, last)
        if seen >= end:
            break
    return comments
