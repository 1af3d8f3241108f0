"""Memory that a process keeps, and heaps that its threads share."""

from __future__ import annotations

import ctypes
import platform
import subprocess
import sys
from pathlib import Path

import pytest

from awarenet.allocator import ARENAS, keep_freed_memory, share_heaps

ROOT = Path(__file__).resolve().parent.parent
TAKE_OFTEN = """
import resource, torch
from awarenet.allocator import keep_freed_memory
for keep in (False, True):
    assert not keep or keep_freed_memory()
    for turn in range(30):  # the first ones find their places
        if turn == 20: before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
        torch.ones(16 * 2**20)
    pages = resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before
    print(pages * resource.getpagesize())
"""
MANY_THREADS = """
import ctypes, sys, threading
from awarenet.allocator import share_heaps
assert sys.argv[1] == "own" or share_heaps()
together = threading.Barrier(12)
def take():
    together.wait()
    kept = [bytearray(10_000) for _ in range(100)]
    together.wait()
threads = [threading.Thread(target=take) for _ in range(12)]
for thread in threads: thread.start()
for thread in threads: thread.join()
ctypes.CDLL(None).malloc_stats()
"""
glibc = pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="needs glibc")


def run(script, *arguments):
    return subprocess.run(
        [sys.executable, "-c", script, *arguments],
        capture_output=True, text=True, check=True, cwd=ROOT,
    )  # fmt: skip


@glibc
def test_memory_that_is_freed_is_taken_again_without_asking_the_kernel():
    given_back, kept = map(int, run(TAKE_OFTEN).stdout.split())
    size = 64 * 2**20
    assert given_back > 9 * size
    assert kept < 2 * size


@glibc
def test_threads_share_two_heaps():
    assert run(MANY_THREADS, "own").stderr.count("Arena ") > ARENAS
    assert run(MANY_THREADS, "shared").stderr.count("Arena ") == ARENAS


def test_another_c_library_is_left_as_it_is(monkeypatch):
    monkeypatch.setattr(ctypes, "CDLL", lambda name: object())
    assert not keep_freed_memory()
    assert not share_heaps()
