"""Errors as a person may see them: a sentence in the page, the traceback in the log."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

import streamlit as st
from streamlit.errors import FragmentHandledException

from core.errors import TrainerUIError
from streamlit_app.display import plain

log = logging.getLogger(__name__)

UNEXPECTED = (
    "Something went wrong while showing this page. The details are in the app's log; "
    "reload the page to try again."
)


@contextmanager
def shown() -> Iterator[None]:
    """Whatever is raised inside is shown as a sentence. Also works as a decorator."""
    try:
        yield
    except FragmentHandledException:
        # The fragment that failed has said so already.
        return
    except Exception as error:
        show_error(error)


def show_error(error: BaseException) -> bool:
    """Show the error in the page; True, so that Streamlit adds nothing to it."""
    if isinstance(error, TrainerUIError):
        st.error(plain(str(error)), icon=":material/error:")
    else:
        log.error("a page could not be shown", exc_info=error)
        st.error(UNEXPECTED, icon=":material/error:")
    return True
