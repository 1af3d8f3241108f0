"""What a process gives up before it opens a file that nobody vouches for.

Each step is taken where the system has it: Linux has all of them, macOS the limits alone.
"""

from __future__ import annotations

import ctypes
import os
import signal
import struct
import sys
import sysconfig
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from awarenet.confinement.syscalls import bar

# https://github.com/torvalds/linux/blob/master/include/uapi/linux/sched.h and prctl.h
CLONE_NEWUSER, CLONE_NEWNET = 0x10000000, 0x40000000
PR_SET_PDEATHSIG, PR_SET_NO_NEW_PRIVS = 1, 38
# https://docs.kernel.org/userspace-api/landlock.html; the numbers are the same on x86-64 and ARM
LANDLOCK_CREATE, LANDLOCK_ADD, LANDLOCK_RESTRICT = 444, 445, 446
READ_FILE, READ_DIR = 1 << 2, 1 << 3
ALL_OF_FILES = {1: (1 << 13) - 1, 2: (1 << 14) - 1, 3: (1 << 15) - 1, 4: (1 << 15) - 1}
ALL_OF_FILES_5 = (1 << 16) - 1  # from version 5 of Landlock on
ALL_OF_TCP = 0b11  # bind and connect, from version 4 on
SIGNALS_AND_SOCKETS = 0b11  # to processes outside, from version 6 on
# settings have no end; of more seconds than these Linux makes nanoseconds that overflow
MOST_MEMORY, MOST_SECONDS = 1 << 62, 1 << 30
MOST_OPEN_FILES = 64


def confine(path: Path, *, memory: int, processor_s: int) -> list[str]:
    """Give up what is not needed to read one file; for good, in this process and its threads.

    Args:
        path: The file that can still be read.
        memory: Bytes of address space.
        processor_s: Seconds of processor time; the process is killed when they are used up.

    Returns:
        Names of what is in force, for logs and tests.
    """
    return list(_steps(path, memory, processor_s))


def _steps(path: Path, memory: int, processor_s: int) -> Iterator[str]:
    import resource

    limits = {
        "memory": (resource.RLIMIT_AS, min(memory, MOST_MEMORY)),
        "processor time": (resource.RLIMIT_CPU, min(processor_s, MOST_SECONDS)),
        "no writing": (resource.RLIMIT_FSIZE, 0),
        "no core files": (resource.RLIMIT_CORE, 0),
        "few open files": (resource.RLIMIT_NOFILE, MOST_OPEN_FILES),
    }
    for name, (kind, value) in limits.items():
        with suppress(OSError, ValueError):
            resource.setrlimit(kind, (value, value))
            yield name
    # a write over RLIMIT_FSIZE shall be an error where it happens, not the end of the process
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    if not sys.platform.startswith("linux"):
        return
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0)
    # the administrator needs no names of their own for it, and would lose the right to files
    if libc.unshare(CLONE_NEWNET | (CLONE_NEWUSER if os.geteuid() else 0)) == 0:
        yield "no network"
    if libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0:
        yield "no new rights"
        if _landlock(libc, path):
            yield "no other file"
        if bar(libc):
            yield "few system calls"


def _landlock(libc: ctypes.CDLL, path: Path) -> bool:
    """Leave this process one file beside the program's own, and no TCP; False: not to be had."""
    version = libc.syscall(LANDLOCK_CREATE, None, 0, 1)
    if version < 1:
        return False
    files = ALL_OF_FILES.get(version, ALL_OF_FILES_5)
    ruleset = struct.pack("=QQQ", files, ALL_OF_TCP, SIGNALS_AND_SOCKETS)
    ruleset = ruleset[: 24 if version >= 6 else 16 if version >= 4 else 8]
    number = libc.syscall(LANDLOCK_CREATE, ruleset, len(ruleset), 0)
    if number < 0:
        return False
    try:
        for place, rights in ((path, READ_FILE), *((lib, READ_FILE | READ_DIR) for lib in _own())):
            try:
                opened = os.open(place, os.O_PATH | os.O_CLOEXEC)  # a pipe would be waited for
            except OSError:  # there is no such file: then there is nothing to leave
                continue
            try:
                rule = struct.pack("=Qi", rights, opened)
                if libc.syscall(LANDLOCK_ADD, number, 1, rule, 0) != 0:
                    return False
            finally:
                os.close(opened)
        return libc.syscall(LANDLOCK_RESTRICT, number, 0) == 0
    finally:
        os.close(number)


def _own() -> set[str]:
    """Folders of the program itself, of which Python loads parts when they are needed."""
    names = ("stdlib", "platstdlib", "purelib", "platlib")
    return {sysconfig.get_paths()[name] for name in names} | {str(Path(__file__).parents[1])}
