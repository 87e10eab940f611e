from core.run.phase import Phase
from tests.app.conftest import Open, everything
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
    assert (row["loss"], row["eval_loss"]) == (0.25, 0.5)


def test_runs_are_found_by_text_and_by_phase(place: Furnished, open_page: Open) -> None:
    place.add_run("poems", Phase.COMPLETED, minutes_ago=3)
    place.add_run("emails", Phase.FAILED, minutes_ago=2)
    place.add_run("poems two", Phase.FAILED, minutes_ago=1)
    page = open_page("runs")
    assert list(page.dataframe[0].value["name"]) == ["poems two", "emails", "poems"]
    page.text_input[0].set_value("STARTER poems").run()
    assert list(page.dataframe[0].value["name"]) == ["poems two", "poems"]
    page.get("pills")[0].set_value([Phase.FAILED]).run()
    assert list(page.dataframe[0].value["name"]) == ["poems two"]
    page.text_input[0].set_value("nothing like it").run()
    assert not page.dataframe
    assert "No run fits the filter." in everything(page)


def test_a_click_opens_the_run(place: Furnished, open_page: Open) -> None:
    place.add_run("poems", Phase.COMPLETED, minutes_ago=3)
    place.add_run("emails", Phase.COMPLETED, minutes_ago=2)
    page = open_page("runs")
    page.session_state["runs table"] = {
        "selection": {"rows": [], "columns": [], "cells": [[1, "name"]]}
    }
    page.run()
    assert page.title[0].value == "poems"


def test_a_click_means_the_run_that_was_shown_when_another_has_come_since(
    place: Furnished, open_page: Open
) -> None:
    place.add_run("poems", Phase.COMPLETED, minutes_ago=3)
    place.add_run("emails", Phase.COMPLETED, minutes_ago=2)
    page = open_page("runs")
    place.add_run("news", Phase.QUEUED, minutes_ago=1)
    page.session_state["runs table"] = {
        "selection": {"rows": [], "columns": [], "cells": [[0, "name"]]}
    }
    page.run()
    assert page.title[0].value == "emails"
