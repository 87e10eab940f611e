"""Asking for the audit of a run's data, and what its answer means for a plan."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import streamlit as st

from core.audit.plan import Plan, plan_of
from core.audit.request import answer_path, is_waiting, read_audit, request_audit
from core.audit.result import Audit
from core.audit.supervise import Supervision, supervise
from core.audit.verdict import find_blockers, find_warnings
from core.dataset.card import Dataset
from core.errors import SpecError
from core.files import Stamp, stamp
from core.paths import Workspace
from core.spec.draft import Draft
from core.spec.draft_doubt import find_limit_errors
from core.spec.draft_write import to_spec
from streamlit_app import session
from streamlit_app.display import plain


@dataclass(frozen=True)
class Verdict:
    """An audit under a plan: the numbers, what stops the run, and what to think about."""

    audit: Audit
    plan: Plan
    found: Supervision
    blockers: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


def config_of(draft: Draft, dataset: Dataset) -> dict[str, Any]:
    """The Axolotl keys that the draft stands for.

    Raises SpecError when a number of the draft cannot be, and DatasetError as `to_spec` does.
    """
    errors = find_limit_errors(draft, dataset)
    if errors:
        raise SpecError(" ".join(errors))
    return {name: value for name, value in to_spec(draft, dataset).items() if name != "run"}


def turn_end(found: Mapping[str, Any] | None) -> str:
    """How the checked model ends its turns, where that is not its end token; else nothing."""
    end = str(found.get("turn_end") or "") if found and found.get("ok") else ""
    return end if found and end != found.get("eos_token") else ""


def ask(config: dict[str, Any]) -> Audit | None:
    """The audit of the config, asked for if nobody has yet; None while it waits."""
    workspace = session.workspace()
    try:
        key = request_audit(workspace, config)
    except OSError as error:
        return Audit(ok=False, reason=f"the question cannot be written down: {error}")
    if is_waiting(workspace, key):
        return None
    path = answer_path(workspace, key)
    return _read(workspace, key, path, stamp(path))


def ask_again(config: dict[str, Any]) -> None:
    """Forget the answer, and ask once more; for a button."""
    workspace = session.workspace()
    try:
        key = request_audit(workspace, config)
        if not is_waiting(workspace, key):
            answer_path(workspace, key).unlink(missing_ok=True)
            request_audit(workspace, config)
    except OSError as error:
        st.toast(f"It could not be asked once more: {plain(str(error))}", icon=":material/error:")


def is_made(audit: Audit) -> bool:
    """Whether somebody looked at the data; if not, its process died and there is just a reason."""
    return audit.ok or audit.took_s > 0


def judge(audit: Audit, config: dict[str, Any], gpus: int) -> Verdict:
    """What the audit means for the run. One that could not be made stops nothing."""
    plan = plan_of(config, gpus)
    blockers = find_blockers(audit, plan) if is_made(audit) else []
    warnings = find_warnings(audit, plan) if is_made(audit) else []
    return Verdict(audit, plan, supervise(audit, plan), tuple(blockers), tuple(warnings))


@st.cache_resource(max_entries=16, show_spinner=False)
def _read(workspace: Workspace, key: str, path: Path, changed: Stamp) -> Audit | None:
    """The answer; read again only when it has changed."""
    return read_audit(workspace, key)
