from core.run.phase import Phase
from tests.app.conftest import Open, everything, press
from tests.app.furnished import Furnished, chat_row


def test_without_a_model_it_says_how_to_get_one(place: Furnished, open_page: Open) -> None:
    place.add_run("waiting", Phase.QUEUED)
    assert "There is none yet" in everything(open_page("sandbox"))


def test_the_address_chooses_run_and_weights(place: Furnished, open_page: Open) -> None:
    place.add_run("newer", Phase.COMPLETED, minutes_ago=1)
    paths = place.add_run("older", Phase.COMPLETED, minutes_ago=9)
    place.checkpoint(paths, 200)
    page = open_page("sandbox", run=paths.run_id, weights="checkpoint-200")
    assert [box.value for box in page.selectbox] == [paths.run_id, "checkpoint-200"]
    assert page.selectbox[1].options == [
        "Final",
        "Checkpoint at step 200",
        "Base model (before training)",
    ]
    page.selectbox[1].set_value("base").run()
    assert page.query_params["weights"] == "base"


def test_a_question_wants_the_sandbox_and_waits_calmly(place: Furnished, open_page: Open) -> None:
    place.beat()
    place.add_run("capitals", Phase.COMPLETED)
    page = open_page("sandbox")
    page.chat_input[0].set_value("<b>What</b> is it?").run()
    assert page.text[0].value == "<b>What</b> is it?"
    assert "Starting the sandbox" in everything(page)
    assert page.chat_input[0].disabled
    assert place.workspace.sandbox.wanted.exists()
    page.button(key="stop").click().run()
    assert "Stopped" in everything(page)
    assert not page.chat_input[0].disabled


def test_without_a_daemon_it_says_what_it_waits_for(place: Furnished, open_page: Open) -> None:
    place.add_run("capitals", Phase.COMPLETED)
    page = open_page("sandbox")
    page.chat_input[0].set_value("Hello?").run()
    assert "Waiting for the daemon" in everything(page)


def test_clearing_forgets_the_conversation(place: Furnished, open_page: Open) -> None:
    place.beat()
    place.add_run("capitals", Phase.COMPLETED)
    page = open_page("sandbox")
    page.chat_input[0].set_value("Hello?").run()
    press(page, "Clear")
    assert not page.text
    assert "Nothing has been said yet" in everything(page)


def test_a_model_of_single_questions_is_asked_each_by_itself(
    place: Furnished, open_page: Open
) -> None:
    place.dataset(chat_row("Capital of France?", "Paris."))
    place.add_run("capitals", Phase.COMPLETED)
    assert open_page("sandbox").toggle[0].value is False


def test_a_reload_in_the_middle_of_an_answer_goes_on(place: Furnished, open_page: Open) -> None:
    place.beat()
    place.add_run("capitals", Phase.COMPLETED)
    page = open_page("sandbox")
    page.chat_input[0].set_value("Hello?").run()
    chat = page.query_params["chat"]

    place.beat()
    again = open_page("sandbox", chat=chat)
    assert again.text[0].value == "Hello?"
    assert "Starting the sandbox" in everything(again)
    again.button(key="stop").click().run()
    assert "Stopped" in everything(open_page("sandbox", chat=chat))


def test_another_tab_has_its_own_conversation(place: Furnished, open_page: Open) -> None:
    place.add_run("capitals", Phase.COMPLETED)
    page = open_page("sandbox")
    page.chat_input[0].set_value("Hello?").run()
    assert "Nothing has been said yet" in everything(open_page("sandbox"))
