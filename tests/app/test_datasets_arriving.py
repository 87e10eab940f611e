"""Arrivals under way on the page: how far they are, how they fail, and what can be done then."""

import os
from datetime import timedelta

import pytest

from core.clock import now
from core.dataset.arrival.arrival import Arrival, find_arrival, list_arrivals
from core.dataset.arrival.arriving import create_hub, create_local, create_upload, request_import
from core.dataset.arrival.outcome import CANCELLED, Outcome, failed, to_record
from core.dataset.arrival.progress import Progress
from core.dataset.arrival.progress import to_record as progress_to_record
from core.dataset.format import BadRow
from core.files import save_json
from core.paths import Workspace
from streamlit_app.dataset_words import percent_text, progress_text
from tests import adding
from tests.app.arriving import SETTINGS, upload
from tests.app.conftest import Open, check, everything, press
from tests.app.furnished import Furnished

QA = b"question,answer\nWhat?,That.\nWho?,She.\n"
GB = 1000**3


@pytest.fixture
def workspace(place: Furnished) -> Workspace:
    place.beat()
    return place.workspace


def end(arrival: Arrival, outcome: Outcome) -> None:
    save_json(arrival.paths.outcome, to_record(outcome))
    arrival.paths.import_request.unlink(missing_ok=True)


def far(rows: int = 0, bad_rows: int = 0) -> Progress:
    """Halfway through reading 20 GB, in a hundred seconds."""
    at = now()
    return Progress("reading", at - timedelta(seconds=100), at, 10 * GB, 20 * GB, rows, bad_rows)


def test_an_import_tells_how_far_it_is_and_can_be_cancelled(
    workspace: Workspace, open_page: Open
) -> None:
    arrival = upload(workspace, "big.csv", QA)
    request_import(workspace, arrival.id, {"name": "big"})
    progress = progress_to_record(far(rows=2_000_000, bad_rows=3))
    save_json(arrival.paths.progress, progress)
    page = open_page("datasets")
    told = everything(page)
    for words in (
        "10.0 GB of 20.0 GB",
        "2,000,000 rows",
        "20,000 rows/s",
        "100 MB/s",
        "3 bad rows",
    ):
        assert words in told
    assert page.get("progress")[0].proto.text == "Reading and checking every row…"
    press(page, "Cancel")

    assert arrival.paths.cancel.exists()
    assert next(one for one in page.button if one.label == "Cancelling…").disabled


def test_without_the_daemon_it_says_what_it_waits_for(place: Furnished, open_page: Open) -> None:
    arrival = upload(place.workspace, "big.csv", QA)
    page = open_page("datasets", arrival=arrival.id)
    assert any("daemon is not running" in caption.value for caption in page.caption)
    press(page, "Add dataset")

    assert any("Waits for the daemon" in caption.value for caption in page.caption)


def test_a_failure_shows_its_reason_and_rows_as_text(workspace: Workspace, open_page: Open) -> None:
    arrival = upload(workspace, "<b>.csv", QA)
    bad = [BadRow(line, "`answer` is **empty**", "<script>") for line in range(2, 80)]
    end(arrival, failed("Too many of them: `answer`, <i>.", 5000, bad))
    page = open_page("datasets")

    assert "`answer`" in page.error[0].value and "<i>" not in page.error[0].value
    table = page.dataframe[0].value
    assert table["Line"].tolist() == list(range(2, 52))
    assert table["Content"][0] == "<script>"
    assert any("The first 78 of 5,000 bad rows" in caption.value for caption in page.caption)


def test_discarding_an_upload_asks_first(workspace: Workspace, open_page: Open) -> None:
    arrival = upload(workspace, "facts.csv", QA)
    end(arrival, failed("It was not to be."))
    page = open_page("datasets")
    press(page, "Discard")
    assert find_arrival(workspace, arrival.id)
    press(page, "Keep it")
    assert find_arrival(workspace, arrival.id)
    press(page, "Discard")
    page.button(key="discard-really").click().run()

    assert check(page) and list_arrivals(workspace) == []


def test_discarding_a_path_loses_nothing_and_asks_nothing(
    workspace: Workspace, open_page: Open
) -> None:
    (workspace.root / "rows.csv").write_bytes(QA)
    end(create_local(workspace, SETTINGS, "rows.csv"), failed("It was not to be."))
    press(open_page("datasets"), "Discard")

    assert list_arrivals(workspace) == []
    assert (workspace.root / "rows.csv").exists()


def test_content_that_is_here_already_is_offered_after_the_import(
    workspace: Workspace, open_page: Open
) -> None:
    adding.add(workspace, "facts.csv", QA)
    (workspace.root / "again.csv").write_bytes(QA)
    arrival = create_local(workspace, SETTINGS, "again.csv")
    end(arrival, failed("The same file is already here as `facts`.", same_as="facts"))
    page = open_page("datasets")
    assert "already here as **facts**" in page.warning[0].value
    press(page, "Store it a second time…")
    page.toggle(key=f"import_again_{arrival.id}").set_value(True).run()
    press(page, "Add dataset")

    assert "allow_same_content: true" in arrival.paths.import_request.read_text()


def test_a_fetch_that_failed_can_be_tried_again(workspace: Workspace, open_page: Open) -> None:
    arrival = create_hub(workspace, SETTINGS, "org/name")
    arrival.paths.fetch_request.unlink()
    save_json(arrival.paths.outcome, to_record(failed("There is no connection to the Hub.")))
    page = open_page("datasets")
    assert "no connection" in page.error[0].value
    press(page, "Fetch it again")

    assert arrival.paths.fetch_request.exists()


def test_a_cancelled_import_keeps_its_file(workspace: Workspace, open_page: Open) -> None:
    arrival = upload(workspace, "facts.csv", QA)
    end(arrival, CANCELLED)
    page = open_page("datasets")

    assert "was cancelled" in everything(page)
    press(page, "Choose what its rows are")
    assert [one for one in page.button if one.label == "Add dataset"]


def test_only_an_upload_that_has_broken_off_is_told_of(
    workspace: Workspace, open_page: Open
) -> None:
    arrival = create_upload(workspace, SETTINGS, "big.csv", 20 * 1000**2)
    arrival.paths.part.write_bytes(b"x" * 1000)
    assert "broke off" not in everything(open_page("datasets"))
    os.utime(arrival.paths.part, (1, 1))

    assert "broke off at 1.0 kB of 20.0 MB" in everything(open_page("datasets"))


def test_progress_is_told_with_units_and_nothing_that_is_not_known() -> None:
    at = now()
    begun = Progress("copying", at, at)
    assert progress_text(begun, at) == ""
    assert "1 min 40 s left" in progress_text(far(), now())
    assert "rows" not in progress_text(far(), now())


def test_a_share_is_never_rounded_up_to_all() -> None:
    assert percent_text(1.0) == "100 %"
    assert percent_text(0.9999) == "99 %"
    assert percent_text(0.0001) == "0.1 %"
    assert percent_text(0) == "0 %"
