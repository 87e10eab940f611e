"""What speaks against a draft: what cannot run, and what will, but perhaps not as meant."""

from core.dataset.block import METHODS_OF_KIND
from core.dataset.card import Dataset
from core.spec.draft import LIMITS, Draft
from core.spec.draft_steps import CHARACTERS_PER_TOKEN, count_aside

HIGH_PREFERENCE_RATE = 5e-5
"""Above this rate preference training of an adapter mostly forgets how to write at all."""
NEAR = 0.8
"""From this part of the sequence length on, a row may well be longer: tokens are guessed."""


def find_errors(draft: Draft, dataset: Dataset) -> list[str]:
    """Why the draft cannot run on this dataset; one sentence each."""
    # With a number that cannot be, nothing else can be worked out.
    return find_limit_errors(draft, dataset) or _validation_errors(draft, dataset)


def find_limit_errors(draft: Draft, dataset: Dataset) -> list[str]:
    """The numbers of which no spec can be made, with their limits; one sentence each."""
    return [
        f"`{name}` must be from {_text(low)} to {_text(high)}, not {_text(getattr(draft, name))}."
        for name, (low, high) in LIMITS.items()
        if _matters(name, draft, dataset) and not low <= getattr(draft, name) <= high
    ]


def _text(number: float) -> str:
    return f"{number:,}".removesuffix(".0")


def _matters(name: str, draft: Draft, dataset: Dataset) -> bool:
    """Whether the number gets into the spec; where it does not, the form hides its field."""
    if name == "val_set_size":
        return not dataset.validation_rows
    return draft.method != "full" or not name.startswith("lora_")


def _validation_errors(draft: Draft, dataset: Dataset) -> list[str]:
    part = draft.val_set_size
    if part == 1 or count_aside(draft, dataset) >= max(1, dataset.rows):
        return [
            f"`val_set_size: {part:g}` leaves none of the {dataset.rows:,} rows to train on. "
            "Below 1 it is a part of the rows, above 1 a number of rows."
        ]
    return []


def find_doubts(draft: Draft, dataset: Dataset) -> list[str]:
    """What will run, but perhaps not as meant; one sentence each."""
    return [
        *_length_doubts(draft, dataset),
        *_validation_doubts(draft, dataset),
        *_method_doubts(draft),
        *_preference_doubts(draft, dataset),
    ]


def _length_doubts(draft: Draft, dataset: Dataset) -> list[str]:
    report = dataset.report
    # A letter beyond ASCII is rarely less than a token; its bytes tell more than it does.
    size = report.longest_bytes or report.longest_characters
    tokens = size / CHARACTERS_PER_TOKEN
    if dataset.kind == "completion" or tokens < NEAR * draft.sequence_len:
        return []
    return [
        f"The longest row has about {tokens:,.0f} tokens. Rows longer than the sequence "
        f"length ({draft.sequence_len:,}) are left out of the training."
    ]


def _validation_doubts(draft: Draft, dataset: Dataset) -> list[str]:
    doubts = []
    part, aside = draft.val_set_size, count_aside(draft, dataset)
    if 0 < part < 1 and aside == 1:
        doubts.append(
            f"{part:g} of {dataset.rows:,} rows is a single row to validate on, which tells little."
        )
    if draft.effective_batch > dataset.rows:
        doubts.append(
            f"One step takes {draft.effective_batch:,} rows, and the dataset has {dataset.rows:,}."
        )
    return doubts


def _method_doubts(draft: Draft) -> list[str]:
    doubts = []
    if draft.method == "qlora" and draft.gpus == 0:
        doubts.append("QLoRA saves memory on a GPU; on the CPU it only costs time.")
    if draft.method == "full" and draft.precision == "fp16" and draft.gpus:
        doubts.append(
            "Full fine-tuning in fp16 mostly fails, because the weights themselves are in fp16. "
            "Choose bf16 or fp32, or LoRA."
        )
    return doubts


def _preference_doubts(draft: Draft, dataset: Dataset) -> list[str]:
    if dataset.kind not in METHODS_OF_KIND or draft.learning_rate <= HIGH_PREFERENCE_RATE:
        return []
    return [
        f"A learning rate of {draft.learning_rate:g} is high for preference data: 0.00001 or less "
        "is usual."
    ]
