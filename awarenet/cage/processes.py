"""The processes: one that forks, and one for each file."""

from __future__ import annotations

import json
import mmap
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from contextlib import ExitStack, suppress
from pathlib import Path

from awarenet.cage import wire
from awarenet.settings import LimitSettings

ROOT = Path(__file__).resolve().parents[2]
CAGED = hasattr(os, "fork") and hasattr(socket, "send_fds")  # not on Windows
START_S = 60.0  # at most, until the first child of a process is there
_KEPT = ("PATH", "TMPDIR", "LANG", "LC_ALL", "SYSTEMROOT")  # of the environment


class Child:
    """The process of one file."""

    def __init__(self, path: Path, limits: LimitSettings):
        size = 3 * max(limits.max_pixels, limits.max_photo_pixels)
        picture = _memory_file(size)
        job = {"path": str(path.absolute()), "limits": limits.model_dump()}
        with ExitStack() as on_failure:
            try:
                self._connection, theirs = socket.socketpair()
                on_failure.enter_context(self._connection)
                with theirs:
                    self.memory = on_failure.enter_context(
                        mmap.mmap(picture, size, prot=mmap.PROT_READ)
                    )
                    self._number, self._handle = Zygote.fork_anywhere(job, theirs, picture)
            finally:
                os.close(picture)
            on_failure.pop_all()
        self._come = bytearray()  # of a message, of which there is more to come

    def say(self, message: dict) -> None:
        """Tell it something."""
        with suppress(wire.Broken):  # that it is gone shows in the answer
            wire.send(self._connection, message)

    def hear(self, seconds: float) -> dict:
        """Wait for what it says; raises as `wire.receive`."""
        return wire.receive(self._connection, self._come, seconds)

    def kill(self) -> None:
        """End it at once, wherever it is; once, or we would close what others have opened since."""
        handle, self._handle = self._handle, None
        number, self._number = self._number, None
        if number is None:
            return
        with suppress(ProcessLookupError):
            if handle is not None:  # never another process that got the same number
                signal.pidfd_send_signal(handle, signal.SIGKILL)
            else:
                os.kill(number, signal.SIGKILL)
        if handle is not None:
            os.close(handle)
        self._connection.close()
        self.memory.close()


class Zygote:
    """The process that forks children; one for all threads, made anew when it is gone."""

    _lock = threading.Lock()
    _current: Zygote | None = None

    def __init__(self):
        kind = getattr(socket, "SOCK_SEQPACKET", socket.SOCK_STREAM)
        self._connection, theirs = socket.socketpair(socket.AF_UNIX, kind)
        code = (
            f"import sys; sys.path.insert(0, {str(ROOT)!r}); "
            f"from awarenet.cage.zygote import main; main({theirs.fileno()})"
        )
        kept = {name: os.environ[name] for name in _KEPT if name in os.environ}
        threads = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-I", "-c", code], env={**kept, **threads},
                stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, pass_fds=[theirs.fileno()],
            )  # fmt: skip
        self._connection.settimeout(START_S)
        self._owner = os.getpid()

    @classmethod
    def of_this_process(cls) -> Zygote:
        """Give the one that is there, or start it."""
        with cls._lock:
            current = cls._current
            if current is None or current._owner != os.getpid() or current._ended():
                cls._current = cls()
            return cls._current

    @classmethod
    def fork_anywhere(
        cls, job: dict, connection: socket.socket, picture: int
    ) -> tuple[int, int | None]:
        """Have a child made, by another of these processes where this one fails."""
        try:
            return cls.of_this_process().fork(job, connection, picture)
        except wire.Broken:
            return cls.of_this_process().fork(job, connection, picture)

    def fork(self, job: dict, connection: socket.socket, picture: int) -> tuple[int, int | None]:
        """Have a child made; give its number and a handle of it, where there is such.

        Raises:
            Broken: This process cannot, and has been ended.
        """
        with self._lock:
            try:
                content = json.dumps(job).encode()
                socket.send_fds(self._connection, [content], [connection.fileno(), picture])
                answer, handles, _, _ = socket.recv_fds(self._connection, 64, 1)
            except OSError as error:
                self._end()
                raise wire.Broken(str(error)) from error
            if not answer:
                self._end()
                raise wire.Broken("the process that makes others is gone")
        return int(answer), handles[0] if handles else None

    def _end(self) -> None:
        self._process.kill()
        self._process.wait()
        self._connection.close()

    def _ended(self) -> bool:
        return self._process.poll() is not None


def protections(path: str | Path, limits: LimitSettings) -> list[str]:
    """Say what is in force, on this machine, where a file is decoded; for logs and tests."""
    if not CAGED:
        return []
    child = Child(Path(path), limits)
    try:
        return [str(name) for name in child.hear(START_S)["confined"]]
    finally:
        child.kill()


def _memory_file(size: int) -> int:
    """Make a file that is not on any disk; pages that nobody writes cost nothing.

    Raises:
        OSError: There is no room for it.
    """
    if hasattr(os, "memfd_create"):
        number = os.memfd_create("awarenet-picture", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    else:
        with tempfile.TemporaryFile() as file:
            number = os.dup(file.fileno())
    try:
        os.ftruncate(number, size)
        if hasattr(os, "memfd_create"):
            import fcntl

            # a child that made it shorter would end us: who reads past its end gets SIGBUS
            seals = fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_SEAL
            fcntl.fcntl(number, fcntl.F_ADD_SEALS, seals)
    except OSError:
        os.close(number)
        raise
    return number
