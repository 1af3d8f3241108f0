"""Take from a process the calls to the kernel that decoding a file has no use for.

A filter of the kernel's own (seccomp, https://docs.kernel.org/userspace-api/seccomp_filter.html),
which a process can put on itself and never take off, in containers too. What it bars fails with
EPERM. It is a list of what is barred, not of what is allowed: which harmless calls Python, NumPy
and FFmpeg make differs from version to version. The numbers are those of the kernel's tables,
https://github.com/torvalds/linux/blob/master/arch/x86/entry/syscalls/syscall_64.tbl and
https://github.com/torvalds/linux/blob/master/include/uapi/asm-generic/unistd.h.
"""

from __future__ import annotations

import ctypes
import errno
import platform
import struct
from collections.abc import Iterator

BARRED = {  # of each, its number on x86-64 and on ARM
    # sockets: the one to who asks is there already
    "socket": (41, 198), "socketpair": (53, 199), "connect": (42, 203), "bind": (49, 200),
    "listen": (50, 201), "accept": (43, 202), "accept4": (288, 242),
    # other programs and other processes
    "execve": (59, 221), "execveat": (322, 281), "ptrace": (101, 117),
    "process_vm_readv": (310, 270), "process_vm_writev": (311, 271), "pidfd_getfd": (438, 438),
    "pidfd_open": (434, 434), "pidfd_send_signal": (424, 424), "kill": (62, 129),
    "tkill": (200, 130), "tgkill": (234, 131), "rt_sigqueueinfo": (129, 138),
    "rt_tgsigqueueinfo": (297, 240), "process_madvise": (440, 440), "prlimit64": (302, 261),
    "setpriority": (141, 140), "sched_setparam": (142, 118), "sched_setscheduler": (144, 119),
    "sched_setattr": (314, 274), "migrate_pages": (256, 238), "move_pages": (279, 239),
    # memory and messages that processes share
    "shmget": (29, 194), "shmat": (30, 196), "msgget": (68, 186), "semget": (64, 190),
    "mq_open": (240, 180),
    # other views of the system, and other ways to its files
    "unshare": (272, 97), "setns": (308, 268), "mount": (165, 40), "umount2": (166, 39),
    "pivot_root": (155, 41), "chroot": (161, 51), "open_tree": (428, 428),
    "move_mount": (429, 429), "fsopen": (430, 430), "fsconfig": (431, 431), "fsmount": (432, 432),
    "mount_setattr": (442, 442), "open_by_handle_at": (304, 265),
    # parts of the kernel that are large, seldom used and often broken
    "bpf": (321, 280), "perf_event_open": (298, 241), "userfaultfd": (323, 282),
    "io_uring_setup": (425, 425), "io_uring_enter": (426, 426), "io_uring_register": (427, 427),
    "add_key": (248, 217), "request_key": (249, 218), "keyctl": (250, 219),
    "init_module": (175, 105), "finit_module": (313, 273), "delete_module": (176, 106),
    "kexec_load": (246, 104),
}  # fmt: skip
FORKS = {"fork": (57, None), "vfork": (58, None)}  # ARM has clone alone
CLONE, CLONE3 = (56, 220), (435, 435)
CLONE_THREAD = 0x10000
MACHINES = {"x86_64": (0, 0xC000003E), "aarch64": (1, 0xC00000B7)}  # column; audit.h's number
FIRST_OF_X32 = 0x40000000  # x86-64's kernel knows a second set of numbers from here on

PR_SET_SECCOMP, SECCOMP_MODE_FILTER = 22, 2
# linux/bpf_common.h and seccomp.h: load a word, jump if equal, at least or a bit is set, return
LOAD, EQUAL, AT_LEAST, ANY_BIT, RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
NUMBER_AT, MACHINE_AT, FIRST_ARGUMENT_AT = 0, 4, 16  # in struct seccomp_data
ALLOW, FAIL, KILL = 0x7FFF0000, 0x00050000, 0x80000000


def bar(libc: ctypes.CDLL) -> bool:
    """Put the filter on this process, for good; False: this system has none.

    The process must have given up the right to new rights (PR_SET_NO_NEW_PRIVS) before.
    """
    if platform.machine() not in MACHINES:
        return False
    column, machine = MACHINES[platform.machine()]
    program = b"".join(_program(column, machine))
    steps = ctypes.create_string_buffer(program, len(program))
    described = struct.pack("@HP", len(program) // 8, ctypes.addressof(steps))
    return libc.prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, described, 0, 0) == 0


def _program(column: int, machine: int) -> Iterator[bytes]:
    """Write the filter, as the kernel runs it at every call."""
    barred = [numbers[column] for numbers in (*BARRED.values(), *FORKS.values())]
    yield _step(LOAD, MACHINE_AT)
    yield _step(EQUAL, machine, 1, 0)
    yield _step(RETURN, KILL)
    yield _step(LOAD, NUMBER_AT)
    yield _step(AT_LEAST, FIRST_OF_X32, 0, 1)
    yield _step(RETURN, FAIL | errno.EPERM)
    for number in barred:
        if number is not None:
            yield _step(EQUAL, number, 0, 1)
            yield _step(RETURN, FAIL | errno.EPERM)
    # its flags lie in memory, where a filter cannot look: the C library then takes clone instead
    yield _step(EQUAL, CLONE3[column], 0, 1)
    yield _step(RETURN, FAIL | errno.ENOSYS)
    yield _step(EQUAL, CLONE[column], 0, 3)
    yield _step(LOAD, FIRST_ARGUMENT_AT)
    yield _step(ANY_BIT, CLONE_THREAD, 1, 0)  # decoders have threads, and no need of processes
    yield _step(RETURN, FAIL | errno.EPERM)
    yield _step(RETURN, ALLOW)


def _step(code: int, value: int, if_true: int = 0, if_false: int = 0) -> bytes:
    """Pack one step; jumps say how many steps to leave out."""
    return struct.pack("=HBBI", code, if_true, if_false, value)
