import logging

import pytest
from streamlit.testing.v1 import AppTest

from tests.app.conftest import Open
from tests.app.furnished import Furnished


def script(kind: str) -> None:
    from core.errors import RecordError
    from streamlit_app import guard

    with guard.shown():
        raise RecordError("<b>x</b> is torn") if kind == "ours" else KeyError("secret")


def test_an_error_of_ours_is_its_sentence_as_text() -> None:
    app = AppTest.from_function(script, args=("ours",), default_timeout=30).run()
    assert app.error[0].value == r"\<b\>x\<\/b\> is torn"


def test_an_unexpected_error_is_told_without_its_traceback(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with caplog.at_level(logging.ERROR):
        app = AppTest.from_function(script, args=("theirs",), default_timeout=30).run()
    assert app.error[0].value.startswith("Something went wrong while showing this page")
    assert "secret" not in app.error[0].value
    assert not app.exception
    assert "KeyError" in caplog.text


def test_a_page_that_fails_leaves_the_navigation(
    place: Furnished, open_page: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("streamlit_app.session.runs", fail)
    monkeypatch.setattr("streamlit_app.run_index.RunIndex.glance", fail)
    for name in ("dashboard", "runs", "sandbox"):
        page = open_page(name, fails=True)
        assert page.error[0].value.startswith("Something went wrong")
        assert page.title
