"""How coarsely a file was compressed, as the file itself says."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from clips import truncate
from PIL import Image

from awarenet.errors import Canceled, MediaError
from awarenet.quantization import read_quantization
from awarenet.settings import LimitSettings

LIMITS = LimitSettings()
# Luminance table of ITU-T T.81, K.1, its first four rows: JPEG libraries use it for quality 50.
STANDARD = [[16, 11, 10, 16], [12, 12, 14], [14, 13], [14]]


def film(path: Path, codec: str, options: dict[str, str], quantizer: int | None = None) -> Path:
    """Write eight frames of moving shapes, (64, 96), at a fixed quantizer."""
    scene = np.random.default_rng(0).integers(0, 256, (12, 16, 3)).astype(np.uint8)
    scene = cv2.resize(scene, (96, 64), interpolation=cv2.INTER_CUBIC)
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=25, options=options)
        stream.width, stream.height, stream.pix_fmt = 96, 64, "yuv420p"
        if quantizer is not None:
            stream.codec_context.qmin = stream.codec_context.qmax = quantizer
        stream.codec_context.time_base = Fraction(1, 25)
        for number in range(8):
            frame = av.VideoFrame.from_ndarray(np.roll(scene, 3 * number, 1), format="rgb24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


@pytest.mark.parametrize("quantizer", [14, 22, 28, 40])
def test_h264_is_read_to_its_step(tmp_path, quantizer):
    path = film(tmp_path / "clip.mp4", "libx264", {"qp": str(quantizer), "bf": "0"})
    # the first frame of x264 is 3 finer, frames that others hang on too: the median is not
    expected = 2 ** ((quantizer - 4) / 6)
    assert read_quantization(path, LIMITS) == pytest.approx(expected, rel=0.03)


def test_mpeg_4_is_read_to_its_step(tmp_path):
    for quantizer in (3, 12):
        path = film(tmp_path / f"{quantizer}.avi", "mpeg4", {}, quantizer)
        assert read_quantization(path, LIMITS) == pytest.approx(2 * quantizer)


def test_a_codec_that_does_not_say_is_not_guessed(tmp_path):
    path = film(tmp_path / "clip.webm", "libvpx-vp9", {"deadline": "realtime", "cpu-used": "8"})
    assert read_quantization(path, LIMITS) is None


def test_jpeg_is_read_by_its_table(tmp_path):
    image = Image.fromarray(np.random.default_rng(0).integers(0, 256, (40, 56, 3), np.uint8))
    path, found = tmp_path / "picture.jpg", []
    for quality in (95, 85, 70, 50, 30):
        image.save(path, quality=quality)
        found.append(read_quantization(path, LIMITS))
    assert found == sorted(found)
    assert found[3] == pytest.approx(np.mean([step for row in STANDARD for step in row]))


@pytest.mark.parametrize("suffix", [".png", ".bmp", ".webp"])
def test_a_picture_without_a_table_has_no_step(tmp_path, suffix):
    path = tmp_path / f"picture{suffix}"
    Image.new("RGB", (32, 32), (90, 80, 70)).save(path)
    assert read_quantization(path, LIMITS) is None


def test_a_clip_that_breaks_off_is_read_up_to_there(tmp_path):
    path = film(tmp_path / "clip.mkv", "libx264", {"qp": "30", "bf": "0"})
    truncate(path, 0.95)
    assert read_quantization(path, LIMITS) == pytest.approx(2 ** (26 / 6), rel=0.5)


@pytest.mark.parametrize("name", ["clip.mp4", "picture.jpg"])
def test_what_is_no_clip_or_picture_is_refused(tmp_path, name):
    (tmp_path / name).write_bytes(b"neither")
    with pytest.raises(MediaError, match="cannot open"):
        read_quantization(tmp_path / name, LIMITS)


def test_limits_and_stop_hold_here_too(tmp_path):
    path = film(tmp_path / "clip.mp4", "libx264", {"qp": "30"})
    with pytest.raises(MediaError, match="96x64 px"):
        read_quantization(path, LimitSettings(max_pixels=1000))
    with pytest.raises(Canceled):
        read_quantization(path, LIMITS, lambda: True)
