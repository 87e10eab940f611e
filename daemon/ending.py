"""How an attempt ended, judged from what it left behind."""

from dataclasses import dataclass
from typing import Any

from core.errors import RecordError
from core.files import load_json
from core.paths import RunPaths
from core.run.journal import JournalReader
from core.run.phase import Phase, Stage

ARTEFACTS = (
    "adapter_model.safetensors",
    "adapter_model.bin",
    "model.safetensors",
    "model.safetensors.index.json",
    "pytorch_model.bin",
)

HUB_HINT = (
    "The model or dataset could not be fetched: the Hugging Face Hub has no such name, or there is "
    "no connection to it and no copy on this machine."
)

HINTS = (
    ("couldn't connect to", HUB_HINT),
    ("can't load the configuration of", HUB_HINT),
    ("offline mode", HUB_HINT),
    ("is not a valid model identifier", HUB_HINT),
    ("out of memory", "The GPU ran out of memory. Try a smaller micro_batch_size or sequence_len."),
    ("no space left", "The disk is full. Free some space and start the run again."),
    (
        "gated repo",
        "The model is gated. Accept its licence on the Hub and set HF_TOKEN for the daemon.",
    ),
)
"""Words in an exception that say what to do."""

STAGE_HINTS = {
    Stage.CONFIG: "Axolotl refused the config.",
    Stage.DATASET: "The dataset could not be laid out: a row does not fit the dataset's `type`.",
    Stage.MODEL: "The model could not be loaded.",
}
"""What an exception in a stage means, when its words do not tell."""


@dataclass(frozen=True)
class Ending:
    """The phase an attempt ended in, and one sentence on why."""

    phase: Phase
    reason: str


def judge(paths: RunPaths, attempt: int, journal: JournalReader, cancelling: bool) -> Ending:
    """The truth about an attempt whose processes are gone.

    Completed needs both the trainer's own last word and the artefact on disk: the exit code alone
    proves nothing, since Axolotl leaves with 0 when it is interrupted.
    """
    done = journal.last("done")
    if cancelling:
        note = ", as it had just finished; the result is kept" if done else ""
        return Ending(Phase.CANCELLED, f"on request{note}")
    if done and has_artefact(paths):
        return Ending(Phase.COMPLETED, f"trained {done['step']:,} steps")
    if done:
        return Ending(Phase.FAILED, f"the training ended, but {paths.output} holds no model")
    error = journal.last("error")
    if error:
        return Ending(Phase.FAILED, explain(error))
    return Ending(Phase.FAILED, explain_exit(find_exit(paths, attempt)))


def has_artefact(paths: RunPaths) -> bool:
    """Whether the final adapter or model is there."""
    return any((paths.output / name).is_file() for name in ARTEFACTS)


def find_exit(paths: RunPaths, attempt: int) -> dict[str, Any] | None:
    """The attempt's exit record, if its keeper came to write one."""
    try:
        record = load_json(paths.exit)
    except (OSError, RecordError):
        return None
    return record if record.get("attempt") == attempt else None


def explain(error: dict[str, Any]) -> str:
    """One paragraph on an exception: what it means or what to do, then its own words."""
    message = str(error.get("message", ""))
    if error.get("stage") == Stage.DATASET and error.get("kind") == "KeyError":
        return f"A row of the dataset has no {message}, which the dataset's `type` needs."
    stage_hint = STAGE_HINTS.get(error.get("stage", ""), "")
    hint = next((hint for words, hint in HINTS if words in message.lower()), stage_hint)
    own = f"{error.get('kind', 'Error')}: {message}".strip().rstrip(":")
    return f"{hint} ({own})" if hint else own


def explain_exit(record: dict[str, Any] | None) -> str:
    """One sentence on an ending of which the trainer itself said nothing."""
    if record is None:
        return (
            "the training vanished without a trace (power cut, or killed together with its keeper)"
        )
    if record.get("signal") == "SIGKILL":
        return "the training was killed (SIGKILL): by somebody, or by the kernel for want of memory"
    if record.get("signal"):
        return f"the training was ended by {record['signal']}"
    return f"the training ended early with exit code {record.get('code')}; see the end of its log"
