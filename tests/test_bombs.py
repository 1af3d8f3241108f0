"""Files that are small and want to be much more: each ends in its status, and costs us little.

What decodes is bounded by its cage; here it is our own process that may not grow, held by a limit.
"""

import os
import sys
import zlib
from pathlib import Path

import av
import bombs
import documented
import numpy as np
import pytest
from clips import moving_face, write_clip
from fake_report import make_report
from PIL import Image, PngImagePlugin

from awarenet import documents, provenance, view
from awarenet.cage import OpenedFile
from awarenet.cage.processes import CAGED
from awarenet.errors import MediaError
from awarenet.panels import checks
from awarenet.pipeline import Analysis
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


def look(path: Path, limits: LimitSettings = LIMITS) -> str:
    """Do what an analysis does with a file; give its status and the reason, or ok."""
    try:
        with OpenedFile(path, limits) as file:
            info = file.probe()
            file.quantization()
            file.metadata(image=info.kind == "image")
            assert len(list(file.sample(info, 8))) >= 1
    except MediaError as error:
        assert str(path.parent) not in str(error)
        return f"{error.status} {error.values['reason']}"
    return "ok"


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
    assert look(path).split()[0] == ("unreadable" if suffix == "avi" else "too_large")


def test_ten_hours_of_two_black_frames_are_too_long(tmp_path):
    black = [np.zeros((48, 64, 3), np.uint8)] * 2
    far = write_clip(tmp_path / "far.mp4", black, times_ms=[0, 36_000_000])
    assert look(far) == "too_long long"
    assert look(bombs.write_avi(tmp_path / "far.avi", 2, scale=36_000, rate=1)) == "too_long long"


@pytest.mark.parametrize(("scale", "rate"), [(1, 10_000), (0, 0), (1, 0), (0, 1), (1, 2**32 - 1)])
def test_a_frame_rate_that_no_camera_has_does_no_harm(tmp_path, scale, rate):
    path = bombs.write_avi(tmp_path / "odd.avi", 40, scale=scale, rate=rate)
    assert look(path) == "ok"
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
    assert look(bombs.write_avi(tmp_path / "many.avi", 1_000_000)) == "too_long many_frames"


def test_a_gif_that_takes_for_ever_is_given_up_at_the_deadline(tmp_path):
    path = bombs.write_gif(tmp_path / "slow.gif", 3000, 1500)
    assert look(path, LimitSettings(deadline_s=0.5)) == "timeout slow"


def test_a_frame_that_is_too_large_midway_ends_the_clip(tmp_path):
    frames = [*moving_face(5), *moving_face(5, size=(320, 240), first=5)]
    path = write_clip(tmp_path / "grows.webm", frames, codec="libvpx")
    assert look(path) == "ok"
    assert look(path, LimitSettings(max_side=200)) == "too_large large_frame"


def test_a_clip_whose_frames_lie_in_another_file_gets_none_of_them(tmp_path):
    other = write_clip(tmp_path / "private.mp4", moving_face(20))
    assert look(other) == "ok"
    trap = write_clip(tmp_path / "trap.mp4", moving_face(20))
    bombs.point_elsewhere(trap, other)
    options = {"enable_drefs": "1", "use_absolute_path": "1"}
    with av.open(str(trap), options=options) as fooled:  # who asks FFmpeg for it gets them
        assert len(list(fooled.decode(video=0))) == 20
    assert look(trap).split()[0] == "unreadable"


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
    assert look(path) == expected.get(kind, "unreadable incomplete_image")


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


def test_what_is_no_file_is_not_opened(tmp_path):
    folder, pipe, link = tmp_path / "x.mp4", tmp_path / "pipe.mp4", tmp_path / "zero.mp4"
    folder.mkdir()
    os.mkfifo(pipe)
    link.symlink_to("/dev/zero")
    dangling, ring = tmp_path / "gone.mp4", tmp_path / "ring.mp4"
    dangling.symlink_to(tmp_path / "nothing.mp4")
    ring.symlink_to(ring)
    for path in (folder, pipe, link, dangling, ring, Path("/dev/zero"), Path("/dev/stdin")):
        for ask in (OpenedFile.probe, OpenedFile.quantization, lambda file: file.metadata(False)):
            with OpenedFile(path, LIMITS) as file, pytest.raises(MediaError, match="no such file"):
                ask(file)
        assert provenance.read(OpenedFile(path, LIMITS)).container == {}


def test_a_link_is_read_under_its_own_name(tmp_path):
    stored = write_clip(tmp_path / "clip.mp4", moving_face(5)).rename(tmp_path / "0123abcd")
    link = tmp_path / "given.mp4"
    link.symlink_to(stored.name)
    assert look(link) == "ok"
    with OpenedFile(link, LIMITS) as file:
        assert file.probe().name == "given.mp4"


NAMES = [
    "..%2f..%2fetc%2fpasswd.mp4",
    "..\\..\\boot.mp4",
    "concat:a|b.mp4",
    "file:x.mp4",
    "http:x.mp4",
    "-i.mp4",
    "%03d.mp4",
    "{{ 7 * 7 }}{name}.mp4",
    "\x1b[2J\r\nINFO fine.mp4",
    "<script>alert(1)</script>.mp4".replace("/", "\u2215"),
    "é" * 100 + ".mp4",
    b"\xff\xfe.mp4".decode("utf-8", "surrogateescape"),
]


@pytest.mark.parametrize("name", NAMES, ids=range(len(NAMES)))
def test_a_name_is_a_name_and_nothing_else(tmp_path, name):
    path = write_clip(tmp_path / "clip.mp4", moving_face(3)).rename(tmp_path / name)
    with OpenedFile(path, LIMITS) as file:
        info = file.probe()
        assert (info.name, info.frame_count) == (name, 3)
        assert len(list(file.sample(info, 3))) == 3
        assert file.metadata(image=False)["format"].startswith("mov")


EVIL = "<script>alert('x')</script><img src=x onerror=\"alert(1)\">"


@pytest.mark.parametrize("kind", ["clip", "photograph"])
def test_html_in_metadata_is_text_wherever_it_is_shown(tmp_path, kind):
    if kind == "clip":
        path = tmp_path / f"{EVIL[:8]}.mkv"
        with av.open(str(path), "w") as container:
            container.metadata.update({"title": EVIL, EVIL: "name", "software": EVIL})
            stream = container.add_stream("mpeg4", rate=10)
            stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
            for image in moving_face(3, size=(64, 48)):
                container.mux(stream.encode(av.VideoFrame.from_ndarray(image, "rgb24")))
            container.mux(stream.encode())
    else:
        path, text, exif = tmp_path / f"{EVIL[:8]}.png", PngImagePlugin.PngInfo(), Image.Exif()
        text.add_text(EVIL, EVIL)
        exif[0x0131], exif[MAKE] = EVIL, EVIL
        Image.new("RGB", (64, 48)).save(path, pnginfo=text, exif=exif)
    with OpenedFile(path, LIMITS) as file:
        info = file.probe()
        found = provenance.read(file, info)
    assert EVIL in found.container.values() and any(EVIL in text for text in found.remarks)
    report = make_report(name=info.name).model_copy(update={"provenance": found})
    whole = documented.whole(info.name)
    whole = Analysis(whole.report.model_copy(update={"provenance": found}))
    for html in (checks.provenance(report), documents.html(whole), view.caption(EVIL)):
        assert "<script>alert" not in html and "<img src=x" not in html
        assert "&lt;script&gt;alert" in html


def test_tags_in_another_encoding_are_shown_as_well_as_can_be(tmp_path):
    path = write_clip(tmp_path / "old.avi", moving_face(3), codec="mpeg4")
    content = path.read_bytes()
    path.write_bytes(content.replace(b"Lavf", b"\xe4\xf6\xfc\xff", 1))
    assert path.read_bytes() != content
    assert look(path) == "ok"
    with OpenedFile(path, LIMITS) as file:
        assert any("\ufffd" in text for text in file.metadata(image=False).values())
