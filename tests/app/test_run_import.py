"""A folder of this machine becomes a run, or a sentence says why not."""

from pathlib import Path

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from core.paths import RunPaths
from core.run.importing.import_output import import_output
from core.run.importing.output_folder import look_into
from core.run.phase import Phase
from core.run.store import Store
from core.settings import Settings
from streamlit_app.components import model_choice
from streamlit_app.components.run_summary import facts
from tests.app.conftest import Open, check, everything, head
from tests.app.furnished import Furnished
from tests.output_folders import copy_recorded, losses, save_state


def page() -> None:
    from streamlit_app.components import run_import

    run_import.show_form()


def look(path: Path | str) -> AppTest:
    form = AppTest.from_function(page, default_timeout=30).run()
    return check(form.text_input[0].set_value(str(path)).run())


def rows(form: AppTest) -> dict[str, str]:
    table = form.table[0].value
    return {
        str(name).replace("\N{NO-BREAK SPACE}", " "): str(v) for name, v in table.iloc[:, 0].items()
    }


@pytest.fixture
def links(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, str]]:
    """Where the links of a form lead: it stands alone here, without the pages of the app."""
    seen: list[dict[str, str]] = []
    monkeypatch.setattr(st, "page_link", lambda *_, **more: seen.append(more["query_params"]))
    return seen


@pytest.fixture
def folder(place: Furnished) -> Path:
    return copy_recorded(place.root / "outputs" / "capitals-lora")


def take_in(place: Furnished, folder: Path) -> RunPaths:
    store = Store(place.workspace)
    return place.workspace.run(import_output(store, Settings(), look_into(folder), "capitals"))


def test_an_empty_form_says_what_an_import_does(place: Furnished) -> None:
    form = check(AppTest.from_function(page, default_timeout=30).run())
    assert "The weights stay where they are" in everything(form)


def test_what_lies_in_the_folder_is_told_before_it_is_imported(folder: Path) -> None:
    told = rows(look(folder))
    assert (told["Base model"], told["Dataset"], told["Method"]) == ("starter", "capitals", "LoRA")
    assert (told["Steps"], told["Loss"], told["Checkpoints"]) == ("12 of 12", "4\\.8018", "6\\, 12")
    assert told["Config"] == "From README\\.md"


def test_an_import_makes_a_run_of_the_name_that_was_written(place: Furnished, folder: Path) -> None:
    form = look(folder)
    form.text_input[1].set_value("My: capitals")
    # There is no page to go to in this test.
    next(button for button in form.button if button.label == "Import").click().run()
    (run,) = Store(place.workspace).runs()
    assert (run.status.name, run.status.phase) == ("My- capitals", Phase.COMPLETED)


@pytest.mark.parametrize(
    ("path", "told"),
    [
        ("/etc", "none of the allowed folders"),
        ("outputs/gone", "There is no folder"),
        ("outputs", "There are trainings in capitals"),
        ("x\0y", "Write the path"),
    ],
)
def test_a_folder_that_will_not_do_is_told_of(folder: Path, path: str, told: str) -> None:
    form = look(path)
    assert told in form.error[0].value
    assert not form.button


def test_the_same_folder_leads_to_the_run_that_is_there(
    place: Furnished, folder: Path, links: list[dict[str, str]]
) -> None:
    run = take_in(place, folder)
    for path in (folder, run.output):
        form = look(path)
        assert links.pop() == {"run": run.run_id}
        assert "imported already" in form.info[0].value
        assert not form.button
    save_state(folder / "checkpoint-13", *losses(*range(13)))
    assert [button.label for button in look(folder).button] == ["Import"]


def test_the_output_of_a_run_of_ours_leads_to_that_run(
    place: Furnished, links: list[dict[str, str]]
) -> None:
    paths = place.add_run("poems", Phase.COMPLETED)
    save_state(paths.output, *losses(1.0))
    form = look(paths.output)
    assert "belongs to a run" in form.info[0].value
    assert links.pop() == {"run": paths.run_id}
    assert not form.button


def test_the_button_is_there_before_the_first_run_and_after(
    place: Furnished, open_page: Open
) -> None:
    assert "Import a run" in [button.label for button in open_page("runs").button]
    place.add_run("poems", Phase.COMPLETED)
    assert "Import a run" in [button.label for button in open_page("runs").button]


def test_an_imported_run_is_shown_like_any_other(
    place: Furnished, folder: Path, open_page: Open
) -> None:
    run = take_in(place, folder)
    row = open_page("runs").dataframe[0].value.iloc[0]
    assert (row["name"], row["base_model"], row["method"]) == ("capitals", "starter", "LoRA")
    assert (row["steps"], round(row["loss"], 4), row["took"]) == (12, 4.8018, "7 s")
    page = open_page("run", run=run.run_id)
    assert f"Imported from {folder}" in head(page)["why"]
    shown = everything(page)
    assert "Retry" not in shown and "Resume" not in shown


def test_where_its_weights_lie_is_told_even_when_they_are_gone(
    place: Furnished, folder: Path
) -> None:
    paths = take_in(place, folder)
    run = Store(place.workspace).find_run(paths.run_id)
    assert run
    assert facts(run)["Saved in"] == str(folder)
    assert facts(run)["Runs on"] == facts(run)["Submitted"] == ""
    assert model_choice.parts(run) == ["newest", "checkpoint-12", "checkpoint-6", "base"]
    folder.rename(folder.with_name("moved"))
    assert facts(run)["Saved in"] == f"{folder} (gone)"
    assert model_choice.usable([run]) == []


def test_it_can_be_changed_and_run_again(place: Furnished, folder: Path, open_page: Open) -> None:
    run = take_in(place, folder)
    page = open_page("new_run", **{"from": run.run_id})
    assert any("capitals" in str(field.value) for field in page.text_input)
