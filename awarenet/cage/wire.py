"""Messages between a child and who asked: JSON, each with its length before it."""

from __future__ import annotations

import json
import socket
import struct

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


def receive(connection: socket.socket) -> dict:
    """Wait for a message.

    Raises:
        TimeoutError: There is none yet, and the connection does not wait longer.
        Broken: There will be none.
    """
    (length,) = _LENGTH.unpack(_read(connection, _LENGTH.size))
    if length > LONGEST:
        raise Broken(f"a message of {length} bytes; expected at most {LONGEST}")
    try:
        message = json.loads(_read(connection, length))
    except (ValueError, RecursionError) as error:
        raise Broken("what came is not JSON") from error
    if not isinstance(message, dict):
        raise Broken(f"a message of type {type(message).__name__}; expected an object")
    return message


def _read(connection: socket.socket, count: int) -> bytes:
    parts = []
    while count:
        try:
            part = connection.recv(count)
        except TimeoutError:
            if parts:  # midway: the rest is on its way
                continue
            raise
        except OSError as error:
            raise Broken(str(error)) from error
        if not part:
            raise Broken("the other side is gone")
        parts.append(part)
        count -= len(part)
    return b"".join(parts)
