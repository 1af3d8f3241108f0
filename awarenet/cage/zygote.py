"""A process that has imported what decoding needs, and forks a child for each file.

To import PyAV and NumPy takes half a second; to fork takes milliseconds. It has one thread, holds
no secret and no network connection, and ends when who started it does.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import sys

LONGEST = 1 << 16  # bytes of a job


def main(control: int) -> None:
    """Fork a child for every job that comes.

    A job is JSON, with two files handed over: the child's connection and the picture's memory.
    The answer is the child's number, with a handle of the child where the system has such.

    Args:
        control: Number of the socket on which jobs come.
    """
    from PIL import Image

    from awarenet.cage import child, wire

    Image.init()  # once, and not in every child
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for who started us
    with socket.socket(fileno=control) as connection:
        while True:
            _reap()
            try:
                content, files, _, _ = socket.recv_fds(connection, LONGEST, 2)
            except OSError:
                return
            if not content:  # who started us is gone
                return
            number = os.fork()
            if number == 0:
                connection.close()
                _live(child, wire, files, json.loads(content))
            for file in files:
                os.close(file)
            _tell(connection, number)


def _live(child: object, wire: object, files: list[int], job: dict) -> None:
    """Be a child; never comes back."""
    code = 1
    os.dup2(1, 2)  # into nothing: what a child writes there would stand in somebody's log
    try:
        with socket.socket(fileno=files[0]) as asked:
            child.serve(asked, files[1], job)
    except wire.Broken:  # nobody asks any more
        code = 0
    finally:
        os._exit(code)


def _tell(connection: socket.socket, number: int) -> None:
    handles = []
    if hasattr(os, "pidfd_open"):
        handles = [os.pidfd_open(number)]
    try:
        socket.send_fds(connection, [json.dumps(number).encode()], handles)
    except OSError:
        sys.exit(0)
    finally:
        for handle in handles:
            os.close(handle)


def _reap() -> None:
    """Forget children that have ended; those that end later wait for the next job."""
    while True:
        try:
            number, _ = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if number == 0:
            return
