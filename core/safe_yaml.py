"""Reading YAML that anyone may have written.

Plain data only, and nothing that can grow: PyYAML's pure-Python safe loader (the C one can be
crashed by deep nesting) with limits on size, depth and nodes, no duplicate keys, and text keys.
Numbers such as `1e-4` are numbers here, as YAML 1.2 and Axolotl's own types have it.
"""

import math
import re
from collections.abc import Hashable
from typing import Any

import yaml

from core.errors import SpecError

MAX_BYTES = 1024 * 1024
MAX_DEPTH = 20
MAX_NODES = 10_000
MAX_DIGITS = 40

_FLOAT = re.compile(
    r"""^(?:[-+]?(?:[0-9][0-9_]*)\.[0-9_]*(?:[eE][-+]?[0-9]+)?
        |[-+]?[0-9][0-9_]*[eE][-+]?[0-9]+
        |[-+]?\.[0-9][0-9_]*(?:[eE][-+]?[0-9]+)?
        |[-+]?\.(?:inf|Inf|INF)
        |\.(?:nan|NaN|NAN))$""",
    re.VERBOSE,
)


class _Loader(yaml.SafeLoader):
    """A SafeLoader that counts what it composes and refuses what a spec never needs."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self._depth = 0
        self._nodes = 0
        self._sizes: dict[str, int] = {}

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        event = self.peek_event()  # type: ignore[no-untyped-call]
        if isinstance(event, yaml.AliasEvent):
            self._check_alias(event.anchor or "", event)
            return super().compose_node(parent, index)
        anchor = getattr(event, "anchor", None)
        before = self._nodes
        self._count(1, event)
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise _refusal(event, f"nested deeper than {MAX_DEPTH} levels")
        node = super().compose_node(parent, index)
        self._depth -= 1
        if anchor is not None:
            self._sizes[anchor] = self._nodes - before
        return node

    def _check_alias(self, anchor: str, event: yaml.Event) -> None:
        # An anchor without a size is unknown, or still being composed: it would hold itself.
        if anchor in self.anchors and anchor not in self._sizes:
            raise _refusal(event, f"*{anchor} holds itself")
        self._count(self._sizes.get(anchor, 1), event)

    def _count(self, nodes: int, event: yaml.Event) -> None:
        self._nodes += nodes
        if self._nodes > MAX_NODES:
            raise _refusal(event, f"more than {MAX_NODES:,} values")

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        seen: set[str] = set()
        for key_node, _ in node.value:
            if key_node.tag == "tag:yaml.org,2002:merge":
                continue
            if not isinstance(key_node, yaml.ScalarNode) or key_node.tag != "tag:yaml.org,2002:str":
                raise _refusal(key_node, "a key that is not text")
            if key_node.value in seen:
                raise _refusal(key_node, f"the key '{key_node.value}' stands twice")
            seen.add(key_node.value)
        return super().construct_mapping(node, deep)


def _refusal(place: Any, problem: str) -> yaml.MarkedYAMLError:
    return yaml.MarkedYAMLError(None, None, problem, place.start_mark)


def _construct_float(loader: _Loader, node: yaml.ScalarNode) -> float:
    number = yaml.SafeLoader.construct_yaml_float(loader, node)
    if not math.isfinite(number):
        raise _refusal(node, f"{node.value} is no finite number")
    return number


def _construct_int(loader: _Loader, node: yaml.ScalarNode) -> int:
    if len(node.value) > MAX_DIGITS:
        raise _refusal(node, "a number with too many digits")
    return yaml.SafeLoader.construct_yaml_int(loader, node)


def _without_dates(
    resolvers: dict[str, list[tuple[str, re.Pattern[str]]]],
) -> dict[str, list[tuple[str, re.Pattern[str]]]]:
    """The implicit types, less timestamps (a date stays the text it was written as) and floats."""
    dropped = ("tag:yaml.org,2002:timestamp", "tag:yaml.org,2002:float")
    return {
        first: [(tag, pattern) for tag, pattern in entries if tag not in dropped]
        for first, entries in resolvers.items()
    }


_Loader.yaml_implicit_resolvers = _without_dates(yaml.SafeLoader.yaml_implicit_resolvers)
_Loader.add_implicit_resolver("tag:yaml.org,2002:float", _FLOAT, list("-+0123456789."))
_Loader.add_constructor("tag:yaml.org,2002:float", _construct_float)
_Loader.add_constructor("tag:yaml.org,2002:int", _construct_int)


def load_yaml(source: str | bytes) -> Any:
    """The plain data in one YAML document.

    Raises SpecError with line and column for anything else: broken syntax, tags that make
    objects, duplicate keys, several documents, or more than a spec can need.
    """
    text = _decode(source)
    try:
        return yaml.load(text, Loader=_Loader)
    except yaml.MarkedYAMLError as error:
        raise SpecError(_describe(error)) from error
    except Exception as error:
        # PyYAML raises almost anything on a tag that does not fit its value, `!!int ""` say.
        raise SpecError(f"not readable as YAML: {type(error).__name__}: {error}") from error


def load_yaml_mapping(source: str | bytes) -> dict[str, Any]:
    """The mapping in one YAML document; raises SpecError when it is anything else."""
    data = load_yaml(source)
    if data is None:
        raise SpecError("the file is empty")
    if not isinstance(data, dict):
        found = "a list" if isinstance(data, list) else "something else"
        raise SpecError(f"expected `key: value` lines, found {found}")
    return data


def dump_yaml(data: dict[str, Any]) -> str:
    """The data as YAML, keys in the order given, without anchors."""
    return yaml.dump(data, Dumper=_PlainDumper, sort_keys=False, allow_unicode=True, width=100)


class _PlainDumper(yaml.SafeDumper):
    """A SafeDumper that writes repeated values out instead of pointing at the first."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


# A text such as `1e-4` needs quotes, since it is read as a number here.
_PlainDumper.add_implicit_resolver("tag:yaml.org,2002:float", _FLOAT, list("-+0123456789."))


def _decode(source: str | bytes) -> str:
    raw = source.encode("utf-8", errors="replace") if isinstance(source, str) else source
    if len(raw) > MAX_BYTES:
        raise SpecError(f"the file has {len(raw):,} bytes; a spec has at most {MAX_BYTES:,}")
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise SpecError(f"not UTF-8 text (byte {error.start}); save the file as UTF-8") from error


def _describe(error: yaml.MarkedYAMLError) -> str:
    mark = error.problem_mark or error.context_mark
    where = f"line {mark.line + 1}, column {mark.column + 1}: " if mark else ""
    return f"{where}{error.problem or error.context}"
