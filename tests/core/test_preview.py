import json
from pathlib import Path
from typing import Any

import pytest

from core.errors import RecordError
from core.paths import RunPaths, Workspace
from core.run.preview import (
    Preview,
    Sample,
    find_samples,
    has_dialogues,
    load_previews,
    read,
    read_samples,
    save_previews,
)

CONFIG = {"datasets": [{"path": "./uploads/capitals/train.jsonl", "type": "chat_template"}]}


def turns(*texts: str) -> dict[str, Any]:
    roles = ("user", "assistant") * len(texts)
    return {"messages": [{"role": r, "content": t} for r, t in zip(roles, texts, strict=False)]}


def write(workspace: Workspace, *rows: dict[str, Any]) -> Path:
    path = workspace.dataset("capitals").train
    path.parent.mkdir(parents=True)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


@pytest.mark.parametrize(
    ("row", "sample"),
    [
        (turns("Q", "A"), Sample("Q", "A")),
        (
            {"messages": [{"role": "system", "content": "S"}, *turns("Q", "A")["messages"]]},
            Sample("Q", "A", "S"),
        ),
        (
            {"conversations": [{"from": "human", "value": "Q"}, {"from": "gpt", "value": "A"}]},
            Sample("Q", "A"),
        ),
        ({"prompt": "Q", "completion": "A"}, Sample("Q", "A")),
        ({"instruction": "Q", "input": "I", "output": "A"}, Sample("Q\n\nI", "A")),
        ({"instruction": "Q", "input": "", "output": "A"}, Sample("Q", "A")),
        ({"text": "Once upon a time"}, Sample("Once upon a time", "")),
        ({"messages": []}, None),
        ({"messages": [{"role": "assistant", "content": "A"}]}, None),
        ({"messages": ["Q", None]}, None),
        ({"number": 5, "prompt": 7}, None),
    ],
)
def test_a_question_is_found_in_every_usual_shape(
    row: dict[str, Any], sample: Sample | None
) -> None:
    assert read(row) == sample


def test_the_first_three_different_questions_are_taken(tmp_path: Path) -> None:
    rows = [turns(text, "A") for text in ("a", "a", "b", "c", "d")]
    path = write(Workspace(tmp_path), *rows)
    assert [sample.question for sample in read_samples(path)] == ["a", "b", "c"]


def test_the_dataset_of_a_spec_is_read_in_the_workspace(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    write(workspace, turns("Q", "A"))
    assert find_samples(CONFIG, workspace) == [Sample("Q", "A")]


@pytest.mark.parametrize(
    "config", [{}, {"datasets": []}, {"datasets": [{"path": "org/name"}]}, {"datasets": ["./no"]}]
)
def test_a_dataset_that_is_no_local_file_has_no_questions(
    tmp_path: Path, config: dict[str, Any]
) -> None:
    assert find_samples(config, Workspace(tmp_path)) == []


def test_lines_that_are_no_rows_are_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "train.jsonl"
    path.write_bytes(b"\xff\xfe\n[1]\n{\n" + json.dumps(turns("Q", "A")).encode())
    assert read_samples(path) == [Sample("Q", "A")]


def test_dialogues_are_told_from_single_questions(tmp_path: Path) -> None:
    assert has_dialogues(CONFIG, Workspace(tmp_path)) is True
    write(Workspace(tmp_path / "single"), turns("Q", "A"))
    assert has_dialogues(CONFIG, Workspace(tmp_path / "single")) is False
    write(Workspace(tmp_path / "many"), turns("Q", "A"), turns("Q", "A", "Q2", "A2"))
    assert has_dialogues(CONFIG, Workspace(tmp_path / "many")) is True


def test_kept_previews_come_back(tmp_path: Path) -> None:
    paths = RunPaths(tmp_path)
    previews = [Preview("Q", "A", "B")]
    save_previews(paths, previews)
    save_previews(paths, [], "checkpoint-20")
    assert load_previews(paths) == previews
    assert load_previews(paths, "checkpoint-20") == []


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"previews": [1]}', '{"previews": [{}]}'])
def test_an_unreadable_preview_is_none(tmp_path: Path, text: str) -> None:
    paths = RunPaths(tmp_path)
    paths.previews.mkdir()
    (paths.previews / "final.json").write_text(text)
    assert load_previews(paths) == []


@pytest.mark.parametrize("part", ["", "../final", "checkpoint-", "checkpoint-x"])
def test_a_part_that_is_none_is_refused(tmp_path: Path, part: str) -> None:
    with pytest.raises(RecordError):
        save_previews(RunPaths(tmp_path), [], part)
