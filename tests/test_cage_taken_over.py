"""A process that decodes, after a file took it over: what it can do to us, and to others."""

import json
import os
import signal
import socket
import struct
import subprocess
import sys
import time
from pathlib import Path

import pytest
from caged import lied_to, noise

from awarenet.cage import OpenedFile, processes, protections, wire
from awarenet.cage.processes import CAGED, Zygote
from awarenet.errors import Canceled, MediaError
from awarenet.provenance.credentials import READER
from awarenet.settings import LimitSettings

pytestmark = pytest.mark.skipif(not CAGED, reason="needs a system that can fork")
LIMITS = LimitSettings()
BROKE = "broke the program that decodes it"


@pytest.fixture(scope="module")
def clip(tmp_path_factory) -> Path:
    return noise(tmp_path_factory.mktemp("clips"), 5)


INFO = {
    "name": "../../etc/passwd", "kind": "video", "sha256": "", "duration_s": 1.0, "fps": 25.0,
    "width": 64, "height": 48, "codec": "h264", "rotation_deg": 0, "frame_count": 25,
}  # fmt: skip


@pytest.mark.parametrize(
    "lie",
    [
        {"fps": float("inf")}, {"duration_s": float("nan")}, {"width": -5}, {"width": 10**400},
        {"kind": ["video"]}, {"frame_count": "many"}, {"codec": None},
    ],
    ids=lambda lie: next(iter(lie)),
)  # fmt: skip
def test_a_file_that_cannot_be_is_not_believed(clip, lie):
    file = lied_to(clip, {"value": INFO | lie}, {"end": True})
    child = file._child
    with pytest.raises(MediaError, match=BROKE):
        file.probe()
    assert child.killed


def test_name_and_hash_are_our_own_and_texts_are_short(clip):
    said = INFO | {"codec": "h264\n" * 1000, "sha256": "0" * 64}
    info = lied_to(clip, {"value": said}, {"end": True}).probe()
    assert info.name == "clip.mp4" and len(info.codec) <= 60 and "\n" not in info.codec
    assert info.sha256 != "0" * 64
    notes = {f"{n}\x1b[2J": "x" * 10_000 for n in range(500)}
    found = lied_to(clip, {"value": notes}, {"end": True}).metadata(image=False)
    assert len(found) < 70
    assert all(len(text) <= 200 and text.isprintable() for each in found.items() for text in each)


@pytest.mark.parametrize("value", [10**400, float("inf"), -1, "8", [8], None, {}], ids=range(7))
def test_a_step_that_is_no_number_is_none(clip, value):
    assert lied_to(clip, {"value": value}, {"end": True}).quantization() is None


@pytest.mark.parametrize("messages", [[{"value": 1}], [{"end": True}], [{"frame": 1}, {"end": 1}]])
def test_two_answers_or_none_are_no_answer(clip, messages):
    with pytest.raises(MediaError, match=BROKE):
        lied_to(clip, *messages).quantization()


def test_a_refusal_is_said_in_our_words_and_of_our_file(clip):
    values = {"reason": "system", "name": "other.mp4", "error": "x" * 100_000}
    lie = {"refused": {"status": "unreadable", "message": "<b>", "values": values}}
    with pytest.raises(MediaError, match=r"cannot read clip\.mp4: x+…") as found:
        lied_to(clip, lie).quantization()
    assert len(str(found.value)) < 300


def test_messages_that_each_come_late_are_late_together(clip, monkeypatch):
    monkeypatch.setattr("awarenet.cage.opened.GRACE_S", 0.0)
    frame = {"index": 0, "time_s": 0.0, "shot": 0, "shape": [10, 10, 3]}
    messages = [{"frame": {**frame, "index": n}} for n in range(400)]
    file = lied_to(clip, *messages, limits=LimitSettings(deadline_s=0.2))
    hear = file._child.hear

    def late(seconds: float) -> dict:
        time.sleep(0.01)
        return hear(seconds)

    file._child.hear = late
    with pytest.raises(MediaError, match=r"took over 0.2 s"):
        list(file.stretch((0.0, 10.0), 0.02))


# Messages


def test_half_a_message_holds_nobody_up_and_the_rest_is_taken_later():
    ours, theirs = socket.socketpair()
    with ours, theirs:
        content, come = b'{"value": 3}', bytearray()
        theirs.sendall(struct.pack("!I", len(content)) + content[:5])
        for _ in range(3):
            with pytest.raises(TimeoutError):
                wire.receive(ours, come, 0.02)
        theirs.sendall(content[5:] + struct.pack("!I", 2) + b"{}")
        assert wire.receive(ours, come, 5) == {"value": 3}
        assert wire.receive(ours, come, 5) == {}


def test_a_child_that_stops_midway_in_a_message_does_not_keep_a_stop_from_us(clip):
    wanted, (ours, theirs) = [], socket.socketpair()
    file = OpenedFile(clip, LIMITS, lambda: bool(wanted))
    file.metadata(image=False)
    file._child._connection.close()
    file._child._connection = ours
    theirs.sendall(struct.pack("!I", 100) + b'{"value"')
    hear = file._child.hear

    def heard(seconds: float) -> dict:
        wanted.append(True)
        return hear(seconds)

    file._child.hear = heard
    with theirs, pytest.raises(Canceled):
        file.quantization()


def test_the_memory_that_both_see_cannot_be_made_shorter_under_us():
    number = processes._memory_file(8192)
    try:
        for size in (0, 4096, 16384):
            with pytest.raises(PermissionError):
                os.ftruncate(number, size)
    finally:
        os.close(number)


# What it can do to others


def confined(code: str, path: Path) -> list[str]:
    """Run code in a confined process; give what it prints."""
    before = (
        "import os, resource, signal, socket, sys, threading\n"
        "from pathlib import Path\n"
        "from awarenet.confinement import confine\n"
        "confine(Path(sys.argv[1]), memory=4_000_000_000, processor_s=5)\n"
        "def tried(what):\n"
        "    try:\n"
        "        what()\n"
        "    except OSError as error:\n"
        "        print(type(error).__name__, flush=True)\n"
        "    else:\n"
        "        print('done', flush=True)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", before + code, str(path)],
        cwd=Path(__file__).parent.parent, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-500:]
    return done.stdout.split()


def test_it_starts_no_process_and_touches_none(clip):
    if "few system calls" not in protections(clip, LIMITS):
        pytest.skip("this system has no such filter")
    calls = [
        "os.fork()", "os.posix_spawn('/bin/true', ['true'], {})", "os.execv('/bin/true', ['true'])",
        "os.kill(os.getppid(), 0)", "os.killpg(os.getpgid(os.getppid()), 0)",
        "os.pidfd_open(os.getppid())", "resource.prlimit(os.getppid(), resource.RLIMIT_CPU)",
        "os.setpriority(os.PRIO_PROCESS, os.getppid(), 19)",
        "signal.pthread_kill(threading.get_ident(), 0)",
        "socket.socket()", "socket.socketpair()", "socket.socket(socket.AF_UNIX)",
        "socket.socket(socket.AF_NETLINK, socket.SOCK_RAW)",
    ]  # fmt: skip
    code = "".join(f"tried(lambda: {call})\n" for call in calls)
    code += "t = threading.Thread(target=print, args=['thread'])\nt.start()\nt.join()\n"
    assert confined(code, clip) == ["PermissionError"] * len(calls) + ["thread"]


# What is left without the process that makes others


def test_a_process_that_makes_others_and_stops_is_replaced(clip):
    with OpenedFile(clip, LIMITS) as file:
        file.metadata(image=False)
    stopped = Zygote.of_this_process()
    stopped._connection.settimeout(0.2)
    os.kill(stopped._process.pid, signal.SIGSTOP)
    with OpenedFile(clip, LIMITS) as file:
        assert file.probe().frame_count == 5
    assert Zygote.of_this_process() is not stopped
    assert stopped._process.returncode == -signal.SIGKILL


def test_where_no_process_can_be_had_the_file_is_not_blamed(clip, monkeypatch):
    def none(*_: object) -> None:
        raise wire.Broken("no more processes")

    before = len(os.listdir("/proc/self/fd")) if Path("/proc/self/fd").exists() else 0
    monkeypatch.setattr(Zygote, "fork", none)
    with OpenedFile(clip, LIMITS) as file, pytest.raises(MediaError, match="no process") as found:
        file.probe()
    assert found.value.status == "error"
    if before:
        assert len(os.listdir("/proc/self/fd")) == before


def test_limits_beyond_all_numbers_are_no_limits(clip):
    endless = LimitSettings(deadline_s=1e300, max_memory=10**30)
    with OpenedFile(clip, endless) as file:
        assert file.probe().frame_count == 5
    assert "memory" in protections(clip, endless)
    with (
        OpenedFile(clip, LimitSettings(max_pixels=10**18)) as file,
        pytest.raises(MediaError) as found,
    ):
        file.probe()
    assert found.value.status == "error"


# The process that reads Content Credentials is confined in the same way

BRIBED = """
import json, os, socket

class C2paError(Exception):
    class ManifestNotFound(Exception): pass
    class NotSupported(Exception): pass

class Context:
    @staticmethod
    def from_dict(settings): return Context()
    def __enter__(self): return self
    def __exit__(self, *_): pass

class Reader(Context):
    def __init__(self, path, context): self.path = path
    def json(self):
        def tried(what):
            try: what()
            except OSError as error: return type(error).__name__
            return "done"
        return json.dumps({
            "own": tried(lambda: open(self.path, "rb").read()),
            "other": tried(lambda: open(self.path + ".other").read()),
            "new": tried(lambda: open(self.path + ".new", "w")),
            "network": tried(lambda: socket.socket()),
            "process": tried(lambda: os.fork()),
        })
"""


def test_what_reads_credentials_can_read_that_file_alone(clip, tmp_path):
    if not {"no other file", "few system calls"} <= set(protections(clip, LIMITS)):
        pytest.skip("this system has no Landlock or no such filter")
    (tmp_path / "c2pa.py").write_text(BRIBED)
    Path(f"{clip}.other").write_text("secret")
    # the stand-in comes before the real library, which may be installed
    code = f"import runpy, sys; sys.path.insert(0, {str(tmp_path)!r}); "
    code += f"runpy.run_path({str(READER)!r}, run_name='__main__')"
    command = [sys.executable, "-I", "-c", code, str(tmp_path), str(clip)]
    done = subprocess.run(command, input="", capture_output=True, text=True, check=True)
    found = json.loads(done.stdout)["found"]
    assert found == {"own": "done"} | dict.fromkeys(
        ("other", "new", "network", "process"), "PermissionError"
    )
    assert not Path(f"{clip}.new").exists()
