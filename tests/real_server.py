"""`python app.py` as a program of its own, with the ensemble that ships."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import httpx

from awarenet.settings import ROOT

OURS = ("XDG_CACHE_HOME", "GRADIO_TEMP_DIR", "MPLCONFIGDIR", "HF_HOME")


@contextmanager
def running(
    log: Path, *options: str, environment: Mapping[str, str] | None = None
) -> Iterator[tuple[str, subprocess.Popen]]:
    """Give the address of a page that is ready, and its process; it is killed at the end."""
    port = free_port()
    server = start(log, "--port", port, *options, environment=environment)
    url = f"http://127.0.0.1:{port}/"
    try:
        wait_until(lambda: server.poll() is not None or ready(url), 120)
        assert server.poll() is None, log.read_text("utf-8")
        yield url, server
    finally:
        server.kill()
        server.wait()


def free_port() -> str:
    """Find a port that nobody listens on."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return str(free.getsockname()[1])


def start(
    log: Path, *options: str, environment: Mapping[str, str] | None = None
) -> subprocess.Popen:
    """Start the program; what it logs goes into a file."""
    names = {name: value for name, value in os.environ.items() if name not in OURS}
    with log.open("wb") as out:
        return subprocess.Popen(
            [sys.executable, "app.py", *options],
            cwd=ROOT, env={**names, **(environment or {})}, stderr=out, stdout=subprocess.DEVNULL,
        )  # fmt: skip


def ready(url: str) -> bool:
    """Whether the page has loaded its model."""
    try:
        return httpx.get(f"{url}readyz").status_code == 200
    except httpx.TransportError:
        return False


def wait_until(what: Callable[[], bool], seconds: float) -> None:
    """Wait; fail where it takes too long."""
    end = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < end, f"it did not happen within {seconds} s"
        time.sleep(0.1)
