"""The stages of a start, with their seconds."""

from collections.abc import Sequence

import streamlit as st

from streamlit_app.display import plain, precise_text, stage_text
from streamlit_app.timeline import StageTime


def show(stages: Sequence[StageTime]) -> None:
    """One line per stage; the one that goes on comes last."""
    with st.container(border=True, gap="xsmall"):
        for stage in stages:
            icon = (
                ":blue[:material/hourglass_top:]" if stage.is_open else ":green[:material/check:]"
            )
            name = plain(stage_text(stage.stage))
            st.markdown(f"{icon} {name} · {precise_text(stage.seconds)}")


def summary(stages: Sequence[StageTime]) -> str:
    """The whole start in one line."""
    parts = [f"{stage_text(stage.stage).lower()} {precise_text(stage.seconds)}" for stage in stages]
    total = precise_text(sum(stage.seconds for stage in stages))
    return f"Started in {total}: {', '.join(parts)}"
