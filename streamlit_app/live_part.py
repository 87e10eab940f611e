"""A part of a page that draws itself in the browser, and asks the app's routes for what is new.

Streamlit sends a component's script again with every change of its data, so that script is a few
lines which load the real one, once, from `/assets`.
"""

from collections.abc import Mapping
from typing import Any

import streamlit as st

from streamlit_app import assets

_LOADER = """
const module = import(new URL("{script}", window.location.origin).href)
export default function (part) {{
  const root = part.parentElement.querySelector(".live-part")
  let stop = () => {{}}, gone = false
  module.then(
    (loaded) => {{
      if (!gone) stop = loaded.default(root, part.data, part.setTriggerValue) ?? stop
    }},
    () => {{ root.textContent = "This part could not be loaded; reload the page." }},
  )
  return () => {{ gone = true; stop() }}
}}
"""
_HTML = '<link rel="stylesheet" href="{style}"><div class="live-part {name}"></div>'

_parts: dict[str, Any] = {}


def show(
    name: str,
    data: Mapping[str, Any],
    key: str,
    height: int | str = "content",
    on_moved: bool = False,
) -> None:
    """Draw the part whose script and style are `assets/<name>.js` and `.css`.

    The script's default export is `(root, data, tell) => stop`: it is called at first and with
    every change of the data, on the same `root`; `stop` ends what it began. With `on_moved` the
    page is drawn anew whenever the script says `tell("moved", true)`.
    """
    if name not in _parts:
        _parts[name] = st.components.v2.component(
            name,
            html=_HTML.format(style=assets.address(f"{name}.css"), name=name),
            js=_LOADER.format(script=assets.address(f"{name}.js")),
            isolate_styles=False,
        )
    callbacks = {"on_moved_change": _draw_anew} if on_moved else {}
    _parts[name](data=dict(data), key=key, height=height, **callbacks)


def _draw_anew() -> None:
    """Nothing more: whatever a part tells, the page's script runs again."""
