"""A workspace with runs in any phase, and the app on it."""

from collections.abc import Callable
from pathlib import Path

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from core.paths import CODE_ROOT, WORKSPACE_VARIABLE
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

    def open_(name: str = "dashboard", **address: str) -> AppTest:
        app = AppTest.from_file(str(APP), default_timeout=30).run()
        if name != "dashboard":
            app.switch_page(f"views/{name}.py")
        for key, value in address.items():
            app.query_params[key] = value
        app.run()
        assert not app.exception
        return app

    return open_


def everything(app: AppTest) -> str:
    """Every text in the page."""
    kinds = ("title", "subheader", "markdown", "caption", "text", "code", "warning", "error")
    return "\n".join(str(element.value) for kind in kinds for element in app.get(kind))
