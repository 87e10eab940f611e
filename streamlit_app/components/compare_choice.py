"""Which runs are compared: chosen here, or in the address, `?runs=<run id>,<run id>`."""

from collections.abc import Sequence

import streamlit as st

from core.run.store import Run
from streamlit_app import session
from streamlit_app.display import plain, shorten
from streamlit_app.run_slots import MAX_RUNS, assign_slots

KEY = "compare runs"
ADDRESS = "compare address"
SLOTS = "compare slots"
NAME_LENGTH = 40


def show(runs: Sequence[Run]) -> list[tuple[Run, int]]:
    """The choice; the chosen runs, each with the slot of its colour."""
    known = {run.run_id: run for run in runs}
    told = _told()
    wanted = [run_id for run_id in told if run_id in known][:MAX_RUNS]
    _follow_address(wanted, known)
    chosen = st.multiselect(
        f"Runs, at most {MAX_RUNS}",
        list(known),
        format_func=lambda run_id: _label(known[run_id]),
        max_selections=MAX_RUNS,
        placeholder="Type a name, or choose from the list",
        key=KEY,
    )
    if chosen != wanted:
        _write_address(chosen)
    else:
        _show_left_out(told, known)
    slots = assign_slots(chosen, st.session_state.get(SLOTS, {}))
    st.session_state[SLOTS] = slots
    return [(known[run_id], slots[run_id]) for run_id in chosen]


def choose(run_ids: Sequence[str]) -> None:
    """Choose these runs, before the page draws itself the next time."""
    st.session_state[KEY] = list(run_ids)


def _told() -> list[str]:
    """The run ids in the address, each once."""
    told = ",".join(st.query_params.get_all("runs")).split(",")
    return list(dict.fromkeys(run_id.strip() for run_id in told if run_id.strip()))


def _follow_address(wanted: list[str], known: dict[str, Run]) -> None:
    """Choose what the address names where it is new, as after a link or a step back."""
    address = ",".join(wanted)
    if KEY not in st.session_state or st.session_state.get(ADDRESS) != address:
        st.session_state[KEY] = wanted
        st.session_state[ADDRESS] = address
    elif any(run_id not in known for run_id in st.session_state[KEY]):
        # Its folder was removed meanwhile.
        st.session_state[KEY] = [run_id for run_id in st.session_state[KEY] if run_id in known]


def _write_address(chosen: Sequence[str]) -> None:
    st.session_state[ADDRESS] = ",".join(chosen)
    if chosen:
        st.query_params["runs"] = ",".join(chosen)
    else:
        st.query_params.pop("runs", None)


def _show_left_out(told: Sequence[str], known: dict[str, Run]) -> None:
    """What the address names that cannot be shown."""
    unknown = [run_id for run_id in told if run_id not in known]
    if unknown:
        names = ", ".join(plain(shorten(run_id, 60)) for run_id in unknown[:MAX_RUNS])
        st.warning(
            f"The address names {'a run' if len(unknown) == 1 else 'runs'} that this workspace "
            f"does not have: {names}.",
            icon=":material/search_off:",
        )
    if len(told) - len(unknown) > MAX_RUNS:
        st.warning(f"The address names more runs; the first {MAX_RUNS} are compared.")


def _label(run: Run) -> str:
    at = run.status.submitted_at.astimezone(session.zone())
    return f"{shorten(run.status.name, NAME_LENGTH)} · {at:%d %b %H:%M}"
