"""The cage: the same frames as without it, and nothing that is not asked for gets out or in."""

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from caged import noise
from clips import write_clip

from awarenet.cage import OpenedFile, protections
from awarenet.cage.processes import CAGED, Child, Zygote
from awarenet.errors import Canceled, MediaError
from awarenet.quantization import read_quantization
from awarenet.settings import LimitSettings
from awarenet.video import probe, sample_frames, stretch_frames

pytestmark = pytest.mark.skipif(not CAGED, reason="needs a system that can fork")
LIMITS = LimitSettings()


@pytest.fixture(scope="module")
def clip(tmp_path_factory) -> Path:
    return noise(tmp_path_factory.mktemp("clips"), 40)


def children_of(number: int) -> list[int]:
    """Processes that a process has started and that still run."""
    listed = Path(f"/proc/{number}/task/{number}/children").read_text().split()
    alive = []
    for child in map(int, listed):
        try:
            state = Path(f"/proc/{child}/stat").read_text().rpartition(")")[2].split()[0]
        except FileNotFoundError:
            continue
        if state != "Z":
            alive.append(child)
    return alive


def wait_for(what, seconds: float = 10.0) -> bool:
    end = time.monotonic() + seconds
    while not what() and time.monotonic() < end:
        time.sleep(0.02)
    return bool(what())


def zygote() -> int:
    return Zygote.of_this_process()._process.pid


def test_what_comes_out_is_what_decoding_here_gives(clip):
    with OpenedFile(clip, LIMITS) as file:
        info = file.probe()
        assert info == probe(clip, LIMITS)
        assert file.quantization() == read_quantization(clip, LIMITS)
        assert file.metadata(image=False)["format"].startswith("mov,mp4")
        for caged, here in (
            (file.sample(info, 7), sample_frames(clip, info, 7, LIMITS)),
            (file.stretch((0.2, 0.9), 0.1), stretch_frames(clip, (0.2, 0.9), 0.1, LIMITS)),
        ):
            found, expected = list(caged), list(here)
            assert len(found) == len(expected) > 3
            for one, other in zip(found, expected, strict=True):
                assert (one.index, one.time_s, one.shot) == (other.index, other.time_s, other.shot)
                np.testing.assert_array_equal(one.image, other.image)


@pytest.mark.parametrize(
    ("limits", "status"),
    [
        ({"max_frames_walked": 5}, "too_long"),
        ({"max_pixels": 500}, "too_large"),
        ({"max_bytes": 100}, "too_large"),
    ],
)
def test_refusals_come_out_as_they_are_without_it(clip, limits, status):
    tight = LimitSettings(**limits)
    with pytest.raises(MediaError) as here:
        probe(clip, tight)
    with OpenedFile(clip, tight) as file, pytest.raises(MediaError) as caged:
        file.probe()
    assert (caged.value.status, str(caged.value)) == (status, str(here.value))
    assert caged.value.values == here.value.values


def test_several_files_are_read_at_once_each_by_its_own_child(clip, tmp_path):
    other = write_clip(tmp_path / "other.mp4", [np.full((48, 64, 3), 90, np.uint8)] * 20)
    with OpenedFile(clip, LIMITS) as first, OpenedFile(other, LIMITS) as second:
        one, two = first.probe(), second.probe()
        for left, right in zip(first.sample(one, 5), second.sample(two, 5), strict=True):
            assert left.image.std() > 30 > right.image.std()
        assert len(children_of(zygote())) == 2
    assert wait_for(lambda: not children_of(zygote()))


def run_confined(code: str, path: Path, memory: int = 4_000_000_000) -> str:
    """Run code in a confined process that may read one file; give what it prints."""
    before = (
        "import os, socket, sys\n"
        "from pathlib import Path\n"
        "from awarenet.confinement import confine\n"
        "confine(Path(sys.argv[1]), memory=int(sys.argv[2]), processor_s=2)\n"
        "def tried(what):\n"
        "    try:\n"
        "        what()\n"
        "    except (OSError, MemoryError) as error:\n"
        "        print(type(error).__name__)\n"
        "    else:\n"
        "        print('done')\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", before + code, str(path), str(memory)],
        cwd=Path(__file__).parent.parent, capture_output=True, text=True, check=False,
    )  # fmt: skip
    return done.stdout.strip() or f"ended with {done.returncode}: {done.stderr[-300:]}"


def in_force(name: str) -> bool:
    return name in protections(__file__, LIMITS)


def test_a_confined_process_reads_its_file_and_no_other(clip, tmp_path):
    if not in_force("no other file"):
        pytest.skip("this system has no Landlock")
    secret = tmp_path / "secret.txt"
    secret.write_text("secret")
    code = (
        f"tried(lambda: open({str(clip)!r}, 'rb').read())\n"
        f"tried(lambda: open({str(secret)!r}).read())\n"
        "tried(lambda: open('/etc/passwd').read())\n"
        f"tried(lambda: os.listdir({str(tmp_path)!r}))\n"
        f"tried(lambda: open({str(tmp_path / 'new')!r}, 'w'))\n"
        f"tried(lambda: os.unlink({str(secret)!r}))\n"
    )
    assert run_confined(code, clip).split() == ["done"] + ["PermissionError"] * 5
    assert secret.read_text() == "secret"


def test_a_confined_process_reaches_nobody(clip):
    if not in_force("no network"):
        pytest.skip("this system gives no network of one's own")
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        code = f"tried(lambda: socket.create_connection(('127.0.0.1', {port}), 2))\n"
        assert run_confined(code, clip) in {"OSError", "PermissionError"}
        server.settimeout(0.2)
        with pytest.raises(TimeoutError):
            server.accept()


def test_memory_and_time_of_a_confined_process_have_an_end(clip):
    assert run_confined("tried(lambda: bytearray(3_000_000_000))", clip, 2_000_000_000) == (
        "MemoryError"
    )
    assert run_confined("while True: pass", clip).startswith(f"ended with {-signal.SIGKILL}")


@pytest.mark.parametrize("payload", ["concat", "m3u8", "dash"])
def test_a_list_that_names_other_files_gets_none_of_them(tmp_path, clip, payload):
    other = tmp_path / "private.mp4"
    other.write_bytes(clip.read_bytes())
    text = {
        "concat": f"ffconcat version 1.0\nfile '{other}'\n",
        "m3u8": f"#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\nfile://{other}\n#EXT-X-ENDLIST\n",
        "dash": f"<MPD><Period><BaseURL>file://{other}</BaseURL></Period></MPD>",
    }[payload]
    trap = tmp_path / "trap.mp4"
    trap.write_text(text)
    with OpenedFile(trap, LIMITS) as file, pytest.raises(MediaError) as found:
        file.probe()
    assert found.value.status in {"unreadable", "unsupported"}


def test_a_child_that_is_killed_costs_its_own_file_alone(clip):
    with OpenedFile(clip, LIMITS) as struck, OpenedFile(clip, LIMITS) as spared:
        info = struck.probe()
        frames = struck.sample(info, 40)
        next(frames)
        (victim,) = children_of(zygote())
        other = spared.sample(spared.probe(), 40)
        next(other)
        os.kill(victim, signal.SIGKILL)
        with pytest.raises(MediaError, match="broke the program that decodes it") as found:
            list(frames)
        assert found.value.status == "unreadable"
        assert len(list(other)) == 39
        assert struck.probe() == info  # another child


def test_without_the_process_that_forks_another_is_started(clip):
    before = zygote()
    os.kill(before, signal.SIGKILL)
    assert wait_for(lambda: Zygote._current._ended())
    with OpenedFile(clip, LIMITS) as file:
        assert file.probe().frame_count == 40
    assert zygote() != before


def test_a_stop_ends_the_child_within_moments(clip):
    wanted = []
    file = OpenedFile(clip, LIMITS, lambda: bool(wanted))
    frames = file.sample(probe(clip, LIMITS), 40)
    next(frames)
    assert children_of(zygote())
    wanted.append(True)
    with pytest.raises(Canceled, match=r"stopped reading clip.mp4, as asked"):
        list(frames)
    assert wait_for(lambda: not children_of(zygote()))


def test_a_child_that_says_nothing_is_waited_for_until_the_deadline(clip, monkeypatch):
    monkeypatch.setattr("awarenet.cage.opened.GRACE_S", 0.1)
    patient = LimitSettings(deadline_s=0.3)
    with OpenedFile(clip, patient) as file:
        file.metadata(image=False)
        (number,) = children_of(zygote())
        os.kill(number, signal.SIGSTOP)
        with pytest.raises(MediaError, match=r"took over 0.3 s") as found:
            file.quantization()
    assert found.value.status == "timeout"
    assert wait_for(lambda: not children_of(zygote()))


def test_nothing_stays_open_after_a_hundred_files(clip):
    def opened() -> int:
        return len(os.listdir("/proc/self/fd"))

    with OpenedFile(clip, LIMITS) as file:
        file.metadata(image=False)
    before = opened()
    for _ in range(100):
        with OpenedFile(clip, LIMITS) as file:
            file.metadata(image=False)
    assert opened() == before
    assert wait_for(lambda: not children_of(zygote()))


def test_a_child_that_is_ended_twice_takes_nobody_elses_files_with_it(clip, tmp_path):
    child = Child(clip, LIMITS)
    child.kill()
    others = [open(tmp_path / str(number), "wb") for number in range(20)]  # its numbers again
    child.kill()
    for other in others:
        other.write(b"still open")
        other.close()
