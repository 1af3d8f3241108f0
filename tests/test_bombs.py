"""Files that are small and want to be much more: each ends in its status, and costs us little.

What decodes is bounded by its cage; here it is our own process that may not grow, held by a limit.
"""

import os
import shutil
import subprocess
import sys
import zlib
from pathlib import Path

import av
import bombs
import numpy as np
import pytest
from clips import moving_face, write_clip
from PIL import Image

from awarenet import provenance
from awarenet.cage import OpenedFile
from awarenet.cage.processes import CAGED
from awarenet.errors import MediaError
from awarenet.settings import LimitSettings

pytestmark = pytest.mark.skipif(not CAGED, reason="needs a system that can fork")
LIMITS = LimitSettings()
# bytes that our process may come to need: 150 MB of address space are the memory that it shares
# with the one that decodes; a frame of 8192 x 8192 px would be 201 MB more
ROOM = 280 << 20


@pytest.fixture(autouse=True)
def bounded(tmp_path):
    """Give this process an end to its memory while a test runs."""
    with OpenedFile(Path(__file__), LIMITS) as file, pytest.raises(MediaError):
        file.probe()  # what forks is started outside of the limit, which it would take over
    if not sys.platform.startswith("linux"):
        yield
        return
    import resource

    pages = int(Path("/proc/self/statm").read_text().split()[0])
    before = resource.getrlimit(resource.RLIMIT_AS)
    most = pages * os.sysconf("SC_PAGE_SIZE") + ROOM
    resource.setrlimit(resource.RLIMIT_AS, (most, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_AS, before)


@pytest.fixture(scope="module")
def trap(tmp_path_factory) -> Path:
    """A clip whose frames lie in another file; who asks FFmpeg for them gets them.

    Made and tried before there is an end to our memory, of which FFmpeg's threads take a part.
    """
    folder = tmp_path_factory.mktemp("trap")
    other, path = folder / "private.mp4", folder / "trap.mp4"
    write_clip(other, moving_face(20))
    shutil.copy(other, path)  # encoded anew, its frames may lie at other places
    bombs.point_elsewhere(path, other)
    options = {"enable_drefs": "1", "use_absolute_path": "1"}
    with av.open(str(path), options=options) as fooled:
        assert len(list(fooled.decode(video=0))) == 20
    return path


@pytest.fixture(scope="module")
def huge(tmp_path_factory) -> Path:
    """A clip of two black frames; encoded apart, as that takes the memory that this one may not."""
    path = tmp_path_factory.mktemp("huge") / "huge.mp4"
    code = (
        "import sys, av\n"
        "with av.open(sys.argv[1], 'w') as out:\n"
        "    stream = out.add_stream('libx264', rate=25, options={'preset': 'ultrafast'})\n"
        f"    stream.width = stream.height = {bombs.SIDE}\n"
        "    stream.pix_fmt, stream.codec_context.thread_count = 'yuv420p', 1\n"
        "    for _ in range(2):\n"
        f"        frame = av.VideoFrame({bombs.SIDE}, {bombs.SIDE}, 'yuv420p')\n"
        "        for plane in frame.planes:\n"
        "            plane.update(bytes(plane.buffer_size))\n"
        "        out.mux(stream.encode(frame))\n"
        "    out.mux(stream.encode())\n"
    )
    subprocess.run([sys.executable, "-c", code, str(path)], check=True, timeout=120)
    return path


def test_our_process_could_not_hold_such_a_frame():
    with pytest.raises(MemoryError):
        np.zeros((bombs.SIDE, bombs.SIDE, 5), np.uint8)


@pytest.mark.parametrize("suffix", ["png", "bmp", "webp", "gif", "jpg", "avi", "webm"])
def test_a_small_file_of_huge_frames_is_too_large(tmp_path, suffix):
    path = tmp_path / f"bomb.{suffix}"
    if suffix == "png":
        bombs.write_png(path, bombs.SIDE, bytes(1000))
    elif suffix == "bmp":
        bombs.write_bmp(path, bombs.SIDE)
    elif suffix == "webp":
        bombs.write_webp(path, bombs.SIDE)
    elif suffix == "gif":
        bombs.write_gif(path, 16, 3)
        content = bytearray(path.read_bytes())
        content[6:10] = bombs.SIDE.to_bytes(2, "little") * 2
        path.write_bytes(content)
    elif suffix == "jpg":
        Image.new("RGB", (64, 48)).save(path)
        bombs.swell_jpegs(path, 64, 48, bombs.SIDE)
    elif suffix == "avi":
        frames = moving_face(3, size=(64, 48))
        write_clip(path, frames, codec="mjpeg", pix_fmt="yuvj420p")
        bombs.swell_jpegs(path, 64, 48, bombs.SIDE)
    else:
        write_clip(path, moving_face(3, size=(64, 48)), codec="libvpx")
        bombs.swell_vp8(path, 64, 48, bombs.SIDE)
    assert path.stat().st_size < 16_000
    # FFmpeg itself takes no JPEG that is far shorter than its size would be
    assert bombs.look(path).split()[0] == ("unreadable" if suffix == "avi" else "too_large")


def test_a_whole_h264_clip_of_huge_frames_is_too_large(huge):
    assert huge.stat().st_size < 300_000  # of frames of 200 MB each
    assert bombs.look(huge) == "too_large large_frame"


def test_ten_hours_of_two_black_frames_are_too_long(tmp_path):
    black = [np.zeros((48, 64, 3), np.uint8)] * 2
    far = write_clip(tmp_path / "far.mp4", black, times_ms=[0, 36_000_000])
    assert bombs.look(far) == "too_long long"
    assert (
        bombs.look(bombs.write_avi(tmp_path / "far.avi", 2, scale=36_000, rate=1))
        == "too_long long"
    )


@pytest.mark.parametrize(("scale", "rate"), [(1, 10_000), (0, 0), (1, 0), (0, 1), (1, 2**32 - 1)])
def test_a_frame_rate_that_no_camera_has_does_no_harm(tmp_path, scale, rate):
    path = bombs.write_avi(tmp_path / "odd.avi", 40, scale=scale, rate=rate)
    assert bombs.look(path) == "ok"
    with OpenedFile(path, LIMITS) as file:
        info = file.probe()
    assert info.frame_count == 40
    assert info.duration_s <= LIMITS.max_seconds
    assert info.fps == pytest.approx(rate if scale and rate == 10_000 else info.fps)


def test_one_frame_for_days_is_one_frame(tmp_path):
    with OpenedFile(bombs.write_avi(tmp_path / "one.avi", 1, scale=1 << 20, rate=1), LIMITS) as one:
        info = one.probe()
    assert (info.frame_count, info.duration_s) == (1, 0)


def test_a_million_tiny_frames_are_walked_to_the_limit_alone(tmp_path):
    assert bombs.look(bombs.write_avi(tmp_path / "many.avi", 1_000_000)) == "too_long many_frames"


def test_a_gif_that_takes_for_ever_is_given_up_at_the_deadline(tmp_path):
    path = bombs.write_gif(tmp_path / "slow.gif", 3000, 1500)
    assert bombs.look(path, LimitSettings(deadline_s=0.5)) == "timeout slow"


def test_a_frame_that_is_too_large_midway_ends_the_clip(tmp_path):
    frames = [*moving_face(5), *moving_face(5, size=(320, 240), first=5)]
    path = write_clip(tmp_path / "grows.webm", frames, codec="libvpx")
    assert bombs.look(path) == "ok"
    assert bombs.look(path, LimitSettings(max_side=200)) == "too_large large_frame"


def test_a_clip_whose_frames_lie_in_another_file_gets_none_of_them(trap):
    assert bombs.look(trap.with_name("private.mp4")) == "ok"
    assert bombs.look(trap).split()[0] == "unreadable"


@pytest.mark.parametrize("kind", ["pixels", "text", "colors", "header"])
def test_a_png_that_unpacks_to_far_more_does_no_harm(tmp_path, kind):
    path, much = tmp_path / "bomb.png", zlib.compress(bytes(64 << 20), 9)
    assert len(much) < 80_000
    if kind == "pixels":
        bombs.write_png(path, 8, bytes(64 << 20))
    elif kind == "text":
        bombs.write_png(path, 8, bytes(72), (b"zTXt", b"parameters\0\0" + much))
    elif kind == "colors":
        bombs.write_png(path, 8, bytes(72), (b"iCCP", b"profile\0\0" + much))
    else:
        bombs.write_png(path, 30_000, bytes(100))
    expected = {"pixels": "ok", "header": "too_large decompression_bomb"}
    assert bombs.look(path) == expected.get(kind, "unreadable incomplete_image")


MAKE, ORIENTATION, TEXT, SHORT, LONG, RATIONAL = 0x010F, 0x0112, 2, 3, 4, 5


@pytest.mark.parametrize(
    "exif",
    [
        bombs.exif_entries((MAKE, TEXT, 2**32 - 1, 8)),
        bombs.exif_entries((0x8769, LONG, 1, 8), (0x8825, LONG, 1, 8), after=8),
        bombs.exif_entries((ORIENTATION, SHORT, 2**31, 8), (MAKE, RATIONAL, 1, 8)),
        bombs.exif_entries((MAKE, 99, 1, 8), *[(MAKE, TEXT, 5000, 8)] * 5000),
        bombs.exif_entries((ORIENTATION, TEXT, 4, 0x41414141)),
        b"II*\0\xff\xff\xff\xff",
        b"MM\0+" + b"\xff" * 60_000,
        b"",
    ],
    ids=["count", "cycle", "types", "entries", "words", "nowhere", "big", "nothing"],
)
def test_exif_data_that_cannot_be_leave_the_photograph_readable(tmp_path, exif):
    path = bombs.exif_jpeg(tmp_path / "photo.jpg", exif)
    with OpenedFile(path, LIMITS) as file:
        info = file.probe()
        assert (info.width, info.height, info.rotation_deg) == (48, 32, 0)
        (frame,) = file.sample(info, 8)
        assert np.abs(frame.image.astype(int) - 90).max() < 3
        found = provenance.read(file, info).container
    assert sum(map(len, found.values())) < 1000


# What is no file, and names
