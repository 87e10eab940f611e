"""Uploads become datasets, whole or not at all."""

import errno
import io
import json
import tracemalloc
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from core.clock import now
from core.dataset.block import axolotl_block
from core.dataset.card import Dataset, find_dataset, list_datasets, save_card, write_card
from core.dataset.library import SameContentError, create_dataset, find_same_content
from core.dataset.local_file import find_file
from core.dataset.read_csv import find_delimiter
from core.dataset.read_text import cut_text
from core.dataset.sample import sample_rows
from core.dataset.trash import delete_dataset, list_trash, restore
from core.errors import DatasetError
from core.files import save_json, write_whole
from core.paths import Workspace
from core.run.phase import Phase
from core.run.status import RunStatus, to_record
from core.settings import Settings

CHAT = b'{"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]}\n'
QA = b"question,answer\nWhat?,That.\nWho?,She.\n"


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return Workspace(tmp_path)


def add(workspace: Workspace, file_name: str, content: bytes, **options: object) -> Dataset:
    name = str(options.pop("name", Path(file_name).stem))
    return create_dataset(workspace, name, file_name, io.BytesIO(content), **options)  # type: ignore[arg-type]


def rows_of(dataset: Dataset) -> list[dict[str, object]]:
    return [json.loads(line) for line in dataset.paths.train.read_bytes().splitlines()]


def turns(*contents: str) -> dict[str, object]:
    roles = ("user", "assistant")
    return {
        "messages": [
            {"role": roles[number % 2], "content": content}
            for number, content in enumerate(contents)
        ]
    }


@pytest.mark.parametrize(
    ("file_name", "content", "form", "row"),
    [
        ("a.jsonl", CHAT, "messages", turns("a", "b")),
        (
            "a.json",
            b'[{"conversations": [{"from": "user", "value": "a"}, {"from": "gpt", "value": "b"}]}]',
            "conversations",
            turns("a", "b"),
        ),
        (
            "a.jsonl",
            b'{"instruction": "a", "input": "c", "output": "b"}',
            "alpaca",
            turns("a\n\nc", "b"),
        ),
        ("a.jsonl", b'{"instruction": "a", "output": "b"}', "alpaca", turns("a", "b")),
        ("a.csv", b"Question,Answer\na,b\n", "question_answer", turns("a", "b")),
        ("a.jsonl", b'{"prompt": "a", "completion": "b"}', "prompt_completion", turns("a", "b")),
        ("a.jsonl", b'{"prompt": "a", "response": "b"}', "prompt_completion", turns("a", "b")),
        ("a.jsonl", b'{"input": "a", "output": 7}', "prompt_completion", turns("a", "7")),
        ("a.jsonl", b'{"text": "a"}', "text", {"text": "a"}),
        ("a.txt", b"one\ntwo\n\nthree\n", "text", {"text": "one\ntwo"}),
        ("a.json", b'{"data": [{"text": "a"}], "more": 1}', "text", {"text": "a"}),
        ("a.json", b'{\n "text": "a"\n}\n{\n "text": "b"\n}', "text", {"text": "a"}),
    ],
)
def test_every_known_format_becomes_rows_for_axolotl(
    workspace: Workspace, file_name: str, content: bytes, form: str, row: dict[str, object]
) -> None:
    dataset = add(workspace, file_name, content)

    assert dataset.format == form
    assert rows_of(dataset)[0] == row
    assert dataset.report.bad_rows == 0
    assert find_dataset(workspace, "a") == dataset


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"\xef\xbb\xbf" + "text\nGrüße\n".encode(), "Grüße"),
        ("text\nGrüße\n".encode("utf-16"), "Grüße"),
        ("text\nGr\u00fc\u00dfe\n".encode("utf-16-le"), "Grüße"),
        ("text\nGrüße\n".encode("latin-1"), "Grüße"),
        ("text\n“Grüße” für 5 €\n".encode("cp1252"), "“Grüße” für 5 €"),
        ("text\nGrüße\u0081\n".encode("latin-1"), "Grüße\u0081"),
        (b"text\r\nhello\r\n", "hello"),
        (b'"text"\n"two\nlines, and a ""quote"""\n', 'two\nlines, and a "quote"'),
        (b"id;text\n1;a, b\n", "a, b"),
        (b"id\ttext\n1\ta, b\n", "a, b"),
        (b"text,\nhello,\n", "hello"),
    ],
)
def test_a_csv_is_read_as_it_was_saved(workspace: Workspace, content: bytes, expected: str) -> None:
    assert rows_of(add(workspace, "a.csv", content)) == [{"text": expected}]


@pytest.mark.parametrize(
    ("file_name", "content", "line", "reason"),
    [
        ("a.jsonl", b'{"text": "a"}\n{broken\n', 2, "broken JSON"),
        ("a.jsonl", b'{"text": "a"}\n\n{"text": "half', 3, "broken JSON"),
        ("a.jsonl", b'{"text": "a"}\n{"text": ["b"]}', 2, "`text` is a list, not text"),
        ("a.jsonl", b'{"text": "a"}\n[1]', 2, "a list where a JSON object"),
        ("a.jsonl", b'{"text": "a"}\n' + b"[" * 99_999, 2, "broken JSON"),
        ("a.jsonl", CHAT + b'{"messages": []}', 2, "no assistant turn"),
        ("a.jsonl", CHAT + b'{"messages": "x"}', 2, "not a list"),
        (
            "a.jsonl",
            CHAT + b'{"messages": [{"role": "user", "content": "a"}]}',
            2,
            "no assistant turn",
        ),
        (
            "a.jsonl",
            CHAT + b'{"messages": [{"role": "assistant", "content": " "}]}',
            2,
            "turn 1, the assistant's, is empty",
        ),
        (
            "a.jsonl",
            CHAT + b'{"messages": [{"role": "assistant", "content": "a", "weight": 0}]}',
            2,
            "turn 1, the assistant's, has the weight 0",
        ),
        (
            "a.jsonl",
            CHAT + b'{"messages": [{"role": "ghost", "content": "a"}]}',
            2,
            "the role ghost",
        ),
        ("a.csv", b"question,answer\nq,a\nq\n", 3, "1 cell where the header names 2"),
        ("a.csv", b"question,answer\nq,a\nq,a,b\n", 3, "3 cells where the header names 2"),
        ("a.csv", b'question,answer\nq,a\n"x\ny",\n', 3, "`answer` is empty"),
        ("a.csv", b'question,answer\nq,a\n"never,closed\nq,a\n', 3, "never closed"),
    ],
)
def test_a_bad_row_is_left_out_and_named_by_its_line(
    workspace: Workspace, file_name: str, content: bytes, line: int, reason: str
) -> None:
    dataset = add(workspace, file_name, content)

    assert (dataset.rows, dataset.report.bad_rows) == (1, 1)
    assert dataset.report.bad[0].line == line
    assert reason in dataset.report.bad[0].reason


@pytest.mark.parametrize(
    ("file_name", "content", "words"),
    [
        ("a.jsonl", b"", "the file is empty"),
        ("a.jsonl", b" \n\n", "the file has no rows"),
        ("a.csv", b"question,answer\n", "the file has no rows"),
        ("a.csv", b"a,b\n1,2\n", "the columns are `a`, `b`. Expected"),
        ("a.csv", b"question,answer,answer\nq,a,b\n", "two columns are called `answer`"),
        ("a.csv", b"question,answer\nq,\n", "none of the 1 rows can be used"),
        ("a.jsonl", b"hello\nworld\n", "line 1: broken JSON"),
        ("a.csv", b"PK\x03\x04", "a ZIP or Excel file"),
        ("a.txt", b"\x00\x01\x02\x03", "this is not a text file"),
        ("a.parquet", b"PAR1", "cannot be read"),
        ("a.json", b'[{"text": "a"}', "is not closed"),
        ("a.json", b'[{"text": "a"},\n{"text" 1}]', "line 2: broken JSON"),
    ],
)
def test_an_upload_that_cannot_be_used_leaves_nothing_behind(
    workspace: Workspace, file_name: str, content: bytes, words: str
) -> None:
    with pytest.raises(DatasetError) as caught:
        add(workspace, file_name, content)

    assert words in str(caught.value)
    assert not list(workspace.uploads.glob("*") if workspace.uploads.exists() else [])


def test_a_disk_that_is_full_is_told_of(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(path: Path, *_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "mkdir", fail)
    with pytest.raises(DatasetError, match="cannot be stored: No space left on device"):
        add(workspace, "a.csv", QA)


def test_a_card_is_read_again_only_when_it_changed(workspace: Workspace) -> None:
    dataset = add(workspace, "a.csv", QA)
    first = find_dataset(workspace, "a")
    assert find_dataset(workspace, "a") is first
    save_card(replace(dataset, rows=7), dataset.paths.card)
    assert find_dataset(workspace, "a").rows == 7  # type: ignore[union-attr]


def test_lengths_are_told_in_characters_and_bytes(workspace: Workspace) -> None:
    rows = "text\nÄöü\nab\n".encode()
    report = add(workspace, "a.csv", rows).report
    assert (report.longest_characters, report.longest_bytes, report.total_characters) == (3, 6, 5)


def test_only_the_first_hundred_bad_rows_are_kept(workspace: Workspace) -> None:
    dataset = add(workspace, "a.jsonl", b'{"text": "a"}\n' + b"{broken\n" * 250)

    assert dataset.report.bad_rows == 250
    assert len(dataset.report.bad) == 100
    assert find_dataset(workspace, "a") == dataset


def test_half_a_surrogate_pair_does_not_stop_an_upload(workspace: Workspace) -> None:
    dataset = add(workspace, "a.jsonl", b'{"text": "a\\ud83d"}\n{"x\\ud83d": "\\ud83d"}\n')

    assert rows_of(dataset) == [{"text": "a?"}]
    assert find_dataset(workspace, "a") == dataset


def test_equal_rows_are_never_on_both_sides_of_the_split(workspace: Workspace) -> None:
    lines = b"".join(b'{"text": "row %d"}\n' % (number % 50) for number in range(500))
    dataset = add(workspace, "a.jsonl", lines, validation_fraction=0.2)

    train = set(dataset.paths.train.read_bytes().splitlines())
    validation = set(dataset.paths.validation.read_bytes().splitlines())
    assert not train & validation
    assert len(validation) == 10
    assert (dataset.rows, dataset.validation_rows) == (400, 100)


def test_the_same_seed_splits_alike_and_another_does_not(workspace: Workspace) -> None:
    lines = b"".join(b'{"text": "row %d"}\n' % number for number in range(100))
    sides = [
        add(
            workspace,
            "a.jsonl",
            lines,
            name=name,
            validation_fraction=0.1,
            seed=seed,
            allow_same_content=True,
        ).paths.validation.read_bytes()
        for name, seed in (("a", 1), ("b", 1), ("c", 2))
    ]

    assert sides[0] == sides[1] != sides[2]


def test_one_row_cannot_be_split(workspace: Workspace) -> None:
    with pytest.raises(DatasetError, match="too few different rows"):
        add(workspace, "a.jsonl", b'{"text": "a"}\n' * 9, validation_fraction=0.5)


def test_a_system_prompt_is_put_where_there_is_none(workspace: Workspace) -> None:
    own = b'{"messages": [{"role": "system", "content": "Own"}, {"role": "gpt", "content": "b"}]}\n'
    first, second = rows_of(add(workspace, "a.jsonl", CHAT + own, system_prompt="Be kind."))

    assert first["messages"][0] == {"role": "system", "content": "Be kind."}  # type: ignore[index]
    assert second["messages"][0] == {"role": "system", "content": "Own"}  # type: ignore[index]


def test_a_taken_name_is_refused(workspace: Workspace) -> None:
    add(workspace, "a.csv", QA)

    with pytest.raises(DatasetError, match="There is a dataset `a` already"):
        add(workspace, "a.jsonl", CHAT)


@pytest.mark.parametrize("name", ["", "...", "../..", "💥"])
def test_a_name_without_letters_is_refused(workspace: Workspace, name: str) -> None:
    with pytest.raises(DatasetError, match="needs a name"):
        add(workspace, "a.csv", QA, name=name)


def test_the_same_file_is_offered_instead_of_stored_twice(workspace: Workspace) -> None:
    first = add(workspace, "a.csv", QA)

    with pytest.raises(SameContentError) as caught:
        add(workspace, "b.csv", QA)

    assert caught.value.dataset == first
    assert find_same_content(workspace, first.sha256) == first
    assert add(workspace, "b.csv", QA, allow_same_content=True).rows == 2


def test_a_folder_copied_in_by_hand_counts(workspace: Workspace) -> None:
    paths = workspace.dataset("mine")
    paths.folder.mkdir(parents=True)
    paths.train.write_bytes(CHAT * 3)
    paths.validation.write_bytes(CHAT)

    (dataset,) = list_datasets(workspace)
    assert (dataset.rows, dataset.validation_rows, dataset.kind) == (3, 1, "chat")
    assert write_card(paths).rows == 3
    assert find_dataset(workspace, "mine") == replace(
        dataset,
        is_converted=True,
        created_at=find_dataset(workspace, "mine").created_at,  # type: ignore[union-attr]
    )


@pytest.mark.parametrize("card", ["name: [", "name: x", "rows: many\nformat: text", "\xff", "- 1"])
def test_a_broken_card_hides_no_dataset(workspace: Workspace, card: str) -> None:
    add(workspace, "good.csv", QA)
    broken = add(workspace, "broken.jsonl", CHAT)
    broken.paths.card.write_bytes(card.encode("latin-1"))

    found = {dataset.name: dataset for dataset in list_datasets(workspace)}
    assert set(found) == {"good", "broken"}
    assert "dataset.yaml cannot be read" in found["broken"].problem
    assert found["broken"].rows == 1


def test_what_an_upload_left_behind_is_not_listed(workspace: Workspace) -> None:
    leftover = workspace.uploads / ".a.1.tmp"
    leftover.mkdir(parents=True)
    (leftover / "train.jsonl").write_bytes(CHAT)

    assert list_datasets(workspace) == []


def test_the_block_tells_axolotl_how_to_read_the_rows(workspace: Workspace) -> None:
    chat = add(workspace, "notes.csv", QA, name="notes.csv", validation_fraction=0.5)
    text = add(workspace, "prose.txt", b"one\n\ntwo")

    entry = {"ds_type": "json", "split": "train", "type": "chat_template"}
    entry["field_messages"] = "messages"
    assert axolotl_block(chat) == {
        "datasets": [{"path": "./uploads/notes.csv/train.jsonl", **entry}],
        "test_datasets": [{"path": "./uploads/notes.csv/validation.jsonl", **entry}],
    }
    assert axolotl_block(text)["datasets"][0]["type"] == "completion"
    assert "test_datasets" not in axolotl_block(text)


def test_the_sample_is_seeded_and_never_more_than_there_is(workspace: Workspace) -> None:
    lines = b"".join(b'{"text": "row %d"}\n' % number for number in range(100))
    dataset = add(workspace, "a.jsonl", lines)

    assert sample_rows(dataset, 5, 1) == sample_rows(dataset, 5, 1) != sample_rows(dataset, 5, 2)
    assert len(sample_rows(dataset, 500)) == 100


def put_run(workspace: Workspace, phase: Phase, dataset: str) -> None:
    paths = workspace.run("20260101-000000-x")
    paths.folder.mkdir(parents=True, exist_ok=True)
    spec = (
        f"base_model: x\ndatasets:\n- path: ./uploads/{dataset}/train.jsonl\n  type: completion\n"
    )
    write_whole(paths.spec, spec)
    status = RunStatus("20260101-000000-x", "x", now(), now(), phase=phase)
    save_json(paths.status, to_record(status))


@pytest.mark.parametrize("phase", [Phase.QUEUED, Phase.RUNNING, Phase.PAUSED])
def test_a_dataset_that_a_run_needs_is_not_deleted(workspace: Workspace, phase: Phase) -> None:
    add(workspace, "a.csv", QA)
    put_run(workspace, phase, "a")

    with pytest.raises(DatasetError, match="needed by 20260101-000000-x"):
        delete_dataset(workspace, "a")
    assert find_dataset(workspace, "a")


def test_a_dataset_that_a_dropped_spec_names_is_not_deleted(workspace: Workspace) -> None:
    add(workspace, "a.csv", QA)
    workspace.queue.mkdir(parents=True)
    (workspace.queue / "x.yaml").write_text("datasets: [{path: uploads/a/train.jsonl}]")

    with pytest.raises(DatasetError, match=r"needed by x\.yaml"):
        delete_dataset(workspace, "a")


def test_a_deleted_dataset_can_be_brought_back(workspace: Workspace) -> None:
    dataset = add(workspace, "a-1.csv", QA)
    put_run(workspace, Phase.COMPLETED, "a-1")

    trashed = delete_dataset(workspace, "a-1")
    assert list_datasets(workspace) == []
    assert list_trash(workspace) == [trashed]
    assert restore(workspace, trashed.name) == dataset
    assert list_trash(workspace) == []


def test_bringing_back_never_overwrites(workspace: Workspace) -> None:
    add(workspace, "a.csv", QA)
    trashed = delete_dataset(workspace, "a")
    add(workspace, "a.jsonl", CHAT)

    with pytest.raises(DatasetError, match="There is a dataset `a` again"):
        restore(workspace, trashed.name)
    with pytest.raises(DatasetError, match="There is no deleted dataset"):
        restore(workspace, "../a")


def test_a_file_is_read_only_from_allowed_folders(workspace: Workspace, tmp_path: Path) -> None:
    outside = tmp_path.parent / f"{tmp_path.name}-outside.csv"
    outside.write_bytes(QA)
    inside = workspace.root / "rows.csv"
    inside.write_bytes(QA)
    (workspace.root / "link.csv").symlink_to(outside)
    (workspace.root / ".secret.csv").write_bytes(QA)

    assert find_file(workspace, Settings(), "rows.csv") == inside
    assert (
        find_file(workspace, Settings(allowed_folders=(outside.parent,)), str(outside)) == outside
    )
    for path in (str(outside), "link.csv", "../x.csv", "/etc/passwd"):
        with pytest.raises(DatasetError, match="none of the allowed folders"):
            find_file(workspace, Settings(), path)
    with pytest.raises(DatasetError, match="is hidden"):
        find_file(workspace, Settings(), ".secret.csv")
    assert create_dataset(workspace, "rows", "rows.csv", inside).rows == 2


class Endless(io.RawIOBase):
    """So many bytes of rows, made while they are read."""

    def __init__(self, parts: Iterator[bytes]) -> None:
        self._parts = parts

    def read(self, size: int = -1) -> bytes:
        return next(self._parts, b"")


@pytest.mark.parametrize("extension", ["jsonl", "json", "csv", "txt"])
def test_memory_does_not_grow_with_the_upload(workspace: Workspace, extension: str) -> None:
    row = "x" * 4000
    head = {"json": b"[", "csv": b"text\n"}.get(extension, b"")
    line = {"jsonl": b'{"text": "%s"}\n', "json": b'{"text": "%s"},\n', "csv": b"%s\n"}
    part = line.get(extension, b"%s\n\n") % row.encode() * 250
    tail = b'{"text": "end"}]' if extension == "json" else b""

    def parts() -> Iterator[bytes]:
        yield head
        for _ in range(40):
            yield part
        yield tail or b"\n"

    tracemalloc.start()
    source = Endless(part for part in parts() if part)
    dataset = create_dataset(workspace, "big", f"big.{extension}", source)  # type: ignore[arg-type]
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()

    assert dataset.bytes > 40_000_000
    assert dataset.rows >= 10_000
    assert peak < 12_000_000


@example("\n0", 1)
@given(st.text(max_size=400), st.integers(min_value=1, max_value=50))
@settings(max_examples=100, deadline=None)
def test_cutting_a_text_loses_nothing_but_white_space(text: str, limit: int) -> None:
    pieces = list(cut_text(text, limit))

    assert all(len(piece) <= limit for piece in pieces)
    assert "".join("".join(pieces).split()) == "".join(text.split())
    assert all(pieces)


@given(st.binary(max_size=300))
@settings(max_examples=150, deadline=None)
def test_any_bytes_are_a_dataset_or_a_sentence(
    tmp_path_factory: pytest.TempPathFactory, content: bytes
) -> None:
    workspace = Workspace(tmp_path_factory.mktemp("any"))
    for extension in ("jsonl", "json", "csv", "txt"):
        try:
            dataset = add(workspace, f"a-{extension}.{extension}", content)
        except DatasetError as error:
            assert str(error)
        else:
            assert dataset.rows == len(rows_of(dataset)) > 0


def test_a_single_column_is_read_with_a_comma() -> None:
    assert find_delimiter("text\nhello; world\n") == ","
