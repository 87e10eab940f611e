"""Whatever a file was saved with, its rows come back, and what is broken is named by its line."""

import csv
import gzip
import io
import json
import os
import tracemalloc
from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow
import pyarrow.parquet
import pytest
import yaml
import zstandard
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from core.dataset.format import BadRow
from core.dataset.read.csv_dialect import find_dialect
from core.dataset.read.encoding import PROBE_BYTES
from core.dataset.read.paragraphs import MAX_TEXT_CHARACTERS, cut_text
from core.dataset.read.reading import COMPRESSIONS, KINDS, Reading, kind_of
from core.dataset.read.record import MAX_RECORD_CHARACTERS, Record
from core.errors import DatasetError

MESSY = Path(__file__).parents[2] / "data" / "messy"
EXPECTED = ".expected.yaml"
MIB = 1024 * 1024
LONG = 50_000_000
ROWS = [{"text": f"row {number}"} for number in range(1000)]
LINES = b"".join(json.dumps(row).encode() + b"\n" for row in ROWS)


def pack(content: bytes, compression: str) -> bytes:
    if compression == "gz":
        return gzip.compress(content, mtime=0)
    if compression == "zst":
        return zstandard.ZstdCompressor(write_checksum=True).compress(content)
    return content


def save(folder: Path, name: str, content: bytes) -> Path:
    path = folder / name
    path.write_bytes(content)
    return path


def read(path: Path, name: str = "", encoding: str = "") -> tuple[list[Record], list[BadRow]]:
    with Reading(path, name or path.name, encoding) as reading:
        found = list(reading.records())
        assert reading.bytes_done == reading.total_bytes == path.stat().st_size
    rows = [record for record in found if isinstance(record, Record)]
    return rows, [record for record in found if isinstance(record, BadRow)]


def values(path: Path, name: str = "", encoding: str = "") -> list[Any]:
    rows, bad = read(path, name, encoding)
    assert not bad
    return [record.value for record in rows]


def read_until_error(path: Path) -> tuple[list[Record | BadRow], str]:
    found: list[Record | BadRow] = []
    with pytest.raises(DatasetError) as caught, Reading(path, path.name) as reading:
        for record in reading.records():
            found.append(record)
    return found, str(caught.value)


@pytest.mark.parametrize("compression", ["", *COMPRESSIONS])
@pytest.mark.parametrize("expected", sorted(MESSY.glob(f"*{EXPECTED}")), ids=lambda path: path.name)
def test_a_messy_file_is_read_as_the_report_beside_it_says(
    expected: Path, compression: str, tmp_path: Path
) -> None:
    name = expected.name.removesuffix(EXPECTED)
    wanted = yaml.safe_load(expected.read_text(encoding="utf-8"))
    content = pack((MESSY / name).read_bytes(), compression)
    path = save(tmp_path, f"{name}.{compression}" if compression else name, content)

    rows: list[dict[str, Any]] = []
    bad: list[BadRow] = []
    error = ""
    try:
        with Reading(path, path.name) as reading:
            assert reading.compression == compression
            for key in ("kind", "encoding", "delimiter"):
                assert getattr(reading, key) == wanted.get(key, "")
            for record in reading.records():
                if isinstance(record, Record):
                    rows.append({"line": record.line, "value": record.value})
                else:
                    bad.append(record)
    except DatasetError as caught:
        error = str(caught)

    assert rows == wanted.get("rows", [])
    assert len(bad) == len(wanted.get("bad", []))
    for row, told in zip(bad, wanted.get("bad", []), strict=True):
        assert row.line == told["line"]
        assert told["reason"] in row.reason
        assert row.content.startswith(told["content"])
    assert wanted.get("error", "") in error
    assert bool(error) == bool(wanted.get("error"))


def test_every_messy_file_has_a_report_beside_it() -> None:
    names = {path.name for path in MESSY.iterdir() if not path.name.startswith(".")}
    reports = {name for name in names if name.endswith(EXPECTED)}
    assert {name + EXPECTED for name in names - reports} == reports


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("chats.jsonl", ("jsonl", "")),
        ("CHATS.JSONL.GZ", ("jsonl", "gz")),
        ("a.b.csv.zst", ("csv", "zst")),
        ("../x/rows.tsv", ("tsv", "")),
        ("rows.ndjson", ("jsonl", "")),
        ("rows.parquet.gz", ("parquet", "gz")),
    ],
)
def test_the_name_tells_the_kind(name: str, kind: tuple[str, str]) -> None:
    assert kind_of(name) == kind


@pytest.mark.parametrize(
    "name",
    ["", "rows", ".jsonl", ".jsonl.gz", "rows.gz", "rows.jsonl.gz.gz", "rows.xlsx", "\0.exe"],
)
def test_another_name_is_refused_with_what_can_be_read(name: str) -> None:
    with pytest.raises(DatasetError, match=r"\.jsonl, \.json, \.csv, \.tsv, \.txt, \.parquet"):
        kind_of(name)


@pytest.mark.parametrize("compression", COMPRESSIONS)
@pytest.mark.parametrize("kept", [20, 0.5, 0.9, -1])
def test_of_a_cut_off_archive_all_that_is_whole_is_read(
    compression: str, kept: float, tmp_path: Path
) -> None:
    lines = b"".join(b'{"text": "%s"}\n' % os.urandom(500).hex().encode() for _ in range(2000))
    packed = pack(lines, compression)
    size = int(kept * len(packed)) if 0 < kept < 1 else int(kept)
    path = save(tmp_path, f"a.jsonl.{compression}", packed[:size])

    found, error = read_until_error(path)

    rows = [record for record in found if isinstance(record, Record)]
    assert "cut off" in error
    if kept != 20:
        assert len(rows) >= 2000 * (abs(kept) - 0.15)
        assert error.startswith("after line ")
    written = lines.split(b"\n")
    assert all(json.loads(written[row.line - 1]) == row.value for row in rows)


@pytest.mark.parametrize("compression", COMPRESSIONS)
def test_of_a_broken_archive_the_rows_before_the_break_are_read(
    compression: str, tmp_path: Path
) -> None:
    lines = b"".join(b'{"text": "%s"}\n' % os.urandom(500).hex().encode() for _ in range(9000))
    packed = bytearray(pack(lines, compression))
    middle = len(packed) // 2
    packed[middle : middle + 64] = bytes(64)
    path = save(tmp_path, f"a.jsonl.{compression}", bytes(packed))

    found, error = read_until_error(path)

    assert len(found) > 100
    assert "file is broken" in error
    assert error.startswith("after line ")


@pytest.mark.parametrize("compression", COMPRESSIONS)
def test_an_archive_of_several_parts_is_one_file(compression: str, tmp_path: Path) -> None:
    packed = pack(b'{"text": "a"}\n{"te', compression) + pack(b'xt": "b"}\n', compression)
    if compression == "zst":
        notes = b"\x50\x2a\x4d\x18\x04\x00\x00\x00note"
        packed = notes + packed + notes

    path = save(tmp_path, f"a.jsonl.{compression}", packed)
    assert values(path) == [{"text": "a"}, {"text": "b"}]


@pytest.mark.parametrize("inner", COMPRESSIONS)
@pytest.mark.parametrize("outer", COMPRESSIONS)
def test_an_archive_in_an_archive_is_refused(inner: str, outer: str, tmp_path: Path) -> None:
    path = save(tmp_path, f"a.jsonl.{outer}", pack(pack(LINES, inner), outer))
    with pytest.raises(DatasetError, match="compressed twice"):
        Reading(path, path.name)


@pytest.mark.parametrize("compression", COMPRESSIONS)
def test_a_bomb_is_stopped_in_constant_memory(compression: str, tmp_path: Path) -> None:
    lines = b'{"text": "a"}\n' + b" " * (400 * MIB)
    path = save(tmp_path, f"a.jsonl.{compression}", pack(lines, compression))
    del lines

    tracemalloc.start()
    found, error = read_until_error(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()

    assert found[0] == Record(1, {"text": "a"})
    assert "grows to more than 300 times its size" in error
    assert peak < 80 * MIB


def test_content_tells_what_the_name_does_not(tmp_path: Path) -> None:
    table = io.BytesIO()
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(ROWS), table)

    assert values(save(tmp_path, "packed.jsonl", pack(LINES, "gz"))) == ROWS
    assert values(save(tmp_path, "unpacked.jsonl.gz", LINES)) == ROWS
    assert values(save(tmp_path, "other.jsonl.gz", pack(LINES, "zst"))) == ROWS
    assert values(save(tmp_path, "table.csv", table.getvalue())) == ROWS
    assert values(save(tmp_path, "table.parquet.zst", pack(table.getvalue(), "zst"))) == ROWS
    assert not list(tmp_path.glob("*tmp*"))


def test_what_is_no_file_is_told_of(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.jsonl")
    (tmp_path / "b.jsonl").mkdir()
    for name in ("a.jsonl", "b.jsonl", "c.jsonl"):
        with pytest.raises(DatasetError, match=name):
            Reading(tmp_path / name, name)


def test_a_file_is_read_again_from_its_start(tmp_path: Path) -> None:
    for name, content in (("a.jsonl", LINES), ("a.jsonl.zst", pack(LINES, "zst"))):
        with Reading(save(tmp_path, name, content), name) as reading:
            first = next(reading.records())
            assert list(reading.records()) == list(reading.records())
            assert first == Record(1, ROWS[0])


def test_a_look_at_the_first_rows_reads_little(tmp_path: Path) -> None:
    path = save(tmp_path, "a.jsonl", LINES * 1000)
    with Reading(path, path.name) as reading:
        assert reading.bytes_done == 0
        records = reading.records()
        assert [next(records).line for _ in range(50)] == list(range(1, 51))
        assert 0 < reading.bytes_done <= MIB
        steps = [reading.bytes_done for _ in records]
        assert steps == sorted(steps)
        assert len(set(steps)) > 10
    assert reading.bytes_done == reading.total_bytes


def test_an_encoding_that_shows_only_far_behind_costs_a_row_and_no_more(tmp_path: Path) -> None:
    lines = b'{"text": "plain"}\n' * (PROBE_BYTES // 18 + 10)
    path = save(tmp_path, "a.jsonl", lines + '{"text": "Größe"}\n'.encode("latin-1") + lines)

    rows, bad = read(path)

    assert len(rows) == 2 * lines.count(b"\n")
    assert [row.line for row in bad] == [lines.count(b"\n") + 1]
    assert "the byte 0xF6 is no letter" in bad[0].reason
    assert not read(path, encoding="latin-1")[1]


def test_a_person_can_name_the_encoding(tmp_path: Path) -> None:
    path = save(tmp_path, "a.csv", "text\nЖизнь\n".encode("cp1251"))

    assert values(path, encoding="cp1251") == [{"text": "Жизнь"}]
    with pytest.raises(DatasetError, match="the encoding rot13 is not known"):
        Reading(path, path.name, "rot13")


def test_a_long_line_is_left_out_and_no_other(tmp_path: Path) -> None:
    long = b'{"text": "' + b"x" * LONG + b'"}\n'
    path = save(tmp_path, "a.jsonl", LINES + long + LINES + long.strip())
    wide = "".join(['{"text": "a"}\n', '{"text": "', "ü" * LONG, '"}\n', '{"text": "b"}\n'])
    other = save(tmp_path, "b.jsonl", wide.encode("cp1252"))

    rows, bad = read(path)
    assert [row.line for row in bad] == [1001, 2002]
    assert len(rows) == 2000
    assert bad[0].reason == "longer than 16 million characters"
    assert bad[0].content.startswith('{"text": "xxx')
    rows, bad = read(other)
    assert ([row.line for row in rows], [row.line for row in bad]) == ([1, 3], [2])


def test_a_long_entry_of_a_list_is_left_out_and_no_other(tmp_path: Path) -> None:
    long = '{"text": ["\\"' + r"x\\ " * (LONG // 4) + '", "}"]}'
    path = save(tmp_path, "a.json", f'[{{"text": "a"}},\n{long},\n{{"text": "b"}}]'.encode())

    rows, bad = read(path)
    assert rows == [Record(1, {"text": "a"}), Record(3, {"text": "b"})]
    assert [(row.line, row.reason) for row in bad] == [(2, "longer than 16 million characters")]


@pytest.mark.parametrize("cell", ["x" * 99 + "\n", 'a ""quoted"" word\n', "x" * LONG])
def test_a_long_cell_is_left_out_and_no_other_row(cell: str, tmp_path: Path) -> None:
    cell *= LONG // len(cell)
    text = f'text,id\na,1\n"{cell}",2\nb,3\n"c\nd",4\n'
    path = save(tmp_path, "a.csv", text.encode())

    rows, bad = read(path)
    assert [row.value["id"] for row in rows] == ["1", "3", "4"]
    assert [(row.line, row.reason) for row in bad] == [(3, "longer than 16 million characters")]
    assert rows[1].line == 4 + cell.count("\n")


@pytest.mark.parametrize("compression", ["", *COMPRESSIONS])
def test_a_quote_that_is_never_closed_costs_its_own_line_alone(
    compression: str, tmp_path: Path
) -> None:
    count = MAX_RECORD_CHARACTERS // 900
    tail = "".join(f"{number},{'x' * 900}\n" for number in range(count))
    content = pack(f'id,text\n1,a\n2,"b\n{tail}'.encode(), compression)
    path = save(tmp_path, f"a.csv.{compression}".rstrip("."), content)

    rows, bad = read(path)
    assert [(row.line, row.reason) for row in bad] == [
        (3, "a quote that begins here is never closed")
    ]
    assert len(rows) == 1 + count
    assert rows[1] == Record(4, {"id": "0", "text": "x" * 900})


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "parquet"])
def test_memory_does_not_grow_with_the_file(kind: str, tmp_path: Path) -> None:
    head = {"json": b"[", "csv": b"text,id\n", "tsv": b"text\tid\n"}.get(kind, b"")
    line = {
        "jsonl": b'{"text": "%s"}\n',
        "json": b'{"text": "%s"},\n',
        "csv": b"%s,1\n",
        "tsv": b"%s\t1\n",
        "txt": b"%s\n\n",
    }[kind] % (b"x" * 4000)
    path = save(tmp_path, f"a.{kind}", head + line * 10_000 + (b"1]" if kind == "json" else b""))

    tracemalloc.start()
    with Reading(path, path.name) as reading:
        count = sum(1 for _ in reading.records())
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()

    assert count >= 10_000
    # The most is taken by the look at the head.
    assert peak < 24 * MIB


def test_the_memory_for_parquet_does_not_grow_with_the_file(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    rows = [{"text": os.urandom(2000).hex()} for _ in range(20_000)]
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(rows), path, row_group_size=20_000)
    del rows

    before, peak = pyarrow.total_allocated_bytes(), 0
    with Reading(path, path.name) as reading:
        for number, _ in enumerate(reading.records()):
            if number % 100 == 0:
                peak = max(peak, pyarrow.total_allocated_bytes() - before)
    assert number == 19_999
    assert peak < 40 * MIB


def shared_texts(count: int, text: str) -> dict[str, Any]:
    """Columns in which every value is the same text, held by their files once."""
    texts = pyarrow.DictionaryArray.from_arrays(pyarrow.array([0] * count), [text])
    each = pyarrow.array(range(count + 1), pyarrow.int32())
    turns = pyarrow.StructArray.from_arrays([texts, pyarrow.array(["user"] * count)], ["c", "r"])
    names = pyarrow.array(["name"] * count)
    return {
        "flat": texts,
        "list": pyarrow.ListArray.from_arrays(each, texts),
        "turns": pyarrow.ListArray.from_arrays(each, turns),
        "map": pyarrow.MapArray.from_arrays(each, names, texts),
    }


@pytest.mark.parametrize("store_schema", [True, False])
@pytest.mark.parametrize("shape", ["flat", "list", "turns", "map"])
def test_a_text_that_many_parquet_rows_share_is_not_held_by_each(
    shape: str, store_schema: bool, tmp_path: Path
) -> None:
    path = tmp_path / "a.parquet"
    table = pyarrow.table({"it": shared_texts(400, "x" * 1_000_000)[shape]})
    # Without the schema, nothing in the file says that its rows share texts.
    pyarrow.parquet.write_table(
        table, path, compression="zstd", store_schema=store_schema, row_group_size=150
    )
    assert path.stat().st_size < 4000

    before, peak = pyarrow.total_allocated_bytes(), 0
    tracemalloc.start()
    with Reading(path, path.name) as reading:
        for number, record in enumerate(reading.records(), 1):
            assert isinstance(record, Record) and record.line == number
            assert len(str(record.value)) > 1_000_000
            peak = max(peak, pyarrow.total_allocated_bytes() - before)
    assert number == 400
    assert peak + tracemalloc.get_traced_memory()[1] < 60 * MIB
    tracemalloc.stop()


def test_of_a_parquet_column_with_a_long_dictionary_few_rows_are_read(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    own = [os.urandom(20_000).hex() for _ in range(800)]
    texts = ["x" * 4_000_000] * 1000 + own
    whole = pyarrow.DictionaryArray.from_arrays(
        pyarrow.array([0] * 1000 + list(range(1, 801)), pyarrow.int32()), [texts[0], *own]
    )
    pyarrow.parquet.write_table(
        pyarrow.table({"it": whole}), path, compression="zstd", store_schema=False
    )
    before, peak, count = pyarrow.total_allocated_bytes(), 0, 0
    with Reading(path, path.name) as reading:
        for record in reading.records():
            assert isinstance(record, Record)
            count += record.value["it"] == texts[record.line - 1]
            peak = max(peak, pyarrow.total_allocated_bytes() - before)
    assert count == len(texts)
    # The dictionary as it lies in its page, as Arrow looks things up in it, and a row.
    assert peak < 100 * MIB


def test_a_parquet_row_beyond_measure_is_left_out_and_never_made(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    texts = pyarrow.DictionaryArray.from_arrays(pyarrow.array([0] * 1000), ["x" * 4_000_000])
    ends = pyarrow.array([0, 1, 999, 1000], pyarrow.int32())
    lists = pyarrow.ListArray.from_arrays(ends, texts)
    pyarrow.parquet.write_table(pyarrow.table({"it": lists}), path, compression="zstd")

    tracemalloc.start()
    rows, bad = read(path)
    assert tracemalloc.get_traced_memory()[1] < 40 * MIB
    tracemalloc.stop()
    assert [row.line for row in rows] == [1, 3]
    assert [(row.line, row.reason) for row in bad] == [(2, "longer than 16 million characters")]


def test_parquet_values_become_what_json_knows(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    table = pyarrow.table(
        {
            "day": [date(2026, 1, 2)],
            "at": [datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)],
            "price": [Decimal("12.50")],
            "bytes": [b"Gr\xc3\xbc\xc3\x9fe"],
            "empty": pyarrow.array([None], pyarrow.string()),
            "score": [float("nan")],
            "map": pyarrow.array([[("a", 1)]], pyarrow.map_(pyarrow.string(), pyarrow.int64())),
            "turns": [[{"role": "user", "content": "hello", "weight": 1.5, "ok": True}]],
            "label": pyarrow.array(["a"]).dictionary_encode(),
        }
    )
    pyarrow.parquet.write_table(table, path)

    assert values(path) == [
        {
            "day": "2026-01-02",
            "at": "2026-01-02T03:04:05+00:00",
            "price": "12.50",
            "bytes": "Grüße",
            "empty": None,
            "score": None,
            "map": {"a": 1},
            "turns": [{"role": "user", "content": "hello", "weight": 1.5, "ok": True}],
            "label": "a",
        }
    ]


def test_a_parquet_row_that_is_no_text_is_left_out_and_no_other(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    broken = pyarrow.array([b"a", b"\xff", b"c"]).view(pyarrow.string())
    table = pyarrow.table({"text": broken, "image": [b"a", b"b", b"\x89PNG"], "n": [1.0, 2.0, 3.0]})
    pyarrow.parquet.write_table(table, path)

    rows, bad = read(path)
    assert rows == [Record(1, {"text": "a", "image": "a", "n": 1.0})]
    assert [row.line for row in bad] == [2, 3]
    assert "bytes that are no text in UTF-8" in bad[1].reason


def test_a_broken_parquet_file_is_told_of(tmp_path: Path) -> None:
    whole = tmp_path / "whole.parquet"
    table = pyarrow.Table.from_pylist([{"text": os.urandom(99).hex()} for _ in range(5000)])
    pyarrow.parquet.write_table(table, whole, row_group_size=1000, compression="gzip")
    content = whole.read_bytes()
    broken = bytearray(content)
    broken[len(broken) // 2 : len(broken) // 2 + 4000] = bytes(4000)

    found, error = read_until_error(save(tmp_path, "cut.parquet", content[:-100]))
    assert not found
    assert "the Parquet file cannot be read" in error
    found, error = read_until_error(save(tmp_path, "broken.parquet", bytes(broken)))
    assert found[0].line == 1
    assert error.startswith("after row ")


def test_parquet_columns_of_one_name_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    table = pyarrow.Table.from_arrays([pyarrow.array(["a"])] * 2, names=["text", "text"])
    pyarrow.parquet.write_table(table, path)

    with pytest.raises(DatasetError, match="two columns are called `text`"):
        read(path)


def test_a_long_line_of_text_is_parted_between_words(tmp_path: Path) -> None:
    words = "word " * 10_000
    pieces = [value["text"] for value in values(save(tmp_path, "a.txt", words.encode()))]

    assert len(pieces) > 1
    assert all(len(piece) <= MAX_TEXT_CHARACTERS for piece in pieces)
    assert " ".join(pieces) == words.strip()


def test_a_single_column_is_read_with_a_comma() -> None:
    assert find_dialect("text\nhello; world\n").delimiter == ","


@example("\n0", 1)
@given(st.text(max_size=400), st.integers(min_value=1, max_value=50))
@settings(max_examples=100, deadline=None)
def test_cutting_a_text_loses_nothing_but_white_space(text: str, limit: int) -> None:
    pieces = list(cut_text(text, limit))

    assert all(len(piece) <= limit for piece in pieces)
    assert "".join("".join(pieces).split()) == "".join(text.split())
    assert all(pieces)


ANY_TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
CELL_TEXT = st.text(st.characters(exclude_categories=["Cs", "Cc"]) | st.sampled_from('\n\r\t",;| '))
NUMBERS = st.integers(-(2**63), 2**64 - 1) | st.floats(allow_nan=False, allow_infinity=False)
JSON = st.recursive(
    st.none() | st.booleans() | NUMBERS | ANY_TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(ANY_TEXT, inner, max_size=3),
    max_leaves=8,
)
JSON_ROWS = st.lists(st.dictionaries(ANY_TEXT, JSON, max_size=4), min_size=1, max_size=6)
UNICODE = ("utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be")
NAMED = {"utf-8-sig": "", "utf-16": "", "utf-8": ""}
"""What these files say of themselves; the others are named by the person."""

round_trip = settings(
    max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def read_back(folder: Path, name: str, text: str, encoding: str, compression: str) -> list[Any]:
    content = pack(text.encode(encoding), compression)
    path = save(folder, f"{name}.{compression}".rstrip("."), content)
    return values(path, encoding=NAMED.get(encoding, encoding))


@given(JSON_ROWS, st.sampled_from(UNICODE), st.sampled_from(["", *COMPRESSIONS]), st.booleans())
@round_trip
def test_json_lines_come_back_as_they_were(
    tmp_path: Path, rows: list[Any], encoding: str, compression: str, ascii_only: bool
) -> None:
    text = "".join(json.dumps(row, ensure_ascii=ascii_only) + "\n" for row in rows)
    assert read_back(tmp_path, "a.jsonl", text, encoding, compression) == rows


@given(
    JSON_ROWS,
    st.sampled_from(UNICODE),
    st.sampled_from(["", *COMPRESSIONS]),
    st.sampled_from(["%s", '{"version": "1", "data": %s, "size": 3}']),
    st.sampled_from([None, 1]),
)
@round_trip
def test_a_json_list_comes_back_as_it_was(
    tmp_path: Path,
    rows: list[Any],
    encoding: str,
    compression: str,
    around: str,
    indent: int | None,
) -> None:
    text = around.replace("%s", json.dumps(rows, ensure_ascii=False, indent=indent))
    assert read_back(tmp_path, "a.json", text, encoding, compression) == rows


@given(
    st.lists(st.tuples(CELL_TEXT, CELL_TEXT), min_size=1, max_size=8),
    st.sampled_from(UNICODE),
    st.sampled_from(["", *COMPRESSIONS]),
    st.sampled_from(",;\t|"),
    st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
    st.sampled_from(["\n", "\r\n", "\r"]),
)
@round_trip
def test_a_csv_comes_back_as_it_was(
    tmp_path: Path,
    cells: list[tuple[str, str]],
    encoding: str,
    compression: str,
    delimiter: str,
    quoting: Any,
    end: str,
) -> None:
    file = io.StringIO(newline="")
    # Python's writer takes care of no other ends of lines within cells than its own.
    quoting = quoting if end == "\r\n" else csv.QUOTE_ALL
    writer = csv.writer(file, delimiter=delimiter, quoting=quoting, lineterminator=end)
    rows = [{"question": f"q{question}", "answer": answer} for question, answer in cells]
    writer.writerows([rows[0], *(row.values() for row in rows)])
    assert read_back(tmp_path, "a.csv", file.getvalue(), encoding, compression) == rows


WESTERN = st.lists(
    st.sampled_from(["Grüße", "für", "„Größe“", "5 €", "café", "a", "\n"]), max_size=9
)


@given(WESTERN, st.sampled_from(["cp1252", "latin-1"]))
@round_trip
def test_western_letters_come_back_as_they_were(
    tmp_path: Path, words: list[str], encoding: str
) -> None:
    text = " ".join(words).encode(encoding, "ignore").decode(encoding)
    line = json.dumps({"text": text}, ensure_ascii=False)
    assert values(save(tmp_path, "a.jsonl", line.encode(encoding))) == [{"text": text}]


PARQUET_ROWS = st.lists(
    st.fixed_dictionaries(
        {
            "text": st.none() | ANY_TEXT,
            "number": st.integers(-(2**63), 2**63 - 1),
            "score": st.floats(allow_nan=False, allow_infinity=False),
            "turns": st.lists(st.fixed_dictionaries({"role": ANY_TEXT, "content": ANY_TEXT})),
        }
    ),
    max_size=6,
)
PARQUET_SCHEMA = pyarrow.schema(
    {
        "text": pyarrow.string(),
        "number": pyarrow.int64(),
        "score": pyarrow.float64(),
        "turns": pyarrow.list_(
            pyarrow.struct({"role": pyarrow.string(), "content": pyarrow.string()})
        ),
    }
)


def parquet(rows: list[Any]) -> bytes:
    file = io.BytesIO()
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(rows, PARQUET_SCHEMA), file)
    return file.getvalue()


@given(PARQUET_ROWS, st.sampled_from(["", *COMPRESSIONS]))
@round_trip
def test_parquet_comes_back_as_it_was(tmp_path: Path, rows: list[Any], compression: str) -> None:
    name = f"a.parquet.{compression}".rstrip(".")
    assert values(save(tmp_path, name, pack(parquet(rows), compression))) == rows


NAMES = [
    f"a.{kind}.{compression}".rstrip(".") for kind in KINDS for compression in ("", *COMPRESSIONS)
]
WHOLE = [
    LINES[:600],
    b"[" + LINES[:200].replace(b"\n", b",\n") + b"1]",
    b'a,b\n1,"2\n3"\n4,5\n' * 20,
    parquet([{"text": "a", "number": 1, "score": 0.5, "turns": []}] * 50),
    *(pack(LINES, compression) for compression in COMPRESSIONS),
]


def drain(path: Path) -> Iterator[Record | BadRow]:
    try:
        with Reading(path, path.name) as reading:
            yield from reading.records()
    except DatasetError as error:
        assert str(error)


@given(st.binary(max_size=300), st.sampled_from(NAMES), st.sampled_from(["", *COMPRESSIONS]))
@settings(round_trip, max_examples=300)
def test_any_bytes_are_rows_or_a_sentence(
    tmp_path: Path, content: bytes, name: str, compression: str
) -> None:
    for record in drain(save(tmp_path, name, pack(content, compression))):
        assert record.line > 0


@given(
    st.sampled_from(WHOLE),
    st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.binary(max_size=8)), max_size=3),
    st.sampled_from(NAMES),
)
@settings(round_trip, max_examples=300)
def test_a_damaged_file_is_rows_or_a_sentence(
    tmp_path: Path, whole: bytes, damages: list[tuple[float, bytes]], name: str
) -> None:
    content = bytearray(whole)
    for place, damage in damages:
        at = int(place * len(content))
        content[at : at + len(damage)] = damage
    for record in drain(save(tmp_path, name, bytes(content))):
        assert record.line > 0
