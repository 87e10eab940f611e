"""Telling systemd how a service of ours fares, where it started us: the protocol of sd_notify."""

import contextlib
import os
import socket

ADDRESS_VARIABLE = "NOTIFY_SOCKET"
VARIABLES = (ADDRESS_VARIABLE, "WATCHDOG_USEC", "WATCHDOG_PID")
TIMEOUT_S = 1.0


def take_address() -> str:
    """Where systemd wants to hear from this process; empty where it does not.

    Taken out of the environment, so that no child is asked as well.
    """
    address = os.environ.get(ADDRESS_VARIABLE, "")
    for name in VARIABLES:
        os.environ.pop(name, None)
    return address


def notify(address: str, *assignments: str) -> None:
    """Send `NAME=value` lines to the address, if there is one. Never raises."""
    if not address:
        return
    # An address that begins with @ is no path: it lies in the kernel's abstract namespace.
    target = "\0" + address[1:] if address.startswith("@") else address
    with (
        contextlib.suppress(OSError, ValueError),
        socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as to_systemd,
    ):
        to_systemd.settimeout(TIMEOUT_S)
        to_systemd.sendto("\n".join(assignments).encode(), target)
