"""Taking in a training that Axolotl or Transformers made elsewhere."""

import streamlit as st

from core.clock import from_unix
from core.dataset.arrival.local_file import find_folder
from core.errors import TrainerUIError
from core.files import file_size
from core.run.importing.import_output import find_imported, find_owner, import_output
from core.run.importing.output_folder import Found, fit_name, look_into
from core.run.store import Run
from core.spec.run_spec import RunSpec
from streamlit_app import guard, session
from streamlit_app.code_words import marked
from streamlit_app.display import (
    UNKNOWN,
    bytes_text,
    dataset_text,
    duration_text,
    loss_text,
    method_text,
    model_text,
    moment_text,
    plain,
)

LABEL, ICON = "Import a run", ":material/drive_folder_upload:"
SEEN = "import seen"
"""What was found last, and the path under which: a long training is not read at every click."""


def show() -> None:
    """The button; the rest is in a dialog."""
    if st.button(
        LABEL, icon=ICON, help="Look at a training that was made elsewhere like at one of ours."
    ):
        st.session_state.pop(SEEN, None)
        _open()


@st.dialog(LABEL, width="medium", icon=ICON)
def _open() -> None:
    show_form()


@guard.shown()
def show_form() -> None:
    """The path of a folder, what lies in it, and the button that takes it in."""
    path = st.text_input(
        "Output folder",
        key="import path",
        placeholder="/data/axolotl/outputs/my-lora",
        help="The `output_dir` of a training with Axolotl, or of one with the Trainer of "
        "Transformers. It must lie in the workspace, or in a folder of `allowed_folders` in "
        "configs/settings.yaml.",
    )
    typed = (path or "").strip()
    if not typed:
        st.caption(
            "Its numbers, config and log are copied into a run of their own, so that you can look "
            "at them and compare them. The weights stay where they are, and nothing there changes."
        )
        return
    try:
        _show_folder(typed)
    except (TrainerUIError, OSError) as error:
        st.error(marked(str(error)), icon=":material/error:")


def _show_folder(typed: str) -> None:
    folder = find_folder(session.workspace(), session.settings(), typed)
    owner = find_owner(session.store(), folder)
    if owner:
        _show_known(owner, "This folder belongs to a run that is here.")
        return
    found = _look(typed)
    st.table(
        {name: plain(text) for name, text in facts(found).items() if text}, border="horizontal"
    )
    known = find_imported(session.store(), found.folder, found.state.step)
    if known:
        _show_known(known, "This training has been imported already.")
    else:
        _show_button(found)


def _look(typed: str) -> Found:
    seen = st.session_state.get(SEEN)
    if seen and seen[0] == typed:
        return seen[1]
    with st.spinner("Reading the folder…", show_time=True):
        found = look_into(find_folder(session.workspace(), session.settings(), typed))
    st.session_state[SEEN] = typed, found
    return found


def _show_known(run: Run, text: str) -> None:
    st.info(text, icon=":material/check_circle:")
    st.page_link(
        session.RUN_PAGE,
        label=f"Open **{plain(run.status.name)}**",
        icon=":material/open_in_new:",
        query_params={"run": run.run_id},
    )


def _show_button(found: Found) -> None:
    name = st.text_input("Name", value=found.name, max_chars=64, key=f"import name {found.folder}")
    if st.button("Import", type="primary", icon=ICON, key="import-really"):
        with st.spinner("Importing…", show_time=True):
            run_id = import_output(
                session.store(), session.settings(), found, fit_name(name or found.name)
            )
        st.session_state.pop(SEEN, None)
        session.open_run(run_id)


def facts(found: Found) -> dict[str, str]:
    """What was found, in words."""
    spec, state = RunSpec("", {"base_model": "", **found.config}), found.state
    steps = f"{state.step:,}"
    checkpoints = ", ".join(f"{step:,}" for step, _ in found.checkpoints[-5:])
    more = len(found.checkpoints) - 5
    return {
        "Base\N{NO-BREAK SPACE}model": model_text(spec.base_model) or UNKNOWN,
        "Dataset": ", ".join(map(dataset_text, spec.datasets)) or UNKNOWN,
        "Method": method_text(spec.method) if found.config else UNKNOWN,
        "Steps": f"{steps} of {state.total_steps:,}" if state.total_steps else steps,
        "Loss": loss_text(state.loss),
        "Validation loss": _validation_text(state.eval_loss, state.best_eval_loss),
        "Training time": duration_text(found.span.seconds),
        "Ended": moment_text(from_unix(found.span.ended_s), session.zone()),
        "Checkpoints": f"{more:,} more, {checkpoints}" if more > 0 else checkpoints or "None",
        "Config": f"From {found.config_from}" if found.config_from else "None was found",
        "Log": bytes_text(file_size(found.log)) if found.log else "None was found",
    }


def _validation_text(last: float | None, best: float | None) -> str:
    if last is None or best is None or best >= last:
        return loss_text(last)
    return f"{loss_text(last)}, {loss_text(best)} at best"
