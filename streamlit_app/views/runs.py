"""Every run in one table; a click on a row opens it, ticked ones are compared."""

import streamlit as st

from streamlit_app import session
from streamlit_app.components import (
    compare_button,
    first_steps,
    run_import,
    runs_filter,
    runs_table,
)
from streamlit_app.run_rows import filtered, ordered

st.title("Runs", anchor=False)
run_import.show()

runs = session.runs()
if not runs:
    first_steps.show()
    st.stop()

names = {run.run_id: run.status.name for run in runs}
if run_id := runs_table.take_click(names):
    session.open_run(run_id)

rows = runs_table.rows(runs)
wanted, order = runs_filter.show(rows)
shown = ordered(filtered(rows, wanted), order)
compare_button.show(runs_table.chosen(), names)
if shown:
    runs_table.show(shown)
    count = f"{len(rows):,}" if len(shown) == len(rows) else f"{len(shown):,} of {len(rows):,}"
    st.caption("1 run" if count == "1" else f"{count} runs")
else:
    st.caption("No run fits the filter.")
