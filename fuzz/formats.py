"""Real files of every kind that an analysis reads, small ones, made anew at each start."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from PIL import Image, PngImagePlugin

# name -> encoder, pixel format, width and height in px, frames, options of the encoder
CLIPS = {
    "h264.mp4": ("libx264", "yuv420p", (160, 96), 30, {"bf": "2", "g": "10"}),
    "h264_fast.mov": ("libx264", "yuv444p", (96, 64), 20, {"preset": "ultrafast"}),
    "hevc.mp4": ("libx265", "yuv420p", (128, 64), 16, {"x265-params": "log-level=none:pools=1"}),
    "mpeg4.3gp": ("mpeg4", "yuv420p", (96, 64), 20, {}),
    "mjpeg.mov": ("mjpeg", "yuvj422p", (96, 64), 12, {}),
    "vp9.webm": ("libvpx-vp9", "yuv420p", (128, 64), 16, {"deadline": "realtime"}),
    "vp8.webm": ("libvpx", "yuv420p", (96, 64), 16, {"deadline": "realtime"}),
    "av1.mkv": ("libsvtav1", "yuv420p", (128, 64), 12, {"preset": "12"}),
    "h264.mkv": ("libx264", "yuv420p", (128, 64), 20, {}),
    "mjpeg.avi": ("mjpeg", "yuvj420p", (96, 64), 12, {}),
    "raw.avi": ("rawvideo", "bgr24", (64, 48), 4, {}),
    "film.gif": ("gif", "rgb8", (64, 48), 12, {}),
}
TAGS = {"title": "a title", "comment": "made to be broken", "creation_time": "2026-01-01T00:00:00"}


def make(folder: Path) -> list[Path]:
    """Write one file of each kind that this machine can encode; sorted."""
    for name, (codec, *rest) in CLIPS.items():
        if codec in av.codecs_available:
            _clip(folder / name, codec, *rest)
    _pictures(folder)
    return sorted(folder.iterdir())


def _drawn(size: tuple[int, int], count: int) -> Iterator[np.ndarray]:
    """Give frames with slopes, edges, noise and a cut: something of all that codecs treat apart."""
    width, height = size
    random = np.random.default_rng(0)
    y, x = np.mgrid[:height, :width]
    for index in range(count):
        image = np.stack([x * 2 + index, y * 3, (x + y) * (1 + index * 2 // count)], axis=2) % 256
        image[:, : width // 4] = random.integers(0, 256, (height, width // 4, 3))
        left = index * 3 % (width - 16)
        image[8:24, left : left + 16] = 255
        yield image.astype(np.uint8)


def _clip(
    path: Path,
    codec: str,
    pixels: str,
    size: tuple[int, int],
    count: int,
    options: dict[str, str],
) -> None:
    with av.open(str(path), "w") as container:
        container.metadata.update(TAGS)
        stream = container.add_stream(codec, rate=25, options=options)
        stream.width, stream.height = size
        stream.pix_fmt = pixels
        sound = None
        if path.suffix in (".mp4", ".mkv"):
            sound = container.add_stream("aac", rate=8000, layout="mono")
        for index, image in enumerate(_drawn(size, count)):
            frame = av.VideoFrame.from_ndarray(image, format="rgb24")
            frame.pts, frame.time_base = index, Fraction(1, 25)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
        if sound is not None:
            silence = np.zeros((1, 1024), np.float32)
            for start in range(0, 4096, 1024):
                heard = av.AudioFrame.from_ndarray(silence, format="fltp", layout="mono")
                heard.sample_rate, heard.pts = 8000, start
                container.mux(sound.encode(heard))
            container.mux(sound.encode(None))


def _pictures(folder: Path) -> None:
    """Write photographs with what their headers can hold."""
    (drawn,) = _drawn((96, 64), 1)
    image = Image.fromarray(drawn)
    exif = Image.Exif()
    exif[0x010F], exif[0x0110], exif[0x0131], exif[0x0112] = "Maker", "Model", "Software", 6
    exif.get_ifd(0x8769)[0x9003] = "2026:01:01 00:00:00"
    exif.get_ifd(0x8825)[2] = (1.0, 2.0, 3.0)
    text = PngImagePlugin.PngInfo()
    text.add_text("parameters", "a text " * 20, zip=True)
    text.add_itxt("XML:com.adobe.xmp", "<x>newscodes/digitalsourcetype/composite</x>", zip=True)
    image.save(folder / "color.png", exif=exif, pnginfo=text)
    image.convert("P").save(folder / "palette.png", transparency=0)
    Image.fromarray(drawn[..., 0].astype(np.uint16) * 257).save(folder / "gray16.png")
    image.save(folder / "plain.jpg", exif=exif, quality=80, comment=b"a comment")
    image.save(folder / "steps.jpeg", exif=exif, progressive=True, quality=60)
    image.convert("CMYK").save(folder / "cmyk.jpg")
    image.save(folder / "lossy.webp", exif=exif, quality=70)
    image.convert("RGBA").save(folder / "lossless.webp", lossless=True)
    image.save(
        folder / "film.webp", save_all=True, append_images=[image.rotate(90), image], duration=40
    )
    image.save(folder / "plain.bmp")
    _short_bmp(folder / "runs.bmp")


def _short_bmp(path: Path) -> None:
    """Write a BMP of 8 colors bits that is compressed by runs (BI_RLE8), which Pillow only reads.

    The format: https://learn.microsoft.com/windows/win32/gdi/bitmap-compression
    """
    pixels = b"".join(bytes((16, row, 16, 255 - row, 0, 0)) for row in range(32)) + b"\0\1"
    palette = b"".join(bytes((each, 255 - each, each // 2, 0)) for each in range(256))
    start = 14 + 40 + len(palette)
    head = struct.pack("<2sIHHI", b"BM", start + len(pixels), 0, 0, start)
    info = struct.pack("<IiiHHIIiiII", 40, 32, 32, 1, 8, 1, len(pixels), 0, 0, 256, 0)
    path.write_bytes(head + info + palette + pixels)
