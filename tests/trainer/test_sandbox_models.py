"""What stays in memory when many adapters come and go."""

from pathlib import Path
from unittest.mock import Mock

from trainer.sandbox.models import Loaded, drop_adapter
from trainer.sandbox.source import Source


def test_an_adapter_that_is_dropped_takes_its_tokenizer_along() -> None:
    old, new = (Path("old"), 1), (Path("new"), 2)
    loaded = Loaded(
        Source("run", base="base", tokenizer="base"),
        rows=None,
        model=Mock(),
        adapters={old: "adapter_1", new: "adapter_2"},
        tokenizers={("base", 0): "a", ("old", 1): "b", ("new", 2): "c"},
    )
    drop_adapter(loaded, old)
    loaded.model.delete_adapter.assert_called_once_with("adapter_1")
    assert list(loaded.adapters) == [new]
    assert list(loaded.tokenizers) == [("base", 0), ("new", 2)]
