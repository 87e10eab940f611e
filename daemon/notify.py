"""What the daemon tells systemd, when it runs as a service: ready, alive, stopping.

Without `begin`, and without systemd, nothing is told.
"""

from core.notify import notify, take_address

_address = ""


def begin() -> None:
    """Learn where to tell, before anything is started that could inherit it."""
    global _address
    _address = take_address()


def ready() -> None:
    """The daemon has taken up what was there, and works."""
    notify(_address, "READY=1")


def alive(status: str) -> None:
    """The loop turns; `status` is one line for `systemctl status`."""
    notify(_address, "WATCHDOG=1", f"STATUS={' '.join(status.split())}")


def stopping() -> None:
    """The daemon was asked to end, and takes no more work."""
    notify(_address, "STOPPING=1")
