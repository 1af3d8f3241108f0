"""Messages between a child and who asked: JSON, each with its length before it."""

from __future__ import annotations

import json
import socket
import struct
import time

_LENGTH = struct.Struct("!I")
LONGEST = 1 << 20  # bytes of a message; pictures do not go this way


class Broken(Exception):
    """The other side is gone, or says what is no message."""


def send(connection: socket.socket, message: dict) -> None:
    """Send a message; raises Broken where nobody takes it."""
    content = json.dumps(message).encode()
    try:
        connection.sendall(_LENGTH.pack(len(content)) + content)
    except OSError as error:
        raise Broken(str(error)) from error


def receive(
    connection: socket.socket, come: bytearray | None = None, seconds: float | None = None
) -> dict:
    """Wait for a message.

    Args:
        connection: With the other side.
        come: What has come of the message so far, for the next call; the same in every call.
        seconds: How long to wait, however slowly it comes; None: for ever.

    Raises:
        TimeoutError: It is not there yet, or a part of it is.
        Broken: There will be none.
    """
    come = bytearray() if come is None else come
    end = None if seconds is None else time.monotonic() + seconds
    _fill(connection, come, _LENGTH.size, end)
    (length,) = _LENGTH.unpack_from(come)
    if length > LONGEST:
        raise Broken(f"a message of {length} bytes; expected at most {LONGEST}")
    _fill(connection, come, _LENGTH.size + length, end)
    content = bytes(come[_LENGTH.size :])
    come.clear()
    try:
        message = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise Broken("what came is not JSON") from error
    if not isinstance(message, dict):
        raise Broken(f"a message of type {type(message).__name__}; expected an object")
    return message


def _fill(connection: socket.socket, come: bytearray, count: int, end: float | None) -> None:
    """Wait until so many bytes have come, and take no more."""
    while len(come) < count:
        try:
            if end is not None:
                connection.settimeout(max(end - time.monotonic(), 1e-3))
            part = connection.recv(count - len(come))
        except TimeoutError:
            raise
        except OSError as error:
            raise Broken(str(error)) from error
        if not part:
            raise Broken("the other side is gone")
        come += part
        if end is not None and time.monotonic() > end and len(come) < count:
            raise TimeoutError("a part of a message came")
