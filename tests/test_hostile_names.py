"""Names and metadata that strangers choose: never a path, never HTML, never more than text."""

import os
from pathlib import Path

import av
import documented
import pytest
from bombs import look
from clips import moving_face, write_clip
from fake_report import make_refusal, make_report
from PIL import Image, PngImagePlugin

from awarenet import documents, provenance, view
from awarenet.cage import OpenedFile
from awarenet.cage.processes import CAGED
from awarenet.errors import MediaError
from awarenet.panels import checks, rows, surroundings
from awarenet.panels.answer import forming_card, working_card
from awarenet.pipeline import Analysis
from awarenet.settings import LimitSettings

pytestmark = pytest.mark.skipif(not CAGED, reason="needs a system that can fork")
LIMITS = LimitSettings()


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
        exif[0x0131], exif[0x010F] = EVIL, EVIL
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


def test_a_name_cannot_turn_the_direction_of_what_is_read():
    name = "clip\u202egpj.mp4"
    refusal = make_refusal("unreadable", "no video", name=name)
    htmls = [
        working_card(name), forming_card(name, 0.5, 4), rows.batch_table([refusal], [name]),
        surroundings.preview("/x/clip\u202egpj.png"), surroundings.preview("/x/clip\u202egpj.avi"),
    ]  # fmt: skip
    for html in htmls:
        assert "\u202e" not in html and "clip gpj" in html
