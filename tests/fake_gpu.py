"""A fake NVIDIA driver for tests: two GeForce RTX 3060 that a text file steers."""

import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

SOURCE = Path(__file__).parent / "daemon" / "fake_nvml.c"
LIBRARY = "libnvidia-ml.so.1"
STATE_VARIABLE = "FAKE_NVML_STATE"

UUIDS = tuple(f"GPU-fa4e0000-0000-4000-8000-00000000000{index}" for index in (0, 1))


def build_fake_nvml(folder: Path) -> dict[str, str]:
    """Build the library in `folder`; the variables that make a new process load it.

    The loader reads them only when a process starts. What may be steered stands in `fake_nvml.c`.
    """
    compiler = shutil.which("cc")
    if compiler is None:
        raise RuntimeError("No C compiler: install one (gcc) to run the tests of the fake GPU.")
    command = [compiler, "-shared", "-fPIC"]
    subprocess.run([*command, "-o", folder / LIBRARY, SOURCE], check=True)
    return _environment(folder)


def build_broken_driver(folder: Path) -> dict[str, str]:
    """The variables for a process that finds no driver, on a machine that has one too."""
    (folder / LIBRARY).write_bytes(b"")
    return _environment(folder)


def steer(environment: Mapping[str, str], *lines: str) -> None:
    """Replace what the fake cards show by `lines` such as `1.fan=error:3`; none is the normal."""
    path = Path(environment[STATE_VARIABLE])
    aside = path.with_suffix(".tmp")
    aside.write_text("".join(f"{line}\n" for line in lines))
    aside.replace(path)


def _environment(folder: Path) -> dict[str, str]:
    search = [str(folder), os.environ.get("LD_LIBRARY_PATH", "")]
    return {
        "LD_LIBRARY_PATH": os.pathsep.join(filter(None, search)),
        STATE_VARIABLE: str(folder / "state.txt"),
    }
