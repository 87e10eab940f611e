"""`python -P -m bench.listing`: milliseconds to list every run of the workspace, twice."""

import json
from time import perf_counter

from streamlit_app import session
from streamlit_app.components import runs_table


def list_ms() -> float:
    """From the records on the disk to the rows of the table."""
    begin = perf_counter()
    runs_table.rows(session.runs())
    return (perf_counter() - begin) * 1000


if __name__ == "__main__":
    print(json.dumps([list_ms(), list_ms()]))
