"""Read files that nobody vouches for in a process that can do nothing else.

A clip can be made to break the program that decodes it. So it is decoded by a child process which
can read that one file and nothing else, has no network, writes nothing, and has an end to its
memory, its processor time and its patience; see `confinement`. What it gives back is taken as
numbers and checked; nothing is unpickled. When it crashes, hangs or is killed, that is the file's
status, and not the program's end.

    opened     what the rest of the program sees: `OpenedFile`
    claims     what a child says, taken for no more than it can be
    processes  the two kinds of process, as their parent has them
    zygote     a small process that has imported what decoding needs, and forks a child a file
    child      what a child does: the functions of `video`, `quantization` and `provenance`
    (what a child gives up before it opens the file: `awarenet.confinement`)
    syscalls   the calls to the kernel that it gives up
    wire       the messages between them
"""

from awarenet.cage.opened import OpenedFile
from awarenet.cage.processes import protections

__all__ = ["OpenedFile", "protections"]
