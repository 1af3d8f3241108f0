"""What the C library does with memory that is freed; where it is glibc, it can be told."""

from __future__ import annotations

import ctypes

# of glibc's malloc.h: bytes free at the heap's end that are given back; blocks that get a map of
# their own; heaps that threads share
_M_TRIM_THRESHOLD, _M_MMAP_MAX, _M_ARENA_MAX = -1, -4, -8
ARENAS = 2


def keep_freed_memory() -> bool:
    """Let this process hold on to memory that it frees, where its C library is glibc.

    By default every block of more than 32 MB is a map of its own, given back when it is freed; the
    next one takes it anew, page by page. On a CPU that was 15 to 50 % of a training step's time. A
    process then stays as large as it was at its largest.

    Returns:
        Whether it does so now.
    """
    return _tell((_M_MMAP_MAX, 0), (_M_TRIM_THRESHOLD, -1))


def share_heaps() -> bool:
    """Let all threads of this process take memory from two heaps, where its C library is glibc.

    By default there are up to eight of them for each core, and none gives back what another could
    use. A page with 40 threads grew by 100 MB and more in some minutes of use, and still grew; with
    two heaps it stays as it is after the first ones, no slower. Call it before threads start.

    Returns:
        Whether they do so now.
    """
    return _tell((_M_ARENA_MAX, ARENAS))


def _tell(*options: tuple[int, int]) -> bool:
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):  # another C library; on Windows there is no None
        return False
    return all([bool(mallopt(name, value)) for name, value in options])
