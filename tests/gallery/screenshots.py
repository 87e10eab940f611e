"""Take the pictures of every page anew: `make screenshots`."""

import io
import sys
import tempfile
from pathlib import Path
from typing import get_args

from PIL import Image

from core.paths import CODE_ROOT
from tests.e2e.browsing import app, browser
from tests.gallery import workspace
from tests.gallery.screens import HEIGHT, Scheme, open_place, picture, places, screen

FOLDER = CODE_ROOT / "docs" / "screenshots"
COLORS = 128


def small(png: bytes) -> bytes:
    """The picture in a few colours: a quarter of the bytes, and the same to the eye."""
    out = io.BytesIO()
    image = Image.open(io.BytesIO(png)).convert("RGB")
    image.quantize(COLORS, dither=Image.Dither.NONE).save(out, "PNG", optimize=True)
    return out.getvalue()


def take(folder: Path, wanted: str) -> None:
    """`<page>-<width>-<scheme>.png` of the pages whose names begin as wanted."""
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as root:
        gallery = workspace.make(Path(root))
        with workspace.alive(gallery), app(gallery.workspace) as address, browser() as chromium:
            for width in HEIGHT:
                for scheme in get_args(Scheme):
                    with screen(chromium, width, scheme) as page:
                        for place in places(page, address, gallery):
                            if place.name.startswith(wanted):
                                open_place(page, address, place)
                                path = folder / f"{place.name}-{width}-{scheme}.png"
                                path.write_bytes(small(picture(page)))


if __name__ == "__main__":
    take(FOLDER, sys.argv[1] if len(sys.argv) > 1 else "")
