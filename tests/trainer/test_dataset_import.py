"""Importing an arrival in a process of its own: what it writes, and what it makes of bad wishes."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from core.dataset.arrival.arrival import Arrival, State, find_arrival
from core.dataset.arrival.arriving import create_local, create_upload, finish, request_import
from core.dataset.arrival.outcome import Outcome
from core.dataset.card import find_dataset
from core.errors import DatasetError
from core.files import load_json
from core.lock import take_lock
from core.paths import CODE_ROOT, ArrivalPaths, Workspace
from core.settings import Settings
from tests.clock import Clock
from trainer import dataset_import
from trainer.arriving import LOOK_EVERY_S, TELL_EVERY_S, Cancelled, Teller, work

QA = "question,answer\nWhat?,That.\nWho?,She.\n"
SETTINGS = Settings(min_free_disk_gib=0)


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    workspace = Workspace(tmp_path / "ws")
    workspace.queue.mkdir(parents=True)
    workspace.configs.mkdir()
    workspace.settings.write_text("min_free_disk_gib: 0\n")
    return workspace


def upload(workspace: Workspace, text: str = QA, name: str = "rows.csv") -> Arrival:
    arrival = create_upload(workspace, SETTINGS, name, len(text))
    arrival.paths.part.write_text(text)
    return finish(arrival.paths, f"sum of {hash(text)}")


def run(workspace: Workspace, arrival: Arrival, **choices: object) -> Outcome:
    """Ask for the import and do it, as the daemon would let it be done."""
    request_import(workspace, arrival.id, {"name": "rows", **choices})
    return do(workspace, arrival)


def do(workspace: Workspace, arrival: Arrival) -> Outcome:
    work(
        arrival.paths.folder,
        lambda paths, teller: dataset_import.import_arrival(workspace, paths, teller),
    )
    found = find_arrival(workspace, arrival.id)
    assert found and found.outcome
    assert not arrival.paths.dataset.exists()
    return found.outcome


def test_an_upload_becomes_a_dataset(workspace: Workspace) -> None:
    arrival = upload(workspace, QA + "Where?,\n")
    outcome = run(workspace, arrival)
    assert (outcome.ok, outcome.dataset, outcome.bad_rows) == (True, "rows", 1)
    assert outcome.bad[0].line == 4
    dataset = find_dataset(workspace, "rows")
    assert dataset and dataset.rows == 2 and dataset.file_name == "rows.csv"
    assert dataset.sha256 == arrival.sha256
    assert load_json(arrival.paths.progress)["rows"] <= 2


def test_a_failure_leaves_the_source_its_report_and_no_dataset(workspace: Workspace) -> None:
    arrival = upload(workspace, QA + "Where?,\n")
    outcome = run(workspace, arrival, on_bad_row="stop")
    assert not outcome.ok and "Line 4" in outcome.reason
    assert outcome.bad_rows == 1 and outcome.bad[0].line == 4
    assert arrival.path.read_text().startswith("question")
    assert find_dataset(workspace, "rows") is None
    assert [path.name for path in workspace.uploads.iterdir()] == [".arriving"]
    assert run(workspace, arrival).ok


def test_the_same_content_is_named(workspace: Workspace) -> None:
    assert run(workspace, upload(workspace)).ok
    outcome = run(workspace, upload(workspace), name="again")
    assert (outcome.ok, outcome.same_as) == (False, "rows")
    assert run(workspace, upload(workspace), name="again", allow_same_content=True).ok


def test_a_cancelled_import_leaves_the_source(workspace: Workspace) -> None:
    arrival = upload(workspace)
    request_import(workspace, arrival.id, {"name": "rows"})
    arrival.paths.cancel.touch()
    assert do(workspace, arrival).is_cancelled
    assert arrival.path.exists() and find_dataset(workspace, "rows") is None


@pytest.mark.parametrize(
    ("request_text", "words"),
    [
        ("name: [", "Import.yaml"),
        ("- 1\n", "Import.yaml"),
        ("name: rows\nform: {name: nonsense}\n", "`form` must be one of"),
        ("name: '../..'\n", "needs a name"),
        ("name: rows\nvalidation_arrival: ../x\n", "is gone"),
        ("name: rows\nvalidation: 7.5e+300\n", ""),
        ("name: " + "x" * 300_000, "Import.yaml"),
    ],
)
def test_a_dishonest_request_is_answered_with_a_sentence(
    workspace: Workspace, request_text: str, words: str
) -> None:
    arrival = upload(workspace)
    arrival.paths.import_request.write_text(request_text)
    outcome = do(workspace, arrival)
    assert not outcome.ok and words in outcome.reason and outcome.reason.endswith(".")


def test_a_place_is_judged_anew_at_the_import(workspace: Workspace, tmp_path: Path) -> None:
    file, secret = workspace.root / "rows.csv", tmp_path / "secret.csv"
    for path in (file, secret):
        path.write_text(QA)
    arrival = create_local(workspace, SETTINGS, "rows.csv")
    file.unlink()
    file.symlink_to(secret)
    assert "allowed folders" in run(workspace, arrival).reason
    file.unlink()
    assert "There is no file" in run(workspace, arrival).reason
    file.write_text(QA)
    assert run(workspace, arrival).ok and file.read_text() == QA


def test_a_folder_of_texts_becomes_one_dataset(workspace: Workspace) -> None:
    folder = workspace.root / "corpus"
    folder.mkdir()
    (folder / "a.txt").write_text("First.\n\nSecond.\n")
    (folder / "b.txt").write_text("Third.\n")
    (folder / "c.txt").write_bytes(b"\x00\x01\x02" * 50)
    outcome = run(workspace, create_local(workspace, SETTINGS, "corpus"), name="corpus")
    assert outcome.ok and outcome.bad_rows == 1 and "c.txt" in outcome.bad[0].content
    dataset = find_dataset(workspace, "corpus")
    assert dataset and (dataset.rows, dataset.kind) == (3, "completion")
    assert sorted(path.name for path in folder.iterdir()) == ["a.txt", "b.txt", "c.txt"]


def test_a_second_arrival_can_be_the_validation(workspace: Workspace) -> None:
    held = upload(workspace, "question,answer\nWhy?,Because.\n", "held.csv")
    outcome = run(workspace, upload(workspace), validation_arrival=held.id)
    dataset = find_dataset(workspace, "rows")
    assert outcome.ok and dataset and (dataset.rows, dataset.validation_rows) == (2, 1)


def test_a_full_disk_is_told_of_before_it_begins(workspace: Workspace) -> None:
    workspace.settings.write_text("min_free_disk_gib: 1000000000\n")
    arrival = upload(workspace)
    outcome = run(workspace, arrival)
    assert "Make room" in outcome.reason and arrival.path.exists()
    assert find_dataset(workspace, "rows") is None


def test_an_import_ends_before_it_fills_the_disk(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    needed: list[int] = []

    def check(workspace: Workspace, settings: Settings, need_bytes: int) -> None:
        needed.append(need_bytes)
        if len(needed) == 3:
            raise DatasetError("The disk is full.")

    monkeypatch.setattr(dataset_import, "check_room", check)
    monkeypatch.setattr(dataset_import, "CHECK_ROOM_EVERY_S", 0.0)
    held = upload(workspace, "question,answer\nWhy?,Because.\n", "held.csv")
    arrival = upload(workspace, QA * 500)
    outcome = run(workspace, arrival, validation_arrival=held.id)
    assert (outcome.ok, outcome.reason) == (False, "The disk is full.")
    both = held.path.stat().st_size + arrival.path.stat().st_size
    assert needed == [2 * both, 0, 0] and find_dataset(workspace, "rows") is None


def test_what_was_made_before_a_kill_is_not_made_twice(workspace: Workspace) -> None:
    for source in (upload(workspace), create_local(workspace, SETTINGS, _file(workspace))):
        name = str(source.source)
        request_import(workspace, source.id, {"name": name, "allow_same_content": True})
        assert do(workspace, source).ok
        # Killed between the last rename and its word about it.
        source.paths.outcome.unlink()
        outcome = do(workspace, source)
        assert (outcome.ok, outcome.dataset) == (True, name)


def test_another_dataset_of_that_name_is_not_taken_for_ours(workspace: Workspace) -> None:
    late, early = upload(workspace), upload(workspace, QA + "Why?,Because.\n")
    request_import(workspace, late.id, {"name": "rows"})
    assert run(workspace, early).ok
    assert "There is a dataset `rows` already" in do(workspace, late).reason


def _file(workspace: Workspace) -> str:
    (workspace.root / "chats.csv").write_text(QA)
    return "chats.csv"


def test_what_breaks_unexpectedly_is_a_sentence_too(
    workspace: Workspace, capsys: pytest.CaptureFixture[str]
) -> None:
    def break_down(paths: ArrivalPaths, teller: Teller) -> None:
        raise ZeroDivisionError("by nothing")

    arrival = upload(workspace)
    work(arrival.paths.folder, break_down)
    outcome = load_json(arrival.paths.outcome)
    assert "ZeroDivisionError: by nothing" in outcome["reason"]
    assert "Traceback" in capsys.readouterr().err


def test_two_never_work_on_one_arrival(workspace: Workspace) -> None:
    arrival = upload(workspace)
    lock = take_lock(arrival.paths.lock)
    assert lock is not None
    work(arrival.paths.folder, lambda paths, teller: pytest.fail("not alone"))
    os.close(lock)
    assert not arrival.paths.outcome.exists()


def test_progress_is_written_now_and_then(workspace: Workspace) -> None:
    arrival, clock = upload(workspace), Clock()
    teller = Teller(arrival.paths, clock)
    told = lambda: load_json(arrival.paths.progress)  # noqa: E731
    teller.tell("reading", 1, 10)
    teller.tell("reading", 2, 10)
    assert told()["bytes_done"] == 1
    clock.now = TELL_EVERY_S
    teller.tell("reading", 3, 10, rows=5, bad_rows=1)
    assert (told()["bytes_done"], told()["rows"], told()["bad_rows"]) == (3, 5, 1)
    teller.tell("splitting")
    assert told()["stage"] == "splitting"
    arrival.paths.cancel.touch()
    teller.tell("splitting")
    clock.now += LOOK_EVERY_S
    with pytest.raises(Cancelled):
        teller.tell("splitting")


def test_it_runs_as_the_daemon_starts_it_and_loads_nothing_heavy(workspace: Workspace) -> None:
    arrival = upload(workspace)
    request_import(workspace, arrival.id, {"name": "rows"})
    script = (
        "import os, runpy, sys\n"
        f"sys.argv = ['x', '--arrival={arrival.paths.folder}']\n"
        "runpy.run_module('trainer.dataset_import', run_name='__main__')\n"
        "heavy = {'torch', 'axolotl', 'transformers', 'datasets', 'pandas', 'streamlit'}\n"
        "print(sorted(heavy & set(sys.modules)), os.nice(0))\n"
    )
    done = subprocess.run(
        [sys.executable, "-P", "-c", script],
        env={**os.environ, **workspace.environment()},
        cwd=CODE_ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.split()[0] == "[]" and int(done.stdout.split()[1]) >= 10
    found = find_arrival(workspace, arrival.id)
    assert found and found.state is State.DONE


def test_what_a_killed_attempt_left_is_no_obstacle(workspace: Workspace) -> None:
    arrival = upload(workspace)
    arrival.paths.dataset.mkdir()
    (arrival.paths.dataset / "rows.jsonl").write_text("half")
    assert run(workspace, arrival).ok
    assert find_dataset(workspace, "rows")


def test_a_link_to_nowhere_among_the_datasets_is_no_obstacle(workspace: Workspace) -> None:
    (workspace.uploads).mkdir(exist_ok=True)
    (workspace.uploads / "unplugged").symlink_to("/nowhere/at/all")
    assert run(workspace, upload(workspace)).ok


def test_a_document_that_is_no_text_is_told_with_what_it_holds(workspace: Workspace) -> None:
    folder = workspace.root / "texts"
    folder.mkdir()
    (folder / "good.txt").write_text("A paragraph.")
    (folder / "bad.txt").write_bytes(b"\x00\x01\x02" * 400)
    arrival = create_local(workspace, SETTINGS, str(folder))
    outcome = run(workspace, arrival)
    assert outcome.ok and outcome.bad_rows == 1
    assert '"problem"' in outcome.bad[0].content and '"line"' in outcome.bad[0].content
