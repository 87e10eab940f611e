"""A few questions of the dataset, answered by the trained model."""

from collections.abc import Sequence

import streamlit as st

from core.run.preview import Preview, Sample, find_samples, load_previews, save_previews
from core.run.store import Run
from core.sandbox.client import DONE
from streamlit_app import guard, session
from streamlit_app.asking import Asking, Sampling, Shown
from streamlit_app.components.model_choice import model_name
from streamlit_app.display import UNKNOWN, plain, sentence
from streamlit_app.run_config import load_config

MAX_NEW_TOKENS = 128


def show(run: Run) -> None:
    """The kept answers, or a button that asks for them."""
    part = run.newest_part()
    if part is None:
        return
    st.subheader("Preview", anchor=False)
    key = f"preview {run.run_id} {part}"
    previews = load_previews(run.paths, part)
    if key in st.session_state:
        st.fragment(run_every=0.5)(_show_asking)(run, part, key)
    elif previews:
        for preview in previews:
            _show_one(preview.question, preview.expected, preview.answer)
    else:
        _offer(run, part, key)


def _offer(run: Run, part: str, key: str) -> None:
    samples = find_samples(load_config(run), session.workspace())
    if not samples:
        st.caption("The first rows of the dataset hold no question that could be asked.")
        return
    st.caption("Asks the trained model the first questions of its own dataset.")
    if st.button("Generate preview", icon=":material/auto_awesome:"):
        model = model_name(run, part)
        sampling = Sampling(max_new_tokens=MAX_NEW_TOKENS)
        st.session_state[key] = [
            (sample, Asking(model, sample.messages(), sampling)) for sample in samples
        ]
        st.rerun()


@guard.shown()
def _show_asking(run: Run, part: str, key: str) -> None:
    """The answers as they come; kept once all are there."""
    asked: Sequence[tuple[Sample, Asking]] = st.session_state.get(key, ())
    answers = [asking.advance(session.workspace()) for _, asking in asked]
    for (sample, _), shown in zip(asked, answers, strict=True):
        _show_one(sample.question, sample.expected, shown.text, shown.note or shown.reason)
    if all(shown.is_ended for shown in answers):
        _finish(run, part, key, asked, answers)


def _finish(
    run: Run,
    part: str,
    key: str,
    asked: Sequence[tuple[Sample, Asking]],
    answers: Sequence[Shown],
) -> None:
    """Keep complete answers; after a failure, leave it on the page with a way to try again."""
    if all(shown.state == DONE for shown in answers):
        previews = [
            Preview(sample.question, sample.expected, shown.text)
            for (sample, _), shown in zip(asked, answers, strict=True)
        ]
        save_previews(run.paths, previews, part)
        del st.session_state[key]
        st.rerun()
    if st.button("Try again", icon=":material/refresh:"):
        del st.session_state[key]
        st.rerun()


def _show_one(question: str, expected: str, answer: str, note: str = "") -> None:
    with st.container(border=True, gap="small"):
        st.text(question)
        ours, theirs = st.columns(2)
        with ours:
            st.caption("The model answers")
            if note:
                st.caption(f"*{plain(sentence(note))}*")
            if answer or not note:
                st.text(answer)
        with theirs:
            st.caption("The dataset says")
            st.text(expected or UNKNOWN)
