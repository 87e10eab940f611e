"""What a run was asked to do, in short, without reading the whole of its spec."""

import re
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from core.errors import SpecError
from core.safe_yaml import load_yaml_mapping
from core.spec.run_spec import RunSpec

KEYS = (b"base_model", b"adapter", b"datasets", b"pretraining_dataset")
# A key at the left edge, and what is under it: lines that are indented, entries of its list,
# comments and blank lines.
_BLOCK = re.compile(
    rb"^(?:" + b"|".join(KEYS) + rb")[ \t]*:[^\n]*\n?"
    rb"(?:[ \t#][^\n]*\n?|-[ \t][^\n]*\n?|-?\n)*",
    re.MULTILINE,
)
# With these the blocks cannot be told apart, or do not stand for themselves.
_TRICKY = re.compile(rb"^(?:[\[{\"'?%<]|---|\.\.\.|\xef\xbb\xbf)|[&*|>!\r]", re.MULTILINE)


@dataclass(frozen=True)
class Summary:
    """Base model, `LoRA` or another method, and the paths or Hub IDs of the data."""

    base_model: str = ""
    method: str = ""
    datasets: tuple[str, ...] = ()


def read_summary(path: Path) -> Summary:
    """The summary of a spec that was checked when it was taken; empty when it cannot be read."""
    try:
        return summarise(path.read_bytes())
    except (OSError, SpecError, AttributeError, TypeError):
        return Summary()


def summarise(text: bytes) -> Summary:
    """The summary of a spec's text; raises SpecError when it is no YAML.

    Reading YAML is what costs, so only the lines that matter are read where they can be told.
    """
    if _TRICKY.search(text):
        return _parse(text)
    return _parse(b"".join(_BLOCK.findall(text)) or text)


@lru_cache(maxsize=4096)
def _parse(text: bytes) -> Summary:
    """Many runs share a model and its data, and so the lines that name them."""
    config = load_yaml_mapping(text)
    config.pop("run", None)
    spec = RunSpec("", {"base_model": "", **config})
    return Summary(spec.base_model, spec.method, spec.datasets)
