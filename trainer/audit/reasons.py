"""Why Axolotl stops at a row, in words that say what is wrong with the row."""

from typing import Any

from trainer.model_trouble import one_line


def explain_row(row: dict[str, Any], error: BaseException, messages: str = "") -> str:
    """A reason, without a full stop; `messages` is the column with a chat's turns, if it is one."""
    if messages and (reason := _explain_messages(row, messages)):
        return reason
    kind = type(error).__name__
    if isinstance(error, KeyError):
        name = error.args[0] if error.args else "?"
        if name in _find_roles(row):
            return f"a turn has the role `{name}`, which is not known here"
        return f"it has no `{name}`"
    if kind in ("TemplateError", "UndefinedError", "TemplateRuntimeError"):
        return f"the chat template refuses it: {one_line(error)}"
    if odd := _find_odd_value(row, error):
        return odd
    return f"{kind}: {one_line(error)}"


def _explain_messages(row: dict[str, Any], name: str) -> str:
    turns = row.get(name)
    if turns is None:
        return f"it has no `{name}`"
    if isinstance(turns, str):
        return ""
    if not isinstance(turns, list):
        return f"`{name}` is no list of turns"
    if not turns:
        return f"`{name}` is empty, there is no turn in it"
    for number, turn in enumerate(turns, 1):
        if not isinstance(turn, dict):
            return f"turn {number} of `{name}` has no role and content"
        if not any(value is not None for value in turn.values()):
            return f"turn {number} of `{name}` is empty"
    return ""


def _find_roles(row: dict[str, Any]) -> set[Any]:
    """What speakers are called in the row's turns."""
    turns = [turn for value in row.values() if isinstance(value, list) for turn in value]
    return {
        value
        for turn in turns
        if isinstance(turn, dict)
        for value in turn.values()
        if isinstance(value, str) and len(value) < 40
    }


def _find_odd_value(row: dict[str, Any], error: BaseException) -> str:
    """A column that can be to blame, for nothing stands there, or something that is no text."""
    if isinstance(error, IndexError):
        empty = [name for name, value in row.items() if value == []]
        return f"`{empty[0]}` is empty" if empty else ""
    odd = [name for name, value in row.items() if isinstance(value, int | float)]
    missing = [name for name, value in row.items() if value is None]
    if "NoneType" in str(error) and missing:
        return f"`{missing[0]}` is missing"
    if odd:
        return f"`{odd[0]}` is no text but {row[odd[0]]!r}"
    return f"`{missing[0]}` is missing" if missing else ""
