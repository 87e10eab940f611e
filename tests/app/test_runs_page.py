import json
import shutil
from typing import Any

from streamlit.testing.v1 import AppTest

from core.paths import RunPaths
from core.run.notes import make_notes, save_notes
from core.run.phase import Phase
from streamlit_app.components.runs_table import table_key
from tests.app.conftest import Open, check, everything, press
from tests.app.furnished import Furnished


def test_no_runs_teach_how_to_make_one(place: Furnished, open_page: Open) -> None:
    assert "Nothing has been trained here yet" in everything(open_page("runs"))


def test_a_run_is_shown_with_what_it_was_and_what_came_of_it(
    place: Furnished, open_page: Open
) -> None:
    paths = place.add_run("poems", Phase.COMPLETED)
    place.metrics(paths, 2.5, 0.25, eval_loss=0.5)
    row = open_page("runs").dataframe[0].value.iloc[0]
    assert (row["name"], row["phase"], row["took"]) == ("poems", ["Completed"], "2 min 05 s")
    assert (row["base_model"], row["method"], row["dataset"]) == ("starter", "LoRA", "capitals")
    assert (row["loss"], row["best_eval_loss"], row["tokens_per_second"]) == (0.25, 0.5, 3120)


def names(page: AppTest) -> list[str]:
    return list(page.dataframe[0].value["name"])


def three_runs(place: Furnished) -> list[RunPaths]:
    """The newest first, as the table shows them."""
    poems = place.add_run("poems", Phase.COMPLETED, minutes_ago=3)
    emails = place.add_run("emails", Phase.FAILED, minutes_ago=2)
    again = place.add_run("poems two", Phase.FAILED, minutes_ago=1)
    return [again, emails, poems]


def do(page: AppTest, drawn: list[RunPaths], rows: tuple[int, ...] = (), **more: Any) -> AppTest:
    """Tick these places of the table that shows these runs, or click a cell of it."""
    selection = {"rows": list(rows), "columns": [], "cells": [], **more}
    key = table_key([paths.run_id for paths in drawn])
    page.session_state[key] = {"selection": selection}
    return check(page.run())


def test_runs_are_found_by_text_and_by_phase(place: Furnished, open_page: Open) -> None:
    three_runs(place)
    page = open_page("runs")
    assert names(page) == ["poems two", "emails", "poems"]
    page.text_input[0].set_value("STARTER poems").run()
    assert names(page) == ["poems two", "poems"]
    page.get("pills")[0].set_value([Phase.FAILED]).run()
    assert names(page) == ["poems two"]
    assert "Only failed." in everything(page)
    page.text_input[0].set_value("nothing like it").run()
    assert not page.dataframe
    assert "No run fits the filter." in everything(page)
    page.text_input[0].set_value("").run()
    assert names(press(page, "Clear filters")) == ["poems two", "emails", "poems"]


def test_runs_are_found_by_tag_notes_and_loss_and_sorted(place: Furnished, open_page: Open) -> None:
    _, emails, poems = three_runs(place)
    save_notes(poems.notes, make_notes("Rate too high", ["best"]))
    place.metrics(poems, 2.0, 0.5, eval_loss=0.25)
    place.metrics(emails, 0.75)
    page = open_page("runs")
    assert [list(tags) for tags in page.dataframe[0].value["tags"]] == [[], [], ["best"]]
    page.selectbox[0].set_value("Lowest loss first").run()
    assert names(page) == ["poems", "emails", "poems two"]
    page.text_input[0].set_value("too high").run()
    assert names(page) == ["poems"]
    page.text_input[0].set_value("").run()
    page.number_input[0].set_value(0.8).run()
    assert names(page) == ["poems", "emails"]
    page.multiselect[0].set_value(["best"]).run()
    assert names(page) == ["poems"]
    assert r"Only best\; a loss of at most 0\.8." in everything(page)


def test_filters_are_there_when_they_can_choose_something(
    place: Furnished, open_page: Open
) -> None:
    place.add_run("poems", Phase.COMPLETED)
    page = open_page("runs")
    assert not page.get("popover")
    paths = place.add_run("emails", Phase.COMPLETED, minutes_ago=1)
    paths.spec.write_text(paths.spec.read_text().replace("models/starter", "models/large"))
    page.run()
    assert [box.label for box in page.multiselect] == ["Base model"]
    assert not page.get("pills")
    assert "tags" not in page.dataframe[0].value


def test_a_click_opens_the_run(place: Furnished, open_page: Open) -> None:
    drawn = three_runs(place)
    page = do(open_page("runs"), drawn, cells=[[1, "name"]])
    assert page.title[0].value == "emails"


def test_a_click_means_the_run_that_was_shown_when_another_has_come_since(
    place: Furnished, open_page: Open
) -> None:
    drawn = three_runs(place)
    page = open_page("runs")
    place.add_run("news", Phase.QUEUED, minutes_ago=0)
    assert do(page, drawn, cells=[[0, "name"]]).title[0].value == "poems two"


def test_ticked_runs_stay_ticked_while_the_list_changes(place: Furnished, open_page: Open) -> None:
    drawn = three_runs(place)
    page = do(open_page("runs"), drawn, (0, 2))
    assert "poems two\\, poems" in everything(page)
    news = place.add_run("news", Phase.QUEUED, minutes_ago=0)
    page.run()
    assert ticked(page) == ["poems two", "poems"]
    # What the search hides stays chosen; what is ticked beside it is added.
    page.text_input[0].set_value("emails").run()
    assert ticked(page) == []
    page = do(page, [drawn[1]], (0,))
    page.text_input[0].set_value("").run()
    assert ticked(page) == ["poems two", "emails", "poems"]
    page = do(page, [news, *drawn], (1, 2))
    assert "poems two\\, emails" in everything(page)
    assert not ticked(press(page, "Clear choice"))


def ticked(page: AppTest) -> list[str]:
    """The runs whose boxes the table draws ticked at first."""
    chosen = json.loads(page.dataframe[0].proto.selection_default)["selection"]["rows"]
    return [names(page)[place] for place in chosen]


def test_two_ticked_runs_are_compared(place: Furnished, open_page: Open) -> None:
    drawn = three_runs(place)
    page = open_page("runs")
    assert compare_button(page).disabled
    page = do(page, drawn, (1,))
    assert compare_button(page).disabled
    assert "Tick another one" in everything(page)
    page = press(do(page, drawn, (1, 2)), "Compare 2 runs")
    assert page.title[0].value == "Compare"
    assert page.multiselect[0].value == [drawn[1].run_id, drawn[2].run_id]


def compare_button(page: AppTest) -> Any:
    return page.button(key="compare chosen")


def test_a_chosen_run_whose_folder_is_gone_is_chosen_no_more(
    place: Furnished, open_page: Open
) -> None:
    drawn = three_runs(place)
    page = do(open_page("runs"), drawn, (0, 1))
    shutil.rmtree(drawn[0].folder)
    page.run()
    check(page)
    assert "emails. Tick another one" in everything(page)


def test_a_cell_that_the_table_selects_by_itself_opens_nothing(
    place: Furnished, open_page: Open
) -> None:
    drawn = three_runs(place)
    page = do(open_page("runs"), drawn, (1,))
    page = do(page, drawn, (), cells=[[0, "name"]])
    assert page.title[0].value == "Runs"
    page.run()
    assert page.title[0].value == "Runs"
    assert do(page, drawn, (), cells=[[0, "phase"]]).title[0].value == "poems two"
