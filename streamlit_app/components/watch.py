"""Looks in the browser whether a part of the page is to be drawn anew; there is nothing to see."""

from streamlit_app import live_part


def show(name: str, address: str, revision: str, every_s: float) -> None:
    """Ask the address so often; what tells another revision has the part drawn anew."""
    live_part.show(
        "watch",
        {"address": address, "revision": revision, "every_ms": round(every_s * 1000)},
        key=f"watch-{name}",
        on_moved=True,
    )
