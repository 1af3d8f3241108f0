"""Jobs for processes, in a file that a process imports quickly."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path
from typing import NamedTuple


class Work(NamedTuple):
    """A job is a number; some of them are odd."""

    folder: Path
    lethal: tuple[int, ...] = ()  # kill their process
    lethal_once: tuple[int, ...] = ()  # the first time
    endless: tuple[int, ...] = ()
    slow: tuple[int, ...] = ()
    wrong: dict[int, tuple] = {}  # raise a class of error, with its arguments

    def __call__(self, number: int) -> tuple[int, int]:
        """Square a number, in a process that is told with it."""
        (self.folder / f"begun-{number}-{time.monotonic_ns()}").touch()
        if number in self.lethal:
            os.kill(os.getpid(), signal.SIGKILL)
        if number in self.lethal_once and len(list(self.folder.glob(f"begun-{number}-*"))) == 1:
            os._exit(3)
        if number in self.endless:
            time.sleep(600)
        if number in self.slow:
            time.sleep(0.3)
        if number in self.wrong:
            error, *arguments = self.wrong[number]
            raise error(*arguments)
        return number**2, os.getpid()

    def begun(self, number: int) -> int:
        """How often a job was begun."""
        return len(list(self.folder.glob(f"begun-{number}-*")))


class Stubborn(Exception):
    """An error that does not survive the way to another process."""

    def __init__(self, one: int, other: int):
        super().__init__(f"{one} and {other}")


class Lethal:
    """Kills the process that it is sent to."""

    def __reduce__(self):
        return os.kill, (_Here(), signal.SIGKILL)


class _Here:
    """The number of the process that this is unpickled in."""

    def __reduce__(self):
        return os.getpid, ()


class Unloadable:
    """Work that no process can load."""

    def __call__(self, job: int) -> int:
        """Never come here."""
        raise AssertionError

    def __reduce__(self):
        return _refuse, ()


def _refuse() -> None:
    raise ImportError("a package is missing here")
