"""The run that an address of the app's routes names."""

from starlette.responses import JSONResponse

from core.paths import RUN_ID, RunPaths, find_workspace


def find(run_id: str) -> RunPaths | None:
    """The run with this id; None when there is no such folder."""
    if not RUN_ID.fullmatch(run_id):
        return None
    run = find_workspace().run(run_id)
    return run if run.is_there else None


def missing() -> JSONResponse:
    """What is told of a run that is not there."""
    return JSONResponse({"reason": "There is no such run. Its folder may have been removed."}, 404)
