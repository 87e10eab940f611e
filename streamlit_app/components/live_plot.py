"""A plotly chart that takes new data in place, without a blink; zoom and hover stay."""

import json
from pathlib import Path

import plotly
import plotly.graph_objects as go
import streamlit as st
from starlette.responses import FileResponse
from starlette.routing import Route

_SCRIPT = Path(__file__).with_suffix(".js").read_text(encoding="utf-8")
_LIBRARY = Path(plotly.__file__).parent / "package_data" / "plotly.min.js"

_PLOT = st.components.v2.component(
    "live_plot", html="<div class='live-plot'></div>", js=_SCRIPT, isolate_styles=False
)


def serve_library(request: object) -> FileResponse:
    """plotly.js as it comes with the plotly package: no other host is asked for it."""
    headers = {"Cache-Control": "public, max-age=604800"}
    return FileResponse(_LIBRARY, media_type="text/javascript", headers=headers)


ROUTE = Route("/assets/plotly.min.js", serve_library)


def show(figure: go.Figure, key: str, height: int, alt: str) -> None:
    """Draw the figure, or bring the one that is drawn up to date."""
    spec = json.loads(figure.to_json(engine="json"))
    layout = {name: value for name, value in spec["layout"].items() if name != "template"}
    _PLOT(
        data={"traces": spec["data"], "layout": layout, "height": height, "alt": alt},
        key=key,
        height=height,
    )
