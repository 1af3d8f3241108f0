"""Make clean portraits look like frames of compressed video, real and fake alike.

A `Degradation` is drawn once and applied to a real scene and to the fake made from it, so that
nothing but the manipulation tells the two apart. The order is a camera's: pose and distance, light,
lens and sensor, then codec at the size the face has in the frame; only then is the face cropped and
scaled to the network's input, as `awarenet.faces.crop_face` does it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction

import av
import cv2
import numpy as np

from awarenet.faces import crop_face

SCENE_MARGIN = 0.3  # of the face's longer side, on every side of a scene
# Of input pixels that a face fills before and after: scenes hold the face in their middle.
FACE_SHARE = 1 / (1 + 2 * SCENE_MARGIN)


@dataclass(frozen=True)
class Regime:
    """How hard the material is; shares sum to at most 1, the rest keeps its full size.

    face_px: (share, low, high) ranges of the face's longer side in the frame, px.
    jpeg: lowest and highest JPEG quality. crf: lowest and highest H.264 constant rate factor.
    """

    face_px: tuple[tuple[float, int, int], ...] = ((0.37, 100, 160), (0.1, 56, 100))
    jpeg: tuple[int, int] = (50, 98)
    crf: tuple[int, int] = (16, 34)
    h264_share: float = 0.3
    jpeg_share: float = 0.6
    twice_share: float = 0.25
    shake: float = 1.0  # 0: no change of pose, light or sensor at all


TRAINING = Regime()
CLEAN = Regime(face_px=((1.0, 120, 160),), jpeg=(75, 95), crf=(16, 23), twice_share=0.0, shake=0.4)
HARD = Regime(face_px=((1.0, 48, 96),), jpeg=(30, 60), crf=(28, 36), twice_share=0.0, shake=0.4)
REGIMES = {"training": TRAINING, "clean": CLEAN, "hard": HARD}


@dataclass(frozen=True)
class Degradation:
    """One draw of everything that happens between a face and the network's input."""

    face_px: float
    flip: bool
    angle: float  # degrees
    shift: tuple[float, float]  # of the face's side
    zoom: float  # of the box that the detector will give
    gain: tuple[float, float, float]  # of each channel
    contrast: float
    brightness: float  # in 0..255
    gamma: float
    gray: bool
    blur: float  # standard deviation, px; 0: none
    motion: tuple[float, float]  # length in px and direction in degrees; 0: none
    noise: float  # standard deviation in 0..255; 0: none
    codecs: tuple[tuple[str, int], ...]  # ("jpeg", quality) or ("h264", crf), in their order
    seed: int = field(default=0, repr=False)  # of the sensor noise


def draw_degradation(rng: np.random.Generator, regime: Regime = TRAINING) -> Degradation:
    """Draw one set of conditions."""
    face_px, chance = 160.0, rng.random()
    for share, low, high in regime.face_px:
        if chance < share:
            face_px = rng.uniform(low, high)
            break
        chance -= share
    codecs: list[tuple[str, int]] = []
    for _ in range(2 if rng.random() < regime.twice_share else 1):
        chance = rng.random()
        if chance < regime.h264_share:
            codecs.append(("h264", int(rng.integers(regime.crf[0], regime.crf[1] + 1))))
        elif chance < regime.h264_share + regime.jpeg_share:
            codecs.append(("jpeg", int(rng.integers(regime.jpeg[0], regime.jpeg[1] + 1))))
    shake = regime.shake

    def chance_of(share: float) -> bool:
        return bool(rng.random() < share * min(shake, 1.0))

    return Degradation(
        face_px=face_px,
        flip=bool(rng.random() < 0.5),
        angle=float(rng.normal(0, 5) * shake),
        shift=tuple(rng.normal(0, 0.025, 2) * shake),
        zoom=float(np.exp(rng.normal(0, 0.05) * shake)),
        gain=tuple(np.exp(rng.normal(0, 0.05, 3) * shake)) if chance_of(0.4) else (1.0, 1.0, 1.0),
        contrast=float(np.exp(rng.normal(0, 0.15))) if chance_of(0.5) else 1.0,
        brightness=float(rng.normal(0, 14)) if chance_of(0.5) else 0.0,
        gamma=float(np.exp(rng.normal(0, 0.2))) if chance_of(0.3) else 1.0,
        gray=chance_of(0.06),
        blur=float(rng.uniform(0.3, 1.1)) if chance_of(0.2) else 0.0,
        motion=(float(rng.uniform(2, 5)), float(rng.uniform(0, 180))) if chance_of(0.1) else (0, 0),
        noise=float(rng.uniform(1, 6)) if chance_of(0.25) else 0.0,
        codecs=tuple(codecs),
        seed=int(rng.integers(2**31)),
    )


def degrade(scene: np.ndarray, conditions: Degradation, *, margin: float, side: int) -> np.ndarray:
    """Photograph, compress and crop a scene.

    Args:
        scene: (S, S, 3) uint8 RGB, the face in its middle, `SCENE_MARGIN` around it.
        conditions: From `draw_degradation`.
        margin: Of the crop, as in `crop_face`; at most `SCENE_MARGIN`.
        side: Of the crop, px.

    Returns:
        (side, side, 3) uint8 RGB.
    """
    frame = _pose(scene, conditions)
    frame = _expose(frame, conditions)
    for codec, quality in conditions.codecs:
        frame = jpeg(frame, quality) if codec == "jpeg" else h264(frame, quality)
    length = len(frame)
    center = length / 2
    half = length * FACE_SHARE / 2 * conditions.zoom
    x, y = (center + offset * length * FACE_SHARE for offset in conditions.shift)
    return crop_face(frame, (x - half, y - half, x + half, y + half), margin=margin, side=side)


def jpeg(image: np.ndarray, quality: int) -> np.ndarray:
    """Pass a (H, W, 3) uint8 RGB image through JPEG at `quality` 1..100."""
    bgr = cv2.cvtColor(image, cv2.COLOR_RGB2BGR)  # or luma would be weighed the wrong way round
    _, data = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, quality])
    return cv2.imdecode(data, cv2.IMREAD_COLOR_RGB)


def h264(image: np.ndarray, crf: int) -> np.ndarray:
    """Pass a (H, W, 3) uint8 RGB image with even sides through H.264 at a constant rate factor."""
    encoder = av.CodecContext.create("libx264", "w")
    encoder.width, encoder.height = image.shape[1], image.shape[0]
    encoder.pix_fmt, encoder.time_base = "yuv420p", Fraction(1, 25)
    encoder.thread_count = 1
    encoder.options = {"crf": str(crf), "preset": "veryfast", "tune": "zerolatency"}
    frame = av.VideoFrame.from_ndarray(image, format="rgb24").reformat(format="yuv420p")
    frame.pts = 0
    packets = [*encoder.encode(frame), *encoder.encode(None)]
    decoder = av.CodecContext.create("h264", "r")
    decoder.thread_count = 1
    decoded = [out for packet in packets for out in decoder.decode(packet)]
    decoded += decoder.decode(None)
    return decoded[0].to_ndarray(format="rgb24")


def _pose(scene: np.ndarray, conditions: Degradation) -> np.ndarray:
    """Scale the scene to the face's size in the frame, turn and flip it; sides come out even."""
    length = max(round(conditions.face_px / FACE_SHARE / 2) * 2, 16)
    if length < len(scene):
        scene = cv2.resize(scene, (length, length), interpolation=cv2.INTER_AREA)
    elif length > len(scene):
        scene = cv2.resize(scene, (length, length), interpolation=cv2.INTER_CUBIC)
    if abs(conditions.angle) > 0.2:
        center = (length / 2 - 0.5, length / 2 - 0.5)
        matrix = cv2.getRotationMatrix2D(center, conditions.angle, 1.0)
        scene = cv2.warpAffine(
            scene, matrix, (length, length), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE
        )
    return np.ascontiguousarray(scene[:, ::-1]) if conditions.flip else scene


def _expose(frame: np.ndarray, conditions: Degradation) -> np.ndarray:
    """Light, lens and sensor."""
    levels = np.arange(256, dtype=np.float32)
    levels = ((levels / 255) ** conditions.gamma * 255 - 128) * conditions.contrast + 128
    levels += conditions.brightness
    table = np.clip(levels[:, None] * np.array(conditions.gain), 0, 255).astype(np.uint8)
    frame = cv2.LUT(frame, np.ascontiguousarray(table[None]))
    if conditions.gray:
        frame = cv2.cvtColor(cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)
    if conditions.blur:
        frame = cv2.GaussianBlur(frame, (0, 0), conditions.blur)
    if conditions.motion[0]:
        frame = cv2.filter2D(frame, -1, _streak(*conditions.motion))
    if conditions.noise:
        noise = np.empty(frame.shape, np.float32)
        cv2.setRNGSeed(conditions.seed)
        cv2.randn(noise, 0, conditions.noise)
        frame = np.clip(frame + noise, 0, 255).astype(np.uint8)
    return frame


def _streak(length: float, direction: float) -> np.ndarray:
    """Kernel of a straight camera move of `length` px."""
    size = int(np.ceil(length)) | 1
    kernel = np.zeros((size, size), np.float32)
    half = size // 2
    dx, dy = np.cos(np.radians(direction)) * half, np.sin(np.radians(direction)) * half
    ends = [(round(half - dx), round(half - dy)), (round(half + dx), round(half + dy))]
    cv2.line(kernel, ends[0], ends[1], 1.0)
    return kernel / kernel.sum()
