"""Sources of datasets on their way in: what may arrive, where each is, and what can be done."""

import os
import time
from datetime import timedelta
from pathlib import Path

import pytest

from core.clock import now
from core.dataset.arrival import arriving, outcome
from core.dataset.arrival import progress as progresses
from core.dataset.arrival.arrival import Seen, Source, State, find_arrival, list_arrivals, state_of
from core.dataset.arrival.arriving import (
    base_name,
    cancel,
    check_room,
    create_hub,
    create_local,
    create_upload,
    discard,
    finish,
    request_fetch,
    request_import,
    sweep,
)
from core.dataset.arrival.folder import open_reading, total_bytes
from core.dataset.arrival.inbox import list_inbox
from core.dataset.arrival.local_file import find_source
from core.dataset.arrival.outcome import CANCELLED, Outcome, failed
from core.dataset.arrival.progress import Progress, move_on, time_left_s
from core.dataset.format import BadRow
from core.dataset.read.record import Record
from core.errors import DatasetError
from core.files import save_json
from core.paths import ArrivalPaths, Workspace
from core.settings import Settings

DAY_S = 24 * 3600
SETTINGS = Settings(min_free_disk_gib=0)


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    workspace = Workspace(tmp_path / "ws")
    workspace.queue.mkdir(parents=True)
    return workspace


@pytest.fixture
def upload(workspace: Workspace) -> ArrivalPaths:
    """An upload that has come whole."""
    paths = create_upload(workspace, SETTINGS, "chats.jsonl", 3).paths
    paths.part.write_bytes(b"{}\n")
    finish(paths, "abc")
    return paths


def state(workspace: Workspace, paths: ArrivalPaths) -> State:
    found = find_arrival(workspace, paths.arrival_id)
    assert found
    return found.state


@pytest.mark.parametrize(
    ("source", "seen", "expected"),
    [
        (Source.UPLOAD, Seen(), State.RECEIVING),
        (Source.UPLOAD, Seen(has_data=True), State.READY),
        (Source.PATH, Seen(has_data=True), State.READY),
        (Source.UPLOAD, Seen(has_data=True, is_import_wanted=True), State.WAITING),
        (Source.FOLDER, Seen(True, is_import_wanted=True, has_begun=True), State.IMPORTING),
        (Source.HUB, Seen(is_fetch_wanted=True), State.WAITING_TO_FETCH),
        (Source.HUB, Seen(is_fetch_wanted=True, has_begun=True), State.FETCHING),
        (Source.HUB, Seen(has_data=True, is_fetch_wanted=True, has_begun=True), State.READY),
        (Source.HUB, Seen(), State.CANCELLED),
        (Source.UPLOAD, Seen(True, False, True, True, failed("x")), State.FAILED),
        (Source.UPLOAD, Seen(True, False, True, True, CANCELLED), State.CANCELLED),
        (Source.UPLOAD, Seen(outcome=Outcome(True, dataset="x")), State.DONE),
    ],
)
def test_the_files_alone_tell_the_state(source: Source, seen: Seen, expected: State) -> None:
    assert state_of(source, seen) is expected


@pytest.mark.parametrize(
    ("name", "kept", "original"),
    [
        ("chats.jsonl", "chats.jsonl", "original.jsonl"),
        ("../../etc/Rows.CSV.GZ", "Rows.CSV.GZ", "original.csv.gz"),
        ("C:\\data\\a b.parquet", "a b.parquet", "original.parquet"),
        ("<img src=x>.json", "<img src=x>.json", "original.json"),
        ("a\0b\n.txt", "a�b�.txt", "original.txt"),
        ("ä" * 300 + ".tsv", "ä" * 196 + ".tsv", "original.tsv"),
    ],
)
def test_of_a_name_only_the_kind_is_used(
    workspace: Workspace, name: str, kept: str, original: str
) -> None:
    paths = create_upload(workspace, SETTINGS, name, 1).paths
    paths.part.write_bytes(b"x")
    arrival = finish(paths, "abc")
    assert arrival.file_name == kept == base_name(name)
    assert arrival.path == paths.folder / original
    assert (arrival.sha256, arrival.total_bytes, arrival.state) == ("abc", 1, State.READY)
    assert [path.name for path in workspace.arriving.iterdir()] == [arrival.id]


@pytest.mark.parametrize("name", ["", ".", "..", "a/", "run.exe", "rows.zip", ".jsonl/.."])
def test_an_upload_of_no_known_kind_is_refused(workspace: Workspace, name: str) -> None:
    with pytest.raises(DatasetError):
        create_upload(workspace, SETTINGS, name, 1)
    assert not workspace.arriving.exists()


def test_an_upload_must_have_a_size_and_room(workspace: Workspace) -> None:
    with pytest.raises(DatasetError, match="empty"):
        create_upload(workspace, SETTINGS, "a.csv", 0)
    with pytest.raises(DatasetError, match=r"GiB free.*Make room"):
        create_upload(workspace, SETTINGS, "a.csv", 2**60)
    with pytest.raises(DatasetError, match="min_free_disk_gib"):
        check_room(workspace, Settings(min_free_disk_gib=1e9), 0)


@pytest.mark.parametrize("arrival_id", ["", "..", "../x", "20260101-000000-zzzzzzzz", "x" * 300])
def test_only_an_id_names_an_arrival(workspace: Workspace, arrival_id: str) -> None:
    assert find_arrival(workspace, arrival_id) is None


def test_links_and_unreadable_folders_are_no_arrivals(
    workspace: Workspace, upload: ArrivalPaths
) -> None:
    link = workspace.arrival("20260101-000000-00000000").folder
    link.symlink_to(upload.folder)
    broken = workspace.arrival("20260101-000000-00000001")
    broken.folder.mkdir()
    broken.card.write_text("source: [")
    (workspace.arriving / "notes.txt").touch()
    assert [arrival.id for arrival in list_arrivals(workspace)] == [upload.arrival_id]
    assert find_arrival(workspace, link.name) is None


def test_a_file_of_this_machine_stays_where_it_is(workspace: Workspace) -> None:
    file = workspace.root / "data" / "rows.csv"
    file.parent.mkdir()
    file.write_text("question,answer\n")
    arrival = create_local(workspace, SETTINGS, "data/rows.csv")
    assert (arrival.source, arrival.path, arrival.state) == (Source.PATH, file, State.READY)
    assert arrival.suggested_name == "rows"
    discard(workspace, arrival.id)
    assert file.exists() and not list_arrivals(workspace)


@pytest.mark.parametrize("text", ["/etc", "uploads/.arriving", "nothing", "empty", "", "a\0b"])
def test_a_folder_must_be_allowed_and_hold_texts(workspace: Workspace, text: str) -> None:
    (workspace.root / "empty").mkdir()
    workspace.arriving.mkdir(parents=True)
    with pytest.raises(DatasetError):
        find_source(workspace, SETTINGS, text)


def test_a_folder_of_texts_is_read_as_one(workspace: Workspace, tmp_path: Path) -> None:
    folder = workspace.root / "corpus"
    (folder / "b").mkdir(parents=True)
    (folder / "b" / "two.txt").write_text("Third.\n")
    (folder / "a.TXT").write_bytes("First.\n\nZweitä.\n".encode("latin-1"))
    (folder / "c.txt").write_bytes(b"\x00\x01\x02" * 50)
    (folder / "d.txt").touch()
    (folder / "notes.md").write_text("not read")
    (folder / ".hidden.txt").write_text("not read")
    secret = tmp_path / "secret.txt"
    secret.write_text("not read")
    (folder / "link.txt").symlink_to(secret)

    arrival = create_local(workspace, SETTINGS, "corpus")
    assert arrival.source is Source.FOLDER
    with open_reading(arrival.path) as reading:
        found = list(reading.records())
        assert reading.bytes_done == reading.total_bytes == total_bytes(folder)
    assert [record.value for record in found if isinstance(record, Record)] == [
        {"file": "a.TXT", "text": "First."},
        {"file": "a.TXT", "text": "Zweitä."},
        {"file": "b/two.txt", "text": "Third."},
    ]
    bad = [record.reason for record in found if isinstance(record, BadRow)]
    assert [reason.partition(":")[0] for reason in bad] == ["c.txt", "d.txt"]


def test_the_inbox_tells_what_is_still_being_copied(workspace: Workspace) -> None:
    inbox = workspace.inbox
    (inbox / "corpus").mkdir(parents=True)
    (inbox / "corpus" / "a.txt").write_text("text")
    (inbox / "rows.csv").write_text("question,answer\n")
    (inbox / "photo.png").write_text("x")
    (inbox / "none.jsonl").touch()
    (inbox / ".part.csv").touch()
    (inbox / "link.csv").symlink_to("/etc/passwd")
    os.mkfifo(inbox / "pipe.csv")
    # A copy keeps the time of its source, but the copying itself is seen.
    os.utime(inbox / "rows.csv", (1, 1))

    arriving_now = {dropped.name: dropped for dropped in list_inbox(workspace)}
    assert list(arriving_now) == ["corpus", "none.jsonl", "photo.png", "rows.csv"]
    assert arriving_now["rows.csv"].is_arriving and arriving_now["corpus"].is_arriving
    later = {dropped.name: dropped for dropped in list_inbox(workspace, time.time() + 5)}
    assert not any(dropped.is_arriving for dropped in later.values())
    assert (later["rows.csv"].bytes, later["rows.csv"].problem) == (16, "")
    assert (later["corpus"].bytes, later["corpus"].problem) == (4, "")
    assert "empty" in later["none.jsonl"].problem and ".jsonl" in later["photo.png"].problem
    assert list_inbox(Workspace(workspace.root / "elsewhere")) == []


def test_a_name_in_the_inbox_that_is_no_text_is_shown_all_the_same(workspace: Workspace) -> None:
    workspace.inbox.mkdir(parents=True)
    (workspace.inbox / os.fsdecode(b"gr\xfc\xdfe.csv")).write_text("question,answer\n")
    (dropped,) = list_inbox(workspace)
    assert dropped.name == "gr??e.csv" and "Rename it" in dropped.problem
    assert f"{dropped.name} {dropped.problem}".encode()


def test_a_hub_dataset_is_asked_for_at_once(workspace: Workspace) -> None:
    arrival = create_hub(workspace, SETTINGS, " org/Some_Chats ", "en", "train")
    assert arrival.state is State.WAITING_TO_FETCH
    assert arrival.suggested_name == "some_chats"
    assert "org/Some_Chats" in arrival.paths.fetch_request.read_text()
    assert workspace.wake.exists()
    with pytest.raises(DatasetError, match="has not arrived"):
        request_import(workspace, arrival.id, {})
    with pytest.raises(DatasetError, match="nothing to fetch"):
        request_fetch(workspace, arrival.id)


@pytest.mark.parametrize(
    ("dataset_id", "config", "split"),
    [
        ("", "", ""),
        ("../x", "", ""),
        ("a/b/c", "", ""),
        ("json", "", ""),
        ("buckets/x", "", ""),
        ("a b", "", ""),
        ("org/x", "a\nb", ""),
        ("org/x", "", "train[:10%]"),
        ("org/x", "", "x" * 101),
    ],
)
def test_what_can_name_no_hub_dataset_is_refused(
    workspace: Workspace, dataset_id: str, config: str, split: str
) -> None:
    with pytest.raises(DatasetError):
        create_hub(workspace, SETTINGS, dataset_id, config, split)
    assert not list_arrivals(workspace)


def test_offline_says_so_before_anything_arrives(workspace: Workspace) -> None:
    with pytest.raises(DatasetError, match="hub: offline"):
        create_hub(workspace, Settings(hub="offline"), "org/x")
    assert not list_arrivals(workspace)


def test_an_import_is_asked_for_once(workspace: Workspace, upload: ArrivalPaths) -> None:
    request_import(workspace, upload.arrival_id, {"name": "chats"})
    assert state(workspace, upload) is State.WAITING
    with pytest.raises(DatasetError, match="waiting already"):
        request_import(workspace, upload.arrival_id, {"name": "other"})
    assert "chats" in upload.import_request.read_text()


def test_what_failed_can_be_tried_again(workspace: Workspace, upload: ArrivalPaths) -> None:
    row = BadRow(3, "no answer", "{}")
    save_json(upload.outcome, outcome.to_record(failed("It broke.", 7, [row])))
    upload.cancel.touch()
    found = find_arrival(workspace, upload.arrival_id)
    assert found and found.state is State.FAILED and found.outcome
    assert (found.outcome.reason, found.outcome.bad_rows) == ("It broke.", 7)
    assert found.outcome.bad == (row,)
    request_import(workspace, upload.arrival_id, {"name": "chats"})
    assert state(workspace, upload) is State.WAITING
    assert not upload.cancel.exists()


def test_an_outcome_that_cannot_be_read_is_a_failure(
    workspace: Workspace, upload: ArrivalPaths
) -> None:
    upload.outcome.write_text("{}")
    assert state(workspace, upload) is State.FAILED


def test_only_what_is_under_way_is_cancelled(workspace: Workspace, upload: ArrivalPaths) -> None:
    cancel(workspace, upload.arrival_id)
    cancel(workspace, "20260101-000000-00000000")
    assert not upload.cancel.exists()
    request_import(workspace, upload.arrival_id, {"name": "chats"})
    cancel(workspace, upload.arrival_id)
    found = find_arrival(workspace, upload.arrival_id)
    assert found and found.is_cancel_wanted


def test_an_arrival_is_not_discarded_while_it_is_imported(
    workspace: Workspace, upload: ArrivalPaths
) -> None:
    request_import(workspace, upload.arrival_id, {"name": "chats"})
    save_json(upload.progress, progresses.to_record(Progress("reading", now(), now())))
    with pytest.raises(DatasetError, match=r"is importing\. Cancel that first"):
        discard(workspace, upload.arrival_id)
    save_json(upload.outcome, outcome.to_record(CANCELLED))
    discard(workspace, upload.arrival_id)
    discard(workspace, upload.arrival_id)
    assert not list(workspace.arriving.iterdir())


def test_a_day_later_only_what_nobody_goes_on_with_is_swept(
    workspace: Workspace, upload: ArrivalPaths
) -> None:
    old = create_upload(workspace, SETTINGS, "old.csv", 9).paths
    old.part.touch()
    os.utime(old.part, (1, 1))
    fresh = create_upload(workspace, SETTINGS, "fresh.csv", 9).paths
    (workspace.arriving / ".half.tmp").mkdir()
    os.utime(workspace.arriving / ".half.tmp", (1, 1))
    bad = create_local(workspace, SETTINGS, str(_file(workspace))).paths
    save_json(bad.outcome, outcome.to_record(failed("It broke.")))
    done = create_local(workspace, SETTINGS, str(_file(workspace))).paths
    save_json(done.outcome, outcome.to_record(Outcome(True, dataset="x")))

    sweep(workspace)
    left = {path.name for path in workspace.arriving.iterdir()}
    assert left == {paths.arrival_id for paths in (upload, fresh, bad, done)}
    sweep(workspace, time.time() + arriving.ABANDONED_S + 60)
    left = {path.name for path in workspace.arriving.iterdir()}
    assert left == {upload.arrival_id, bad.arrival_id}


def _file(workspace: Workspace) -> Path:
    file = workspace.root / "rows.csv"
    file.write_text("question,answer\n")
    return file


def test_the_time_left_follows_from_the_speed_so_far() -> None:
    begun = now()
    at = begun + timedelta(seconds=10)
    half = Progress("reading", begun, at, bytes_done=50, bytes_total=100)
    assert (half.fraction, half.bytes_per_s, time_left_s(half, at)) == (0.5, 5.0, 10.0)
    assert time_left_s(half, at + timedelta(seconds=4)) == 6.0
    assert time_left_s(half, at + timedelta(hours=1)) == 0.0
    assert time_left_s(Progress("reading", begun, at), at) is None
    assert time_left_s(Progress("reading", begun, begun, 50, 100), begun) is None
    assert time_left_s(Progress("fetching", begun, at, 50, 0), at) is None


def test_the_time_of_a_stage_begins_with_it() -> None:
    begun = now()
    at = begun + timedelta(seconds=10)
    first = move_on(None, Progress("copying", begun, begun))
    assert move_on(first, Progress("copying", at, at)).started_at == begun
    assert move_on(first, Progress("reading", at, at)).started_at == at
    assert progresses.from_record(progresses.to_record(first)).stage == "copying"
