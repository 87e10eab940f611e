"""What a person decides about an import, and how that is written in `import.yaml`."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from core.dataset.format import SHAPES, Format
from core.dataset.making.split import check_validation
from core.errors import DatasetError
from core.numbers import is_number, is_whole

DROP, STOP = "drop", "stop"
DEFAULT_SEED = 42


@dataclass(frozen=True)
class Choices:
    """What becomes of an upload.

    `form` and `encoding` are left open where they shall be recognised. `validation` is a part of
    the rows below 1, or a number of rows; `validation_arrival` names another arrival whose rows
    are the validation instead. `version_of` names a dataset that this is a newer version of.
    """

    name: str
    form: Format | None = None
    system_prompt: str = ""
    on_bad_row: str = DROP
    validation: float = 0.0
    validation_arrival: str = ""
    seed: int = DEFAULT_SEED
    encoding: str = ""
    allow_same_content: bool = False
    version_of: str = ""

    def to_record(self) -> dict[str, Any]:
        """The choices as plain data for a file."""
        record = {name: getattr(self, name) for name in Choices.__dataclass_fields__}
        record["form"] = self.form and {"name": self.form.name, "mapping": dict(self.form.mapping)}
        return record


def to_choices(record: Mapping[str, Any]) -> Choices:
    """The choices in a file that anyone may have written. Raises DatasetError for any other."""
    form = _to_form(record.get("form"))
    validation, seed = record.get("validation", 0.0), record.get("seed", DEFAULT_SEED)
    if not is_number(validation) or not is_whole(seed) or not 0 <= seed < 2**63:
        raise DatasetError("import.yaml: `validation` and `seed` must be numbers.")
    check_validation(float(validation))
    if record.get("on_bad_row", DROP) not in (DROP, STOP):
        raise DatasetError(f"import.yaml: `on_bad_row` must be {DROP} or {STOP}.")
    words = {
        name: str(record.get(name) or "")
        for name in ("name", "system_prompt", "validation_arrival", "version_of", "encoding")
    }
    return Choices(
        form=form,
        on_bad_row=str(record.get("on_bad_row", DROP)),
        validation=float(validation),
        seed=seed,
        allow_same_content=record.get("allow_same_content") is True,
        **words,
    )


def _to_form(record: Any) -> Format | None:
    if record is None:
        return None
    name = str(record.get("name")) if isinstance(record, Mapping) else ""
    mapping = record.get("mapping") if isinstance(record, Mapping) else None
    if name not in SHAPES or not isinstance(mapping, Mapping):
        raise DatasetError(f"import.yaml: `form` must be one of {', '.join(SHAPES)}.")
    missing = [part for part in SHAPES[name].needed if not mapping.get(part)]
    if missing:
        raise DatasetError(f"import.yaml: `form.mapping` has no {', '.join(missing)}.")
    return Format(name, {str(part): str(source) for part, source in mapping.items() if source})
