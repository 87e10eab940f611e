"""A workspace with runs in any phase, and the app on it."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from core.paths import CODE_ROOT, WORKSPACE_VARIABLE
from streamlit_app.guard import UNEXPECTED
from tests.app.furnished import Furnished

APP = CODE_ROOT / "streamlit_app" / "app.py"

Open = Callable[..., AppTest]


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Furnished:
    """An empty workspace, which the app is told to show."""
    monkeypatch.setenv(WORKSPACE_VARIABLE, str(tmp_path))
    st.cache_data.clear()
    st.cache_resource.clear()
    return Furnished(tmp_path)


@pytest.fixture
def open_page(place: Furnished) -> Open:
    """Opens a page by its file's name, with what stands in the address."""

    def open_(name: str = "dashboard", fails: bool = False, **address: str) -> AppTest:
        app = AppTest.from_file(str(APP), default_timeout=30).run()
        if name != "dashboard":
            app.switch_page(f"views/{name}.py")
        for key, value in address.items():
            app.query_params[key] = value
        app.run()
        return app if fails else check(app)

    return open_


def check(page: AppTest) -> AppTest:
    """The page, which told of no failure: the guard shows one as a sentence."""
    assert not page.exception
    assert UNEXPECTED not in [error.value for error in page.error]
    return page


def press(page: AppTest, label: str) -> AppTest:
    """The page after a click on the button with this label."""
    return check(next(button for button in page.button if button.label == label).click().run())


def field_key(page: AppTest, name: str) -> str:
    """The key of a field of New run as it stands now; it changes when the app sets the field."""
    versions = page.session_state.get("new_versions", {})
    return f"new_{name}~{versions[name]}" if name in versions else f"new_{name}"


def everything(app: AppTest) -> str:
    """Every text in the page."""
    kinds = ("title", "subheader", "markdown", "caption", "text", "code", "warning", "error")
    return "\n".join(str(element.value) for kind in kinds for element in app.get(kind))


def summary(page: AppTest) -> str:
    """What a run's page says the run was asked to do, in HTML."""
    bodies = [part.proto.body for part in page.get("html")]
    return next(body for body in bodies if "run-summary" in body)


def head(page: AppTest) -> dict[str, Any]:
    """What the head of a run's page, or its card, was drawn with."""
    sent = [json.loads(part.proto.json) for part in page.get("bidi_component")]
    return next(part["now"] for part in sent if "now" in part)
