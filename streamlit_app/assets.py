"""Scripts and styles that the browser fetches once: `/assets/<file>`."""

import hashlib
from functools import lru_cache
from pathlib import Path

from starlette.responses import Response
from starlette.routing import Mount
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

FOLDER = Path(__file__).with_name("assets")


class Assets(StaticFiles):
    """Files that may be kept for long: their address changes with their content."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        response = await super().get_response(path, scope)
        response.headers["Cache-Control"] = "public, max-age=604800"
        return response


ROUTE = Mount("/assets", Assets(directory=FOLDER))


@lru_cache(maxsize=64)
def address(name: str) -> str:
    """Where a browser finds the asset; another address whenever any asset has changed."""
    if not (FOLDER / name).is_file():
        raise FileNotFoundError(f"there is no asset {name}")
    return f"/assets/{name}?v={_version()}"


@lru_cache(maxsize=1)
def _version() -> str:
    """One for all, since scripts import each other."""
    whole = hashlib.sha256()
    for path in sorted(path for path in FOLDER.rglob("*") if path.is_file()):
        whole.update(path.read_bytes())
    return whole.hexdigest()[:12]
