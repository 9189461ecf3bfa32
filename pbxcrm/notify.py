"""Words to systemd (sd_notify(3)): ready, stopping, and that the loop still turns. Without systemd nothing happens."""

import asyncio
import contextlib
import os
import socket
from collections.abc import Mapping


def tell(text: str, environ: Mapping[str, str] = os.environ) -> None:
    """One datagram such as `READY=1` to the service manager, where there is one."""
    address = environ.get("NOTIFY_SOCKET", "")
    if not address.startswith(("/", "@")):
        return
    with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        sock.connect("\0" + address[1:] if address.startswith("@") else address)
        sock.send(text.encode())


def watchdog(environ: Mapping[str, str] = os.environ) -> float | None:
    """Seconds between two signs of life that keep the service manager content; None where it wants none."""
    try:
        wanted = int(environ.get("WATCHDOG_USEC", ""))
    except ValueError:
        return None
    mine = environ.get("WATCHDOG_PID", str(os.getpid())) == str(os.getpid())
    return wanted / 2_000_000 if mine and wanted > 0 else None


async def keep_alive(environ: Mapping[str, str] = os.environ) -> None:
    """A sign of life again and again, until cancelled: a loop that hangs gives none and is restarted."""
    pause = watchdog(environ)
    while pause is not None:
        tell("WATCHDOG=1", environ)
        await asyncio.sleep(pause)
