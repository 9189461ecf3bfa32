"""A second manager connection that notes when which bytes came: `python -m tests.bench.tap HOST PORT USER FILE`.

The secret comes on standard input. FILE gets records: monotonic seconds (double), length (uint32), bytes.
A process of its own with a blocking read, so that nothing delays its clock but the kernel.
"""

import socket
import struct
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

HEAD = struct.Struct("!dI")


def main() -> None:
    host, port, user, path = sys.argv[1:]
    secret = sys.stdin.readline().strip()
    with socket.create_connection((host, int(port))) as sock, Path(path).open("wb", buffering=0) as out:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.sendall(f"Action: Login\r\nUsername: {user}\r\nSecret: {secret}\r\n\r\n".encode())
        while data := sock.recv(65536):
            out.write(HEAD.pack(time.monotonic(), len(data)) + data)


@dataclass(frozen=True)
class Heard:
    """One event and when its last byte was there."""

    at: float
    headers: dict[str, str]


def read(path: Path) -> Iterator[Heard]:
    """The events of a file."""
    data, rest, offset = path.read_bytes(), b"", 0
    while offset + HEAD.size <= len(data):
        at, length = HEAD.unpack_from(data, offset)
        offset += HEAD.size + length
        *frames, rest = (rest + data[offset - length : offset]).split(b"\r\n\r\n")
        for frame in frames:
            lines = frame.decode("utf-8", "replace").split("\r\n")
            yield Heard(at, dict(line.partition(": ")[::2] for line in lines))


if __name__ == "__main__":
    main()
