"""The one check a spec passes before it is queued, the same in the app and in the daemon."""

from pathlib import Path

from core.errors import SpecError
from core.settings import Settings
from core.spec.run_spec import RunSpec, list_problems, parse_spec
from core.spec.safety import find_safety_problems
from core.spec.sources import find_source_problems


def check_spec(text: str | bytes, default_name: str, root: Path, settings: Settings) -> RunSpec:
    """The spec in a YAML text, for the workspace `root`.

    Raises SpecError with one sentence per problem: what is wrong, at which key, and what to do.
    """
    spec = parse_spec(text, default_name)
    # A path that is not allowed is not looked at either.
    try:
        problems = find_safety_problems(spec.axolotl, root, settings)
        problems = problems or find_source_problems(spec.axolotl, root, settings)
    except (OSError, RuntimeError, ValueError) as error:
        # Too long a name, a home of nobody, letters that no file name can have.
        raise SpecError(f"A path in the spec cannot be looked at: {error}") from error
    if problems:
        raise SpecError(list_problems(problems))
    return spec
