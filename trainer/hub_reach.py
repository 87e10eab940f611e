"""Whether the Hugging Face Hub may be asked, and answers: known before anything is imported."""

import socket
import threading
import urllib.parse
import urllib.request
from collections.abc import Mapping

from core.errors import DatasetError
from core.settings import Settings

REACH_S = 2.5
HUB = "https://huggingface.co"
TRUE = ("1", "on", "yes", "true")


def check_online(settings: Settings, env: Mapping[str, str]) -> None:
    """Raise DatasetError when the Hub may not be asked or cannot be reached; takes seconds."""
    if not settings.hub_allowed:
        raise DatasetError(
            "configs/settings.yaml says `hub: offline`, so nothing is fetched. Upload a file, or "
            "set `hub: auto`."
        )
    for name in ("HF_HUB_OFFLINE", "HF_DATASETS_OFFLINE"):
        if env.get(name, "").lower() in TRUE:
            raise DatasetError(
                f"{name} is set where the daemon runs, so nothing is fetched. Upload a file, or "
                "start the daemon without it."
            )
    host, port = hub_address(env)
    if not can_connect(host, port, REACH_S):
        raise DatasetError(
            f"There is no connection to the Hugging Face Hub ({host}). Check the network of this "
            "machine and try again, or upload a file."
        )


def hub_address(env: Mapping[str, str]) -> tuple[str, int]:
    """Whom to connect to: the Hub, or the proxy on the way there."""
    hub = urllib.parse.urlsplit(env.get("HF_ENDPOINT") or HUB)
    host = hub.hostname or "huggingface.co"
    proxy = urllib.request.getproxies().get(hub.scheme)
    if proxy and not urllib.request.proxy_bypass(host):
        via = urllib.parse.urlsplit(proxy if "://" in proxy else f"http://{proxy}")
        return via.hostname or host, via.port or 80
    return host, hub.port or (80 if hub.scheme == "http" else 443)


def can_connect(host: str, port: int, timeout_s: float) -> bool:
    """Whether something answers there within the time; looking up the name counts."""
    answers: list[bool] = []

    def connect() -> None:
        try:
            socket.create_connection((host, port), timeout=timeout_s).close()
            answers.append(True)
        except OSError:
            answers.append(False)

    # A name that no server knows can keep its asker waiting for much longer.
    thread = threading.Thread(target=connect, daemon=True)
    thread.start()
    thread.join(timeout_s)
    return bool(answers and answers[0])
