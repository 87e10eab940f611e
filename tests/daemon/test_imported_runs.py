"""The daemon leaves runs alone that were trained elsewhere."""

from pathlib import Path

import pytest

from core.files import load_json
from core.paths import RunPaths, Workspace
from core.run.importing.import_output import import_output
from core.run.importing.output_folder import look_into
from core.run.phase import Phase, Verb
from core.run.store import Store
from daemon.shell.doctor.records import check_records
from tests.output_folders import copy_recorded
from tests.supervision import SETTINGS, spec_text, supervising, the_run, tick_until


@pytest.fixture
def imported(workspace: Workspace, store: Store) -> RunPaths:
    folder = copy_recorded(workspace.root / "capitals-lora")
    return workspace.run(import_output(store, SETTINGS, look_into(folder), "capitals"))


def content(folder: Path) -> dict[str, bytes]:
    return {p.name: p.read_bytes() for p in folder.iterdir() if p.is_file()}


def finish_another(workspace: Workspace, store: Store) -> None:
    """Let the daemon take up what is there, and train a run to its end."""
    with supervising(workspace) as supervisor:
        store.submit("other", spec_text("other"))

        def is_done() -> bool:
            run = the_run(workspace, "other")
            return run is not None and run.status.phase is Phase.COMPLETED

        tick_until(supervisor, is_done)
        assert not supervisor.troubles


def test_an_imported_run_stays_as_it_is(
    workspace: Workspace, store: Store, imported: RunPaths
) -> None:
    before = content(imported.folder)
    # No such wish can be met; the daemon removes it.
    for verb in (Verb.RETRY, Verb.CANCEL, Verb.RESUME):
        store.request(imported.run_id, verb)
    finish_another(workspace, store)
    assert content(imported.folder) == before
    assert imported.output.is_symlink() and imported.checkpoint(12).is_dir()


def test_a_status_that_is_lost_is_made_again_and_still_completed(
    workspace: Workspace, store: Store, imported: RunPaths
) -> None:
    before = load_json(imported.status)
    imported.status.write_text("{")
    finish_another(workspace, store)
    again = load_json(imported.status)
    for key in ("run_id", "name", "phase", "reason", "submitted_at", "since", "attempt"):
        assert again[key] == before[key]


def test_the_doctor_finds_nothing_wrong_with_it(workspace: Workspace, imported: RunPaths) -> None:
    (finding,) = check_records(workspace, daemon_lives=False)
    assert "all 1 can be read" in finding.what


def test_what_is_being_built_is_no_run_yet(
    workspace: Workspace, store: Store, imported: RunPaths
) -> None:
    imported.folder.rename(workspace.importing / "half")
    assert store.runs() == [] and workspace.run_folders() == []
