"""A box to drop a file into, of any size: it goes to the disk in slices, not through memory."""

from pathlib import Path

import streamlit as st

from core.dataset.read.reading import COMPRESSIONS, KINDS
from streamlit_app import upload_route

_HERE = Path(__file__)
_HTML = """
<div class="box">
  <div class="zone">
    <p class="lead">Drop a file here, or</p>
    <button type="button" class="choose">Choose a file</button>
    <input type="file" class="input" tabindex="-1" aria-hidden="true">
    <p class="note"></p>
  </div>
  <div class="sending" hidden>
    <p class="name"></p>
    <progress class="bar" max="1" value="0" aria-label="Upload"></progress>
    <p class="note numbers"></p>
    <p class="trouble" hidden></p>
    <div class="buttons">
      <button type="button" class="retry" hidden>Retry</button>
      <button type="button" class="cancel">Cancel</button>
    </div>
  </div>
  <p class="status" role="status"></p>
</div>
"""
_BOX = st.components.v2.component(
    "upload_box",
    html=_HTML,
    css=_HERE.with_suffix(".css").read_text(encoding="utf-8"),
    js=_HERE.with_suffix(".js").read_text(encoding="utf-8"),
)


def show(key: str = "upload") -> str:
    """The box; returns the id of the arrival in the one rerun after a file has come, else ``."""
    accepted = [f".{extension}" for extension in (*KINDS, *COMPRESSIONS)]
    result = _BOX(
        data={
            "key": key,
            "path": upload_route.PATH,
            "header": upload_route.TICKET_HEADER,
            "ticket": upload_route.TICKET,
            "accept": ",".join(accepted),
            "note": f"{', '.join(f'.{kind}' for kind in KINDS)}; also as .gz or .zst. Any size.",
        },
        key=key,
        on_arrived_change=lambda: None,
    )
    return str(result.arrived or "")
