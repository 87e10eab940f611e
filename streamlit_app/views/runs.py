"""Every run in one table; a click on a row opens it."""

import streamlit as st

from core.run.phase import Phase
from streamlit_app import session
from streamlit_app.components import first_steps, run_import, runs_table
from streamlit_app.display import phase_text

st.title("Runs", anchor=False)
run_import.show()

runs = session.runs()
if not runs:
    first_steps.show()
    st.stop()

words, phases = st.columns([2, 3])
text = words.text_input(
    "Search", placeholder="Name, base model or dataset", key="runs text", persist_state="session"
)
chosen = phases.pills(
    "Phase",
    [phase for phase in Phase if any(run.status.phase is phase for run in runs)],
    selection_mode="multi",
    format_func=phase_text,
    key="runs phases",
    persist_state="session",
)

rows = runs_table.rows(runs)
rows = runs_table.filtered(rows, text, chosen)
if rows:
    st.caption(
        "1 run, click it to open it"
        if len(rows) == 1
        else f"{len(rows)} runs, click one to open it"
    )
    run_id = runs_table.show(rows)
    if run_id:
        session.open_run(run_id)
else:
    st.caption("No run fits the filter.")
