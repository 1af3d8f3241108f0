"""Workers that are processes of this machine.

`ProcessPoolExecutor` and loky give up all files when one process is killed; here each process has a
pipe of its own, so that a death is known by its pipe and costs one file.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import threading
import traceback
from collections.abc import Iterable
from multiprocessing.connection import Connection, wait
from pathlib import Path

from awarenet.errors import AwareNetError
from awarenet.report import Report
from awarenet.scan.crew import Died
from awarenet.scan.worker import Judge, Load
from awarenet.settings import RuntimeSettings

GOODBYE_S = 5.0  # for a process whose pipe has ended to end itself


class Processes:
    """Starts processes, each with its share of the cores."""

    def __init__(self, loading: Load, workers: int, runtime: RuntimeSettings):
        """Note what they load, how many there will be, and how many threads were asked for."""
        threads = runtime.threads or max(len(os.sched_getaffinity(0)) // workers, 1)
        self._judge = Judge(loading, threads, os.getcwd())
        # each is a fork of a process without threads that has imported what takes seconds, once
        self._context = multiprocessing.get_context("forkserver")
        self._context.set_forkserver_preload(["awarenet.scan.forked"])

    def open(self) -> None:
        """Nothing to make ready."""

    def hire(self) -> Process:
        """Start a process."""
        return Process(self._context, self._judge)

    def wait(
        self, workers: Iterable[Process], seconds: float | None
    ) -> list[tuple[Process, Report | Died]]:
        """Wait until a process answers or is gone."""
        by_pipe = {worker.pipe: worker for worker in workers}
        return [(by_pipe[pipe], by_pipe[pipe].take()) for pipe in wait(list(by_pipe), seconds)]

    def close(self) -> None:
        """Nothing is left: the crew has ended its processes."""


class Process:
    """A process and the pipe to it."""

    def __init__(self, context: multiprocessing.context.ForkServerContext, judge: Judge):
        """Start it."""
        self.pipe, theirs = context.Pipe()
        self._process = context.Process(target=_serve, args=(theirs, judge), daemon=True)
        self._process.start()
        theirs.close()  # so that its death ends the pipe

    def hand(self, path: Path) -> None:
        """Let it begin with a file."""
        with contextlib.suppress(OSError):  # it just died; take() will say so
            self.pipe.send(str(path))

    def take(self) -> Report | Died:
        """Give its answer, or how it ended; raises what it could not begin for."""
        try:
            answer = self.pipe.recv()
        except (EOFError, OSError):
            self._process.join(GOODBYE_S)  # its own exit code says more than our killing it
            return Died(_words(self._process.exitcode))
        if isinstance(answer, Exception):
            raise answer
        return answer

    def stop(self) -> None:
        """Kill it, with what it has started itself."""
        self.pipe.close()
        with contextlib.suppress(OSError):  # not its own group yet, or gone
            if self._process.is_alive() and os.getpgid(self._process.pid) == self._process.pid:
                os.killpg(self._process.pid, signal.SIGKILL)
        self._process.kill()
        self._process.join()


def _serve(pipe: Connection, judge: Judge) -> None:
    """Judge one file after the other until the other end of the pipe is closed."""
    os.setsid()  # Ctrl-C is the parent's to answer
    threading.Thread(target=_die_with_parent, name="parent", daemon=True).start()
    os.dup2(2, 1)  # stdout is the parent's, for lines; what libraries print goes beside them
    try:
        try:
            answer = judge.begin()
        except Exception as error:
            answer = error if isinstance(error, AwareNetError) else _told(error)
        pipe.send(answer)
        while True:
            pipe.send(judge.judge(pipe.recv()))
    except (EOFError, OSError):
        return  # the parent has no more to do


def _die_with_parent() -> None:
    """End as soon as the parent is gone, even in the middle of a file."""
    multiprocessing.parent_process().join()
    os.killpg(0, signal.SIGKILL)


def _told(error: Exception) -> Exception:
    """Give an error that survives the way to the parent."""
    text = "".join(traceback.format_exception(error))
    return RuntimeError(f"a worker could not begin:\n{text}")


def _words(code: int | None) -> str:
    if code is None or code >= 0:
        return f"exit code {code}"
    name = signal.Signals(-code).name
    return f"{name}, which also ends what takes too much memory" if name == "SIGKILL" else name
