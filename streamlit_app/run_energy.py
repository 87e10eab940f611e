"""The energy of a run, and what it cost."""

from core.monitor.energy import energy_text
from core.run.store import Run
from streamlit_app import gpu_tracks, session


def text(run: Run) -> str:
    """`0.42 kWh · 0.13 EUR`, for the times it trained; empty when no GPU told its power."""
    settings = session.usual_settings()
    return energy_text(gpu_tracks.kwh_of(run), settings.price_per_kwh, settings.currency)
