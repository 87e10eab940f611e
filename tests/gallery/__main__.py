"""The app on a workspace to look at: `python -P -m tests.gallery`, until it is interrupted."""

import tempfile
from pathlib import Path
from threading import Event

from tests.e2e.browsing import app
from tests.gallery import workspace

with tempfile.TemporaryDirectory() as folder:
    gallery = workspace.make(Path(folder))
    with workspace.alive(gallery), app(gallery.workspace) as address:
        print(address, flush=True)
        for name in ("live", "starting", "failed", "completed"):
            print(f"{address}/run?run={getattr(gallery, name).paths.run_id}", flush=True)
        Event().wait()
