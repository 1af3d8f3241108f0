"""What copies do to a picture: JPEG, H.264, another size, blur, noise.

One place for all of it: the trainer degrades its pictures by these, and `stability` asks what
becomes of a score after them. Each is a function of the picture alone, (H, W, 3) uint8 RGB to the
same: the same picture suffers the same, whatever stands beside it.
"""

from __future__ import annotations

import zlib
from fractions import Fraction

import av
import cv2
import numpy as np


def jpeg(image: np.ndarray, quality: int) -> np.ndarray:
    """Pass a (H, W, 3) uint8 RGB image through JPEG at `quality` 1..100."""
    bgr = cv2.cvtColor(image, cv2.COLOR_RGB2BGR)  # or luma would be weighed the wrong way round
    _, data = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, quality])
    return cv2.imdecode(data, cv2.IMREAD_COLOR_RGB)


def h264(image: np.ndarray, crf: int, moved: tuple[int, int] | None = None) -> np.ndarray:
    """Pass an image through H.264 at a constant rate factor.

    Args:
        image: (H, W, 3) uint8 RGB with even sides.
        crf: 0..51, higher is coarser.
        moved: Where the picture lay in the frame before, (x, y) px from where it lies now; the
            image is then coded from that frame by motion, as most frames of a video are. None:
            there is no frame before.

    Returns:
        (H, W, 3) uint8 RGB.
    """
    height, width = image.shape[:2]
    encoder = av.CodecContext.create("libx264", "w")
    encoder.width, encoder.height = width, height
    encoder.pix_fmt, encoder.time_base = "yuv420p", Fraction(1, 25)
    encoder.thread_count = 1
    encoder.options = {"crf": str(crf), "preset": "veryfast", "tune": "zerolatency"}
    images = [image]
    if moved is not None:
        shift = np.array([[1, 0, moved[0]], [0, 1, moved[1]]], np.float32)
        before = cv2.warpAffine(image, shift, (width, height), borderMode=cv2.BORDER_REPLICATE)
        images.insert(0, before)
    packets = []
    for number, one in enumerate(images):
        frame = av.VideoFrame.from_ndarray(one, format="rgb24").reformat(format="yuv420p")
        frame.pts = number
        packets += encoder.encode(frame)
    packets += encoder.encode(None)
    decoder = av.CodecContext.create("h264", "r")
    decoder.thread_count = 1
    decoded = [out for packet in packets for out in decoder.decode(packet)]
    decoded += decoder.decode(None)
    return decoded[-1].to_ndarray(format="rgb24")


def h264_of_any_size(
    image: np.ndarray, crf: int, moved: tuple[int, int] | None = None
) -> np.ndarray:
    """Pass an image through `h264`, its last row or column twice where their number is odd."""
    height, width = image.shape[:2]
    even = cv2.copyMakeBorder(image, 0, height % 2, 0, width % 2, cv2.BORDER_REPLICATE)
    return h264(even, crf, moved)[:height, :width]


def rescale(image: np.ndarray, percent: int) -> np.ndarray:
    """Bring a (H, W, 3) uint8 RGB image to `percent` of its size; its sides come out even."""
    height, width = (max(round(side * percent / 200) * 2, 16) for side in image.shape[:2])
    method = cv2.INTER_AREA if percent < 100 else cv2.INTER_CUBIC
    return cv2.resize(image, (width, height), interpolation=method)


def shrink(image: np.ndarray, percent: int) -> np.ndarray:
    """Bring to `percent` of its size and back, as a small face is enlarged for the networks."""
    small = rescale(image, percent)
    return cv2.resize(small, image.shape[1::-1], interpolation=cv2.INTER_CUBIC)


def blur(image: np.ndarray, sigma: float) -> np.ndarray:
    """Blur with a Gaussian of `sigma` px."""
    return cv2.GaussianBlur(image, (0, 0), sigma, borderType=cv2.BORDER_REFLECT_101)


def add_noise(image: np.ndarray, deviation: float) -> np.ndarray:
    """Add Gaussian noise of a standard deviation in steps of 0..255, its own to every channel."""
    rng = np.random.default_rng(zlib.crc32(np.ascontiguousarray(image)))
    return np.clip(np.rint(image + rng.normal(0, deviation, image.shape)), 0, 255).astype(np.uint8)
