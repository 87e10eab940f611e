"""The app in a real browser."""

import os
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import Browser, Page, expect, sync_playwright

from core.paths import CODE_ROOT, Workspace
from tests.real import environment, wait_for
from trainer.keeper import find_free_port

PATIENCE_MS = 20_000


@contextmanager
def app(
    workspace: Workspace, script: str = "streamlit_app/asgi.py", port: int = 0
) -> Iterator[str]:
    """The app, or another script, as a server of its own; its address."""
    port = port or find_free_port()
    command = [sys.executable, "-m", "streamlit", "run", script]
    workspace.runs.mkdir(exist_ok=True)
    with (
        (workspace.runs / "app.log").open("ab") as log,
        subprocess.Popen(
            [*command, "--server.port", str(port)],
            cwd=CODE_ROOT,
            env=environment(workspace.root),
            stdout=log,
            stderr=log,
        ) as process,
    ):
        address = f"http://127.0.0.1:{port}"
        try:
            wait_for(lambda: answers(f"{address}/_stcore/health"))
            yield address
        finally:
            end(process)


def end(process: "subprocess.Popen[bytes]") -> None:
    """End the server; one that still waits for a browser to say goodbye is not waited for."""
    process.terminate()
    try:
        process.wait(timeout=10)
    except subprocess.TimeoutExpired:
        process.kill()


@contextmanager
def browser() -> Iterator[Browser]:
    """A browser of its own."""
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(
            executable_path=os.environ.get("CHROMIUM", "/usr/bin/chromium"),
            args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"],
        )
        expect.set_options(timeout=PATIENCE_MS)
        yield chromium
        chromium.close()


@contextmanager
def browser_page(width: int = 1280, height: int = 900) -> Iterator[Page]:
    """A page of a browser of its own."""
    with browser() as chromium:
        page = chromium.new_page(viewport={"width": width, "height": height})
        page.set_default_timeout(PATIENCE_MS)
        yield page


def answers(url: str) -> bool:
    try:
        return urllib.request.urlopen(url, timeout=2).status == 200
    except OSError:
        return False


def choose(page: Page, label: str, text: str) -> None:
    """Type into a select box and take what it offers."""
    box = page.get_by_role("combobox", name=label)
    box.click()
    box.fill(text)
    page.get_by_role("option", name=text).first.click()
