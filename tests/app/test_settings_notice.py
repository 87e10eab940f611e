"""From the button on the page through the daemon and Apprise to a server, and back to the page."""

from collections.abc import Iterator

import pytest

from core.notice.request import TEST_TITLE, find_answer
from streamlit_app import notice_state
from tests.app.conftest import Open, check, everything, press
from tests.app.furnished import Furnished
from tests.listening import Listener, listening
from tests.supervision import make_workspace, supervising, tick_until


@pytest.fixture
def listener() -> Iterator[Listener]:
    with listening() as listener:
        yield listener


def test_a_test_from_the_page_arrives_and_one_that_cannot_says_why(
    place: Furnished, open_page: Open, listener: Listener
) -> None:
    workspace = make_workspace(place.root)
    unreachable = "json://user:hunter2@no.such.host.invalid/hush"
    with supervising(workspace) as supervisor:
        tick_until(supervisor, workspace.heartbeat.exists)
        page = open_page("settings")
        for address in (listener.address, unreachable, "nonsense://secret-token/x"):
            page.text_input(key=notice_state.NEW).set_value(address)
            press(page, "Add")
        for number in range(3):
            # Without ticks no heartbeat is fresh, so each press comes after one.
            supervisor.tick()
            check([one for one in page.button if one.label == "Send a test"][number].click().run())
        asked = [trial.name for trial in page.session_state[notice_state.TRIALS].values()]
        assert len(asked) == 3 and all(asked)
        tick_until(supervisor, lambda: all(find_answer(workspace, name) for name in asked))
        text = everything(check(page.run()))
    assert [got["title"] for got in listener.got] == [TEST_TITLE]
    assert "The test was sent" in text
    assert "no.such.host.invalid" in text.replace("\\", "")
    assert "No service of Apprise takes this address" in text
    for secret in ("hunter2", "hush", "secret-token"):
        assert secret not in text + repr(page.session_state)
