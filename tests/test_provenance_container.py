"""What a file's container and header note is read, bounded, and put into careful words."""

from __future__ import annotations

import json
from pathlib import Path

import av
import pytest
from clips import write_clip
from hypothesis import given
from hypothesis import strategies as st
from PIL import ExifTags, Image, PngImagePlugin
from signing import NOISE, jpeg, read, remark

from awarenet.printable import MOST_CHARACTERS, shown
from awarenet.provenance.container import MOST_ENTRIES, POSITION
from awarenet.provenance.words import REMARKS


@pytest.fixture(scope="module")
def clip(tmp_path_factory) -> Path:
    return write_clip(tmp_path_factory.mktemp("clips") / "clip.mp4", [NOISE] * 3)


@pytest.fixture(scope="module")
def test_a_camera_its_software_and_date_are_read_and_the_place_is_not_shown(tmp_path):
    exif = Image.Exif()
    exif[0x010F], exif[0x0110], exif[0x0131] = "Cam\x00 Co", "X-1", "Editor 9"
    exif[0xA431] = "serial 12345"
    exif.get_ifd(ExifTags.IFD.Exif)[0x9003] = "2024:05:06 07:08:09"
    exif.get_ifd(ExifTags.IFD.GPSInfo).update({1: "N", 2: (52.0, 31.0, 12.0)})
    path = tmp_path / "a.jpg"
    path.write_bytes(jpeg(exif=exif))
    found = read(path)
    assert found.container == {
        "format": "jpeg",
        "make": "Cam Co",
        "model": "X-1",
        "software": "Editor 9",
        "date taken": "2024:05:06 07:08:09",
        POSITION: "yes",
    }
    assert "52" not in found.model_dump_json()
    remark(found, "It names the camera Cam Co X-1; anybody can write that into a file.")
    remark(found, "It names the software Editor 9.")
    remark(found, "It says where it was recorded")


def clip_with(path: Path, metadata: dict[str, str]) -> Path:
    """Write a clip whose container notes these tags."""
    options = {"movflags": "use_metadata_tags"}
    with av.open(str(path), "w", options=options) as container:
        container.metadata.update(metadata)
        stream = container.add_stream("mpeg4", rate=10)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for _ in range(3):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(NOISE, "rgb24")))
        container.mux(stream.encode())
    return path


def test_a_clips_tags_are_read_and_the_place_is_not_shown(tmp_path):
    tags = {
        "com.apple.quicktime.make": "Phone Co",
        "com.apple.quicktime.model": "P 5",
        "com.apple.quicktime.location.ISO6709": "+52.5200+013.4050/",
        "comment": "a\x07b\n" + "long " * 99,
    }
    found = read(clip_with(tmp_path / "a.mov", tags))
    assert found.container["com.apple.quicktime.model"] == "P 5"
    assert found.container[POSITION] == "yes"
    assert "52.52" not in found.model_dump_json()
    comment = found.container["comment"]
    assert comment.startswith("a b long") and len(comment) == MOST_CHARACTERS
    remark(found, "It names the camera Phone Co P 5;")


def test_software_that_wrote_a_clip_anew_is_told(clip):
    found = read(clip)
    assert found.container["encoder"].startswith("Lavf")
    text = remark(found, "It says it was written by Lavf")
    assert "Most likely it is not a camera's own file" in text


def test_an_encoder_that_left_its_name_in_the_stream_is_told(clip):
    with av.open(str(clip)) as container:
        assert container.streams.video[0].codec_context.name == "h264"
    assert read(clip).container["video stream"].startswith("x264 - core ")


@pytest.mark.parametrize(
    ("date", "wrong"),
    [
        ("1904-01-01T00:00:00.000000Z", True),
        ("1970:01:01 00:00:00", True),
        ("2024-02-30T00:00:00Z", True),
        ("2999-01-01T00:00:00Z", True),
        ("2024-02-29T00:00:00Z", False),
        ("a Tuesday", False),
    ],
)
def test_a_date_that_cannot_be_is_told(tmp_path, date, wrong):
    exif = Image.Exif()
    exif[0x0132] = date
    path = tmp_path / "a.jpg"
    path.write_bytes(jpeg(exif=exif))
    assert any("cannot be right" in text for text in read(path).remarks) is wrong


def test_texts_that_picture_generators_leave_are_told_and_bounded(tmp_path):
    texts = PngImagePlugin.PngInfo()
    texts.add_text("parameters", "a portrait, steps: 20")
    for number in range(200):
        texts.add_text(f"k{number}", "v" * 5000)
    path = tmp_path / "a.png"
    Image.fromarray(NOISE).save(path, pnginfo=texts)
    found = read(path)
    assert found.container["text parameters"] == "a portrait, steps: 20"
    assert len(found.container) == MOST_ENTRIES + 1
    assert len(json.dumps(found.container)) < 20_000
    remark(found, "programs leave it that generate pictures")


@pytest.mark.parametrize("source", ["trainedAlgorithmicMedia", "digitalCapture"])
def test_a_source_named_in_xmp_is_read(tmp_path, source):
    xmp = f'<x DigitalSourceType="http://cv.iptc.org/newscodes/digitalsourcetype/{source}"/>'
    path = tmp_path / "a.jpg"
    path.write_bytes(jpeg(xmp=xmp.encode()))
    found = read(path)
    assert found.container["digital source type"] == source
    says = [text for text in found.remarks if "generative model" in text]
    assert bool(says) is (source == "trainedAlgorithmicMedia")


def test_every_remark_is_there_again_with_its_code_and_values(tmp_path):
    exif = Image.Exif()
    exif[0x010F], exif[0x0131], exif[0x0132] = "Maker", "Painter 3", "1904:01:01 00:00:00"
    path = tmp_path / "a.jpg"
    path.write_bytes(jpeg(exif=exif))
    found = read(path)
    assert [each.code for each in found.notices] == ["software", "camera", "impossible_date"]
    assert found.remarks == [each.message for each in found.notices]
    for each in found.notices:
        assert each.message == REMARKS[each.code].format(**each.values)


@given(value=st.text() | st.binary() | st.integers(), most=st.integers(1, 50))
def test_what_is_shown_is_one_short_printable_line(value, most):
    text = shown(value, most)
    assert len(text) <= most
    assert text.isprintable()
    assert "  " not in text and text == text.strip()
