"""What anyone may have written as YAML is read as plain data, or refused with its place."""

import pytest

from core.errors import SpecError
from core.safe_yaml import dump_yaml, load_yaml, load_yaml_mapping

ALIAS_BOMB = "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"{chr(98 + i)}: &{chr(98 + i)} [{','.join(['*' + chr(97 + i)] * 9)}]\n" for i in range(8)
)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "empty"),
        ("null", "empty"),
        ("x", "key: value"),
        ("- 1", "key: value"),
        ("a: b\n---\nc: d", "another document"),
        ("a: 1\n\tb: 2", "line 2"),
        ("a: 1\na: 2", "line 2, column 1: the key 'a' stands twice"),
        ("1: 2", "a key that is not text"),
        ("a: .nan", "no finite number"),
        ("a: 1e400", "no finite number"),
        ("a: " + "9" * 1_000_000, "too many digits"),
        ("a: !!python/object/apply:os.system [ls]", "python/object/apply"),
        ("a: &a [*a]", "holds itself"),
        (ALIAS_BOMB, "more than 10,000 values"),
        ("a: " + "[" * 500, "nested deeper"),
        ("a: " + "[" * 100_000, "nested deeper"),
        ("a: *b", "undefined alias"),
        ('a: !!int ""', "not readable"),
        ("a: !!bool foo", "not readable"),
        ("a: !!map [x]", "not readable"),
        ("a: !!set [1]", "not readable"),
        ("a: \x00", "not readable"),
        ("a: " + "x" * (1024 * 1024), "at most 1,048,576"),
        (b"\xff\xfea\x00", "not UTF-8"),
    ],
)
def test_refuses_what_a_spec_never_needs(text: str | bytes, words: str) -> None:
    with pytest.raises(SpecError, match=r"(?s).*") as refusal:
        load_yaml_mapping(text)
    assert words in str(refusal.value)


def test_a_number_with_an_exponent_is_a_number() -> None:
    assert load_yaml("a: 1e-4\nb: 2.5e-05\nc: -3E2") == {"a": 1e-4, "b": 2.5e-5, "c": -300.0}


def test_a_date_stays_the_text_it_was_written_as() -> None:
    assert load_yaml("a: 2026-11-22") == {"a": "2026-11-22"}


def test_aliases_and_merges_of_reasonable_size_are_read() -> None:
    text = "x: &x {rate: 1e-4}\ny:\n  <<: *x\n  z: *x"
    assert load_yaml(text)["y"] == {"rate": 1e-4, "z": {"rate": 1e-4}}


def test_a_byte_order_mark_is_not_part_of_the_first_key() -> None:
    assert load_yaml_mapping(b"\xef\xbb\xbfa: 1") == {"a": 1}


def test_what_is_dumped_is_loaded_again_without_anchors() -> None:
    shared = {"rate": 1e-5, "text": "ä: #"}
    text = dump_yaml({"b": shared, "a": shared})
    assert "&" not in text
    assert load_yaml(text) == {"b": shared, "a": shared}
    assert list(load_yaml(text)) == ["b", "a"]


@pytest.mark.parametrize(
    "text", ["0E0", "1e-4", "-3e5", "1.5", "2026-11-29", "null", "0x1F", "1_0"]
)
def test_text_that_looks_like_something_else_stays_text(text: str) -> None:
    assert load_yaml_mapping(dump_yaml({"name": text})) == {"name": text}
