import json
import shutil
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from core.clock import now
from core.monitor.shelf import Shelf
from core.paths import RunPaths
from core.run.phase import Phase
from core.run.status import Progress
from streamlit_app import comparing, session
from streamlit_app.display import UNKNOWN
from streamlit_app.run_slots import MAX_RUNS
from tests.app.conftest import Open, check, everything, press
from tests.app.furnished import Furnished
from tests.app.test_gpus_page import CARD, sample
from tests.app.test_run_energy import add_run

LONG_AGO = "20200101-000000-gone"


def two_runs(place: Furnished) -> tuple[RunPaths, RunPaths]:
    poems = place.add_run(
        "poems", Phase.COMPLETED, minutes_ago=3, progress=Progress(3, 3, 1.0, 3000)
    )
    emails = place.add_run("emails", Phase.FAILED, minutes_ago=2)
    emails.spec.write_text(emails.spec.read_text().replace("0.002", "0.001") + "seed: 7\n")
    place.metrics(poems, 2.5, 0.5, 0.75, eval_loss=0.8)
    place.metrics(emails, 2.5, 0.25, eval_loss=0.9)
    return poems, emails


def parts(page: AppTest) -> list[dict[str, Any]]:
    """What the parts of the page that draw themselves were given."""
    return [json.loads(part.proto.json) for part in page.get("bidi_component")]


def table(page: AppTest, title: str) -> dict[str, list[str]]:
    """The cells of a table by the names of its rows; the best value ends in a star."""
    data = next(part for part in parts(page) if part.get("title") == title)
    return {
        row["name"]: [cell["text"] + "*" * cell["best"] for cell in row["cells"]]
        for row in data["rows"]
    }


def chart(page: AppTest) -> dict[str, Any]:
    return next(part for part in parts(page) if "traces" in part)


def test_without_runs_the_page_teaches_how_to_make_one(place: Furnished, open_page: Open) -> None:
    assert "Nothing has been trained here yet" in everything(open_page("compare"))


def test_without_a_choice_the_page_teaches_how_to_choose(place: Furnished, open_page: Open) -> None:
    poems, emails = two_runs(place)
    page = open_page("compare")
    assert "Choose two runs or more" in everything(page)
    page = press(page, "Compare the two newest finished runs")
    assert page.multiselect[0].value == [emails.run_id, poems.run_id]
    assert page.query_params["runs"] == f"{emails.run_id},{poems.run_id}"


def test_the_address_chooses_runs_and_follows_the_choice(place: Furnished, open_page: Open) -> None:
    poems, emails = two_runs(place)
    page = open_page("compare", runs=f"{emails.run_id},{poems.run_id}")
    assert page.multiselect[0].value == [emails.run_id, poems.run_id]
    page.multiselect[0].set_value([poems.run_id]).run()
    assert page.query_params["runs"] == poems.run_id
    assert "choose another one" in everything(check(page))
    # As after a step back in the browser.
    page.query_params["runs"] = emails.run_id
    assert check(page.run()).multiselect[0].value == [emails.run_id]
    page.multiselect[0].set_value([]).run()
    assert "runs" not in page.query_params
    assert "Choose two runs or more" in everything(check(page))


def test_runs_that_are_not_there_are_told(place: Furnished, open_page: Open) -> None:
    poems, _ = two_runs(place)
    page = open_page("compare", runs=f"{poems.run_id},{LONG_AGO},../../etc, {poems.run_id}")
    assert page.multiselect[0].value == [poems.run_id]
    told = everything(page).replace("\\", "")
    assert LONG_AGO in told
    assert "../../etc" in told


def test_more_runs_than_can_be_told_apart_are_left_out(place: Furnished, open_page: Open) -> None:
    runs = [place.add_run(f"run {n}", Phase.COMPLETED, minutes_ago=n + 1) for n in range(14)]
    page = open_page("compare", runs=",".join(paths.run_id for paths in runs))
    assert len(page.multiselect[0].value) == MAX_RUNS
    assert f"the first {MAX_RUNS} are compared" in everything(page)


def test_a_run_that_is_removed_meanwhile_leaves_the_choice(
    place: Furnished, open_page: Open
) -> None:
    poems, emails = two_runs(place)
    page = open_page("compare", runs=f"{emails.run_id},{poems.run_id}")
    shutil.rmtree(emails.folder)
    page.run()
    assert check(page).multiselect[0].value == [poems.run_id]


def test_results_stand_side_by_side_with_the_best_marked(place: Furnished, open_page: Open) -> None:
    poems, emails = two_runs(place)
    results = table(open_page("compare", runs=f"{poems.run_id},{emails.run_id}"), "Results")
    assert results["Phase"] == ["Completed", "Failed"]
    assert results["Last loss"] == ["0.7500", "0.2500"]
    assert results["Lowest loss"] == ["0.5000", "0.2500*"]
    assert results["Best validation loss"] == ["0.8000*", "0.9000"]
    assert results["Steps trained"] == ["3 steps", UNKNOWN]
    assert results["Time trained"] == ["2 min 05 s", "2 min 05 s"]
    assert results["Speed"] == ["3,120 tokens/s", "3,120 tokens/s"]
    assert "Energy" not in results


def test_only_parameters_that_differ_are_shown_unless_all_are_wanted(
    place: Furnished, open_page: Open
) -> None:
    poems, emails = two_runs(place)
    page = open_page("compare", runs=f"{poems.run_id},{emails.run_id}")
    assert table(page, "Parameters") == {
        "learning_rate": ["0.002", "0.001"],
        "seed": ["not set", "7"],
    }
    page.toggle(key="compare all").set_value(True).run()
    assert table(check(page), "Parameters")["lora_r"] == ["16", "16"]
    poems.spec.write_bytes(emails.spec.read_bytes())
    page.toggle(key="compare all").set_value(False).run()
    assert "started with the same parameters" in everything(check(page))


def test_each_run_has_one_colour_everywhere_and_keeps_it(place: Furnished, open_page: Open) -> None:
    poems, emails = two_runs(place)
    page = open_page("compare", runs=f"{poems.run_id},{emails.run_id}")
    assert slots(page) == {"legend": [0, 1], "Results": [0, 1], "chart": [0, 1]}
    page.multiselect[0].set_value([emails.run_id]).run()
    assert slots(check(page)) == {"legend": [1], "Results": [1], "chart": [1]}


def slots(page: AppTest) -> dict[str, list[int]]:
    sent = parts(page)
    legend = next(part for part in sent if "runs" in part and "rows" not in part)
    results = next(part for part in sent if part.get("title") == "Results")
    return {
        "legend": [run["slot"] for run in legend["runs"]],
        "Results": [run["slot"] for run in results["runs"]],
        "chart": sorted({trace["meta"]["slot"] for trace in chart(page)["traces"]}),
    }


def test_curves_are_chosen_with_their_axis(place: Furnished, open_page: Open) -> None:
    poems, emails = two_runs(place)
    page = open_page("compare", runs=f"{poems.run_id},{emails.run_id}")
    assert "poems 0.7500 last, emails 0.2500 last" in chart(page)["alt"]
    assert "Gradient norm" not in page.selectbox(key="compare metric").options
    page.selectbox(key="compare metric").set_value("Validation perplexity")
    page.selectbox(key="compare axis").set_value("Tokens")
    page.toggle(key="compare log").set_value(True).run()
    assert chart(check(page))["alt"].startswith("Validation perplexity, over tokens: poems 2.23")
    assert chart(page)["layout"]["yaxis"]["type"] == "log"
    assert chart(page)["layout"]["xaxis"]["title"]["text"] == "Tokens"


def test_runs_without_a_curve_are_named(place: Furnished, open_page: Open) -> None:
    poems, _ = two_runs(place)
    queued = place.add_run("waits", Phase.QUEUED, minutes_ago=1)
    page = open_page("compare", runs=f"{poems.run_id},{queued.run_id}")
    assert "No training loss yet: waits." in everything(page)
    page = open_page("compare", runs=queued.run_id)
    assert "None of these runs has logged this yet" in everything(page)


def test_a_live_run_is_read_on_and_its_end_stops_the_clock(
    place: Furnished, open_page: Open
) -> None:
    poems, _ = two_runs(place)
    live = place.add_run("live", Phase.RUNNING, minutes_ago=1)
    place.metrics(live, 3.0)
    page = open_page("compare", runs=f"{poems.run_id},{live.run_id}")
    assert table(page, "Results")["Last loss"] == ["0.7500", "3.0000"]
    place.metrics(live, 3.0, 0.125)
    page.run()
    assert table(check(page), "Results")["Last loss"] == ["0.7500", "0.1250"]
    place.change(live, phase=Phase.COMPLETED)
    page.run()
    assert table(check(page), "Results")["Phase"] == ["Completed", "Completed"]


def test_what_did_not_change_is_drawn_from_the_same_figure(
    place: Furnished, open_page: Open
) -> None:
    poems, emails = two_runs(place)
    page = open_page("compare", runs=f"{poems.run_id},{emails.run_id}")
    before = [part.proto.json for part in page.get("bidi_component")]
    page.run()
    assert [part.proto.json for part in page.get("bidi_component")] == before


def test_broken_files_break_no_comparison(place: Furnished, open_page: Open) -> None:
    poems, emails = two_runs(place)
    emails.spec.write_text("a: [")
    emails.metrics.write_bytes(b'\xff\xfe{}\n[1]\nnull\n{"step": 1, "loss": 1e999}\n{"step')
    page = open_page("compare", runs=f"{poems.run_id},{emails.run_id}")
    assert table(page, "Results")["Last loss"] == ["0.7500", UNKNOWN]
    assert session.store().find_run(emails.run_id)


def test_energy_and_its_cost_are_compared(place: Furnished, open_page: Open) -> None:
    (place.root / "configs").mkdir()
    (place.root / "configs" / "settings.yaml").write_text("price_per_kwh: 2\ncurrency: CHF\n")
    end = now() - timedelta(minutes=5)
    sample(place, replace(CARD, power_w=360.0), seconds=700, end=end + timedelta(seconds=9))
    measured = add_run(place, Phase.COMPLETED, end - timedelta(seconds=600), end)
    poems, _ = two_runs(place)
    page = open_page("compare", runs=f"{measured.run_id},{poems.run_id}")
    assert table(page, "Results")["Energy"] == ["0.060 kWh", UNKNOWN]
    assert table(page, "Results")["Cost"] == ["0.12 CHF", UNKNOWN]


def test_more_metrics_than_the_shelf_keeps_are_read_once(
    place: Furnished, open_page: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(comparing, "SHELF", Shelf(max_runs=1))
    poems, emails = two_runs(place)
    page = open_page("compare", runs=f"{poems.run_id},{emails.run_id}")
    held = dict(page.session_state[comparing.HELD])
    page.run()
    assert {*page.session_state[comparing.HELD].values()} == {*held.values()}
    page.multiselect[0].set_value([]).run()
    assert comparing.HELD not in page.session_state
