import json
from typing import Any

from streamlit.testing.v1 import AppTest

from core.run.phase import Phase, Verb
from core.run.preview import Preview, save_previews
from core.run.store import Store
from tests.app.conftest import Open, everything, head, press, summary
from tests.app.furnished import Furnished, chat_row, progress


def buttons(page: AppTest) -> list[str]:
    return [button.label for button in page.button]


def metrics(page: AppTest) -> dict[str, str]:
    return {label: value for label, value, _ in head(page)["tiles"]}


def test_an_address_without_a_run_leads_to_the_runs(place: Furnished, open_page: Open) -> None:
    assert "There is no run 20260101\\-x" in everything(open_page("run", run="20260101-x"))
    page = open_page("run", run="../../etc")
    assert page.page_link[0].label == "All runs"


def test_a_running_run_shows_step_loss_and_time_left(place: Furnished, open_page: Open) -> None:
    running = progress(420, eta_s=3 * 3600 + 720)
    paths = place.add_run("poems", Phase.RUNNING, stage="training", progress=running)
    place.metrics(paths, 2.5, 0.8254, eval_loss=0.9)
    page = open_page("run", run=paths.run_id)
    assert head(page)["bar"] == {
        "fraction": 0.42,
        "text": "Training · 420 of 1,000 steps · 42%",
    }
    shown = metrics(page)
    assert (shown["Loss"], shown["Validation loss"]) == ("0.8254", "0.9000")
    assert shown["Time left"] == "3 h 12 min"
    assert "1,234,567 tokens · 3,120 tokens per second" in head(page)["lines"][0]
    assert charts(page)


def test_the_charts_are_asked_for_by_the_browser_and_cost_the_page_nothing(
    place: Furnished, open_page: Open
) -> None:
    paths = place.add_run("poems", Phase.RUNNING, progress=progress(2), gpus=(0,))
    place.metrics(paths, 2.5, 0.8)
    page = open_page("run", run=paths.run_id)
    before = charts(page)
    assert before == {
        "address": f"/api/runs/{paths.run_id}/curves",
        "live": True,
        "gpus": True,
        "empty": "The loss curve appears here with the first log event of the training.",
    }
    place.metrics(paths, 2.5, 0.8, 0.4)
    assert charts(page.run()) == before
    place.change(paths, phase=Phase.COMPLETED)
    page = open_page("run", run=paths.run_id)
    assert charts(page)["live"] is False


def test_losses_that_were_no_numbers_are_told_where_the_curve_would_be(
    place: Furnished, open_page: Open
) -> None:
    paths = place.add_run("poems", Phase.FAILED)
    row = {"step": 1, "grad_norm": 1.5, "not_finite": ["loss"]}
    paths.metrics.write_text(json.dumps(row) + "\n")
    page = open_page("run", run=paths.run_id)
    assert charts(page)["empty"] == "No logged loss was a finite number: there is no loss curve."


def test_a_half_written_line_of_metrics_waits_for_its_rest(
    place: Furnished, open_page: Open
) -> None:
    paths = place.add_run("poems", Phase.RUNNING, progress=progress(2))
    place.metrics(paths, 2.5, 0.8)
    with paths.metrics.open("a") as file:
        file.write('not json\n[1]\n{"step": "x", "loss": 1}\n{"step": 3, "lo')
    page = open_page("run", run=paths.run_id)
    assert metrics(page)["Loss"] == "0.8000"
    with paths.metrics.open("a") as file:
        file.write('ss": 0.7}\n')
    assert metrics(page.run())["Loss"] == "0.7000"


def test_a_start_shows_its_stages_as_bars_and_the_open_one_grows(
    place: Furnished, open_page: Open
) -> None:
    paths = place.add_run("poems", Phase.STARTING, stage="model")
    place.stages(paths, "imports", "config", "dataset", "model")
    page = open_page("run", run=paths.run_id)
    assert "since its turn" in everything(page)
    before = bars(page)
    assert '<tr class="done"><th scope="row">Loading the libraries</th>' in before
    assert '<tr class="open"><th scope="row">Loading the model</th>' in before
    assert '<tr class="pending"><th scope="row">First step</th>' in before
    assert bars(page.run()) != before


def test_a_cold_start_says_why_as_text(place: Furnished, open_page: Open) -> None:
    paths = place.add_run("poems", Phase.RUNNING, stage="training")
    place.journal(paths, "start", cold="its plugin <script>alert(1)</script> has to be imported")
    place.stages(paths, "imports", "<script>alert(1)</script>", "training")
    place.journal(paths, "first_step", step=1)
    page = open_page("run", run=paths.run_id)
    assert "Cold" in everything(page)
    assert r"its plugin \<script\>alert\(1\)" in everything(page)
    assert "to the first step" in everything(page)
    assert "<script" not in bars(page)


def test_the_start_is_kept_when_the_curves_have_taken_its_place(
    place: Furnished, open_page: Open
) -> None:
    paths = place.add_run("poems", Phase.COMPLETED)
    place.journal(paths, "start", cold="")
    place.stages(paths, "imports", "training")
    place.journal(paths, "first_step", step=1)
    place.metrics(paths, 2.5, 0.8)
    page = open_page("run", run=paths.run_id)
    assert not bars(page)
    assert "after its turn, warm" in summary(page)
    page.session_state["details"] = ":material/timer: Start"
    assert "First step" in bars(page.run())
    assert "Warm" in everything(page)


def test_a_run_that_failed_before_its_first_step_shows_how_far_it_came(
    place: Furnished, open_page: Open
) -> None:
    paths = place.add_run("poems", Phase.FAILED)
    place.journal(paths, "start", cold="no standby was there yet")
    place.stages(paths, "imports", "model")
    place.event(paths, "failed", "out of memory")
    page = open_page("run", run=paths.run_id)
    assert '<tr class="broken"><th scope="row">Loading the model</th>' in bars(page)
    assert "before the first step" in everything(page)
    assert "there is no loss curve" in everything(page)


def test_a_run_that_waits_has_no_start_yet(place: Furnished, open_page: Open) -> None:
    paths = place.add_run("poems", Phase.QUEUED)
    page = open_page("run", run=paths.run_id)
    page.session_state["details"] = ":material/timer: Start"
    assert "It has not been started yet" in everything(page.run())


def test_cancelling_asks_first_and_then_writes_the_request(
    place: Furnished, open_page: Open
) -> None:
    paths = place.add_run("poems", Phase.RUNNING)
    page = open_page("run", run=paths.run_id)
    press(page, "Cancel")
    assert not paths.requests.exists()
    assert "Checkpoints that are saved stay" in everything(page)
    press(page, "Cancel the run")
    assert Store(place.workspace).requested(paths.run_id) == [Verb.CANCEL]
    assert "Cancelling…" in buttons(page)
    assert "Cancel" not in buttons(page)


def test_the_question_before_cancelling_stays_when_the_run_moves_on(
    place: Furnished, open_page: Open
) -> None:
    paths = place.add_run("poems", Phase.STARTING)
    page = open_page("run", run=paths.run_id)
    press(page, "Cancel")
    place.change(paths, phase=Phase.RUNNING)
    assert "Checkpoints that are saved stay" in everything(page.run())
    press(page, "Keep it")
    assert "Checkpoints that are saved stay" not in everything(page.run())
    assert not paths.requests.exists()


def test_a_finished_run_offers_no_cancelling(place: Furnished, open_page: Open) -> None:
    paths = place.add_run("poems", Phase.COMPLETED)
    assert "Cancel" not in buttons(open_page("run", run=paths.run_id))


def test_a_finished_run_shows_its_losses_and_its_kept_preview(
    place: Furnished, open_page: Open
) -> None:
    paths = place.add_run("capitals", Phase.COMPLETED, reason="trained 192 steps")
    place.metrics(paths, 2.5, 0.0053, eval_loss=0.0562)
    save_previews(paths, [Preview("Capital of France?", "It is Paris.", "<b>Paris</b>, of course")])
    page = open_page("run", run=paths.run_id)
    shown = metrics(page)
    assert (shown["Loss"], shown["Validation loss"]) == ("0.0053", "0.0562")
    assert shown["Training time"] == "2 min 05 s"
    assert head(page)["why"] == "Trained 192 steps"
    texts = [text.value for text in page.text]
    assert texts[:3] == ["Capital of France?", "<b>Paris</b>, of course", "It is Paris."]
    assert page.page_link[0].label == "**Chat with it**"


def test_a_preview_is_asked_for_with_questions_of_the_dataset(
    place: Furnished, open_page: Open
) -> None:
    place.beat()
    place.dataset(chat_row("Capital of France?", "Paris."), chat_row("Of Japan?", "Tokyo."))
    paths = place.add_run("capitals", Phase.COMPLETED)
    page = open_page("run", run=paths.run_id)
    assert page.button[0].label == "Generate preview"
    page.button[0].click().run()
    assert place.workspace.sandbox.wanted.exists()
    assert "Capital of France?" in everything(page)
    assert "Starting the sandbox" in everything(page)


def test_a_failed_run_says_why_as_text(place: Furnished, open_page: Open) -> None:
    reason = "ValueError: ![x](http://evil.example/x.png) <script>alert(1)</script>"
    paths = place.add_run("evil", Phase.FAILED, reason=reason)
    page = open_page("run", run=paths.run_id)
    assert head(page)["why"] == reason
    assert "there is no loss curve" in everything(page)


def test_the_log_is_read_by_the_browser_alone(place: Furnished, open_page: Open) -> None:
    paths = place.add_run("poems", Phase.RUNNING)
    paths.log.write_text("a line of the log\n")
    page = open_page("run", run=paths.run_id)
    sent = [json.loads(part.proto.json) for part in page.get("bidi_component")]
    asked = [part for part in sent if "address" in part and "/log" in part["address"]]
    assert asked == [
        {
            "address": f"/api/runs/{paths.run_id}/log",
            "live": True,
            "empty": "Nothing has been written yet.",
        }
    ]


def test_only_the_open_tab_is_filled(place: Furnished, open_page: Open) -> None:
    paths = place.add_run("poems", Phase.RUNNING)
    for _ in range(2):
        place.event(paths, "starting", "again", changes=["seed: 42, the same spec gives the same"])
    place.checkpoint(paths, 200)
    page = open_page("run", run=paths.run_id)
    assert "seed: 42" not in everything(page)
    page.session_state["details"] = ":material/tune: Config"
    assert everything(page.run()).count("seed: 42") == 1
    page.session_state["details"] = ":material/history: Events"
    assert "Again" in everything(page.run())
    page.session_state["details"] = ":material/save: Checkpoints"
    assert list(page.run().dataframe[0].value["Step"]) == [200]


def test_a_loss_that_is_no_number_is_a_warning(place: Furnished, open_page: Open) -> None:
    place.beat()
    paths = place.add_run("poems", Phase.RUNNING)
    place.metrics(paths, 2.5)
    with paths.metrics.open("a") as file:
        file.write(json.dumps({"step": 2, "not_finite": ["loss"]}) + "\n")
    assert "no number any more" in head(open_page("run", run=paths.run_id))["warning"]


def test_a_damaged_run_folder_does_not_break_its_page(place: Furnished, open_page: Open) -> None:
    paths = place.add_run("poems", Phase.COMPLETED)
    for path in (paths.spec, paths.events, paths.journal, paths.metrics, paths.log):
        path.write_bytes(b"\xff\x00[{")
    paths.previews.mkdir()
    (paths.previews / "final.json").write_text("[]")
    page = open_page("run", run=paths.run_id)
    assert not page.error
    assert page.title[0].value == "poems"


def charts(page: AppTest) -> dict[str, Any]:
    """What the browser is told of the charts."""
    sent = [json.loads(part.proto.json) for part in page.get("bidi_component")]
    return next(part for part in sent if "/curves" in part.get("address", ""))


def bars(page: AppTest) -> str:
    """The chart of the start; empty where there is none."""
    bodies = [part.proto.body for part in page.get("html")]
    return next((body for body in bodies if "start-timeline" in body), "")


def test_what_the_summary_tells_is_shown_as_it_is(place: Furnished, open_page: Open) -> None:
    paths = place.add_run("poems", Phase.COMPLETED)
    paths.spec.write_text("base_model: ./models/<img src=x onerror=alert(1)>\n")
    assert "&lt;img src=x" in summary(open_page("run", run=paths.run_id))
