"""Several runs side by side. Which ones is in the address: `?runs=<run id>,<run id>`."""

from collections.abc import Sequence

import streamlit as st

from core.run.phase import FINISHED
from core.run.store import Run
from streamlit_app import comparing, guard, session
from streamlit_app.comparing import Chosen
from streamlit_app.components import compare_choice, compare_curves, compare_table, first_steps

REFRESH_S = 3
READING_S = 1
"""While long metrics are still being read, the curves grow once a second."""


def show_lesson(runs: Sequence[Run]) -> None:
    """How to choose runs."""
    with st.container(border=True, key="compare-lesson"):
        st.subheader("Choose two runs or more", anchor=False)
        st.markdown(
            "Their curves are laid over each other, and below stand their results and only those "
            "parameters that differ. Choose them above by name, or tick them in the list of runs "
            "and press **Compare** there. The address of this page keeps the choice: save it or "
            "send it to somebody."
        )
        with st.container(horizontal=True, vertical_alignment="center"):
            newest = [run.run_id for run in runs if run.status.phase in FINISHED][:2]
            if len(newest) == 2:
                st.button(
                    "Compare the two newest finished runs",
                    on_click=compare_choice.choose,
                    args=(newest,),
                    icon=":material/compare_arrows:",
                )
            st.page_link(session.RUNS_PAGE, label="All runs", icon=":material/list_alt:")


def show(chosen: Sequence[Chosen]) -> None:
    """Curves, results and parameters."""
    if len(chosen) == 1:
        st.caption("One run so far: choose another one to compare it with.")
    part = comparing.read_fraction(chosen)
    if part < 1:
        st.caption(f"Reading the metrics: {part:.0%} so far.")
    compare_curves.show(chosen)
    compare_table.show([comparing.compared(one) for one in chosen])


def pace_s(chosen: Sequence[Chosen]) -> int | None:
    """Every how many seconds the page is drawn anew; None when nothing can change."""
    if comparing.read_fraction(chosen) < 1:
        return READING_S
    return REFRESH_S if comparing.is_live(chosen) else None


@guard.shown()
def show_fresh(runs: Sequence[tuple[Run, int]], pace: int | None) -> None:
    """The runs as of now; the page is drawn with another timer once it needs another one."""
    chosen = comparing.look_at(runs)
    show(chosen)
    if pace_s(chosen) != pace:
        st.rerun()


st.title("Compare", anchor=False)
all_runs = session.runs()
if not all_runs:
    first_steps.show()
    st.stop()
picked = compare_choice.show(all_runs)
if picked:
    pace = pace_s(comparing.look_at(picked))
    st.fragment(run_every=pace)(show_fresh)(picked, pace)
else:
    comparing.let_go()
    show_lesson(all_runs)
