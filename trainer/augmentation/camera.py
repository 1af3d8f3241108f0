"""Make clean portraits look like frames of compressed video, real and fake alike.

A `Degradation` is drawn once and applied to a real scene and to the fake made from it, so that
nothing but the manipulation tells the two apart. The order is a camera's: pose and distance, light,
lens and sensor, then what the phone does to the picture and what its owner lays over it, then
codecs at the size the face has in the frame; only then is the face cropped and scaled to the
network's input, as `awarenet.faces.crop_face` does it. Much of it changes one part of the picture
and not another (a blurred background, light from one side, a caption), because a detector that was
never shown such honest differences takes them for a seam.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import cv2
import numpy as np

from awarenet.damage import h264, jpeg, rescale
from awarenet.faces import Box, crop_face, square_box

SCENE_MARGIN = 0.3  # of the face's longer side, around it in the scenes made of portraits
FACE_SHARE = 1 / (1 + 2 * SCENE_MARGIN)  # of their side that the face fills


@dataclass(frozen=True)
class Place:
    """Where a face is in its scene: center and longer side, as shares of the scene's side."""

    x: float = 0.5
    y: float = 0.5
    share: float = FACE_SHARE


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
    wild: float = 0.0  # how likely uneven light and focus, filters, captions and rescaling are


TRAINING = Regime(wild=1.0)
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
    codecs: tuple[tuple[str, int], ...]  # jpeg quality, h264 crf or scale in percent, in order
    moved: tuple[int, int] | None = None  # px since the frame before; None: no frame before
    side_light: tuple[float, float] = (0.0, 0.0)  # share lost on one side, degrees
    out_of_focus: float = 0.0  # blur of what is not the head, standard deviation in px
    saturation: float = 1.0
    smooth: float = 0.0  # skin smoothing: reach in 0..255 of a filter that keeps edges
    sharpen: float = 0.0  # share of detail that is added
    overlay: int = field(default=0, repr=False)  # seed of a caption or sticker; 0: none
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
    shake, wild = regime.shake, regime.wild
    percent = int(rng.integers(60, 161))  # a copy of a copy seldom keeps its size
    if rng.random() < 0.2 * wild:
        codecs.insert(min(len(codecs), 1), ("scale", percent))

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
        moved=tuple(map(int, rng.integers(-3, 4, 2))) if rng.random() < 0.6 * wild else None,
        side_light=(
            (float(rng.uniform(0.1, 0.6)), float(rng.uniform(0, 360)))
            if rng.random() < 0.2 * wild
            else (0.0, 0.0)
        ),
        out_of_focus=float(rng.uniform(0.8, 5)) if rng.random() < 0.2 * wild else 0.0,
        saturation=float(rng.uniform(0.5, 1.5)) if rng.random() < 0.2 * wild else 1.0,
        smooth=float(rng.uniform(10, 40)) if rng.random() < 0.12 * wild else 0.0,
        sharpen=float(rng.uniform(0.3, 1.2)) if rng.random() < 0.2 * wild else 0.0,
        overlay=int(rng.integers(1, 2**31)) if rng.random() < 0.12 * wild else 0,
    )


def degrade(
    scene: np.ndarray, conditions: Degradation, *, box: Box | None = None, margin: float, side: int
) -> np.ndarray:
    """Photograph, compress and crop a scene.

    Args:
        scene: (S, S, 3) uint8 RGB, one face and what surrounds it.
        conditions: From `draw_degradation`.
        box: Of the face, px of the scene. None: in the middle, `SCENE_MARGIN` around it.
        margin: Of the crop, as in `crop_face`; where the scene has less, its edge is repeated.
        side: Of the crop, px.

    Returns:
        (side, side, 3) uint8 RGB.

    Raises:
        ValueError: The box has no area.
    """
    place = Place() if box is None else find_place(box, len(scene))
    frame = _pose(scene, conditions, place)
    if conditions.flip:
        place = replace(place, x=1 - place.x)
    frame = _expose(frame, conditions, place)
    frame = _retouch(frame, conditions)
    for codec, amount in conditions.codecs:
        if codec == "h264":
            frame = h264(frame, amount, conditions.moved)
        else:
            frame = (jpeg if codec == "jpeg" else rescale)(frame, amount)
    length = len(frame)
    half = length * place.share / 2 * conditions.zoom
    x, y = (
        center * length + offset * length * place.share
        for center, offset in zip((place.x, place.y), conditions.shift, strict=True)
    )
    return crop_face(frame, (x - half, y - half, x + half, y + half), margin=margin, side=side)


def find_place(box: Box, side: int) -> Place:
    """Where the face of a box, px of a scene of that side, is in it.

    Rounded: boxes are stored as float32, and a last bit ought not to move a crop by a pixel.

    Raises:
        ValueError: The box has no area.
    """
    x0, y0, x1, y1 = square_box(box, 0)
    x, y, share = (x0 + x1) / (2 * side), (y0 + y1) / (2 * side), (x1 - x0) / side
    return Place(round(x, 4), round(y, 4), round(share, 4))


def _pose(scene: np.ndarray, conditions: Degradation, place: Place) -> np.ndarray:
    """Scale the scene to the face's size in the frame, turn and flip it; sides come out even."""
    length = max(round(conditions.face_px / place.share / 2) * 2, 16)
    if length < len(scene):
        scene = cv2.resize(scene, (length, length), interpolation=cv2.INTER_AREA)
    elif length > len(scene):
        scene = cv2.resize(scene, (length, length), interpolation=cv2.INTER_CUBIC)
    if abs(conditions.angle) > 0.2:
        center = (place.x * length - 0.5, place.y * length - 0.5)
        matrix = cv2.getRotationMatrix2D(center, conditions.angle, 1.0)
        scene = cv2.warpAffine(
            scene, matrix, (length, length), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE
        )
    return np.ascontiguousarray(scene[:, ::-1]) if conditions.flip else scene


def _expose(frame: np.ndarray, conditions: Degradation, place: Place) -> np.ndarray:
    """Light, lens and sensor."""
    levels = np.arange(256, dtype=np.float32)
    levels = ((levels / 255) ** conditions.gamma * 255 - 128) * conditions.contrast + 128
    levels += conditions.brightness
    table = np.clip(levels[:, None] * np.array(conditions.gain), 0, 255).astype(np.uint8)
    frame = cv2.LUT(frame, np.ascontiguousarray(table[None]))
    if conditions.side_light[0]:
        frame = _light_from_one_side(frame, *conditions.side_light)
    if conditions.saturation != 1:
        gray = cv2.cvtColor(cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)
        share = conditions.saturation
        frame = cv2.addWeighted(frame, share, gray, 1 - share, 0)
    if conditions.gray:
        frame = cv2.cvtColor(cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)
    if conditions.out_of_focus:
        frame = _blur_background(frame, conditions.out_of_focus, place)
    if conditions.blur:
        frame = cv2.GaussianBlur(frame, (0, 0), conditions.blur)
    if conditions.motion[0]:
        frame = cv2.filter2D(frame, -1, _streak(*conditions.motion))
    if conditions.noise:
        noise = np.empty(frame.shape, np.float32)
        cv2.setRNGSeed(conditions.seed)
        cv2.randn(noise, (0.0,) * 3, (conditions.noise,) * 3)
        frame = np.clip(frame + noise + 0.5, 0, 255).astype(np.uint8)
    return frame


def _retouch(frame: np.ndarray, conditions: Degradation) -> np.ndarray:
    """What software does to the picture before it is stored."""
    if conditions.smooth:
        frame = cv2.bilateralFilter(frame, 5, conditions.smooth, 3)
    if conditions.sharpen:
        soft = cv2.GaussianBlur(frame, (0, 0), 1.2)
        frame = cv2.addWeighted(frame, 1 + conditions.sharpen, soft, -conditions.sharpen, 0)
    if conditions.overlay:
        frame = _overlay(frame, np.random.default_rng(conditions.overlay))
    return frame


def _light_from_one_side(frame: np.ndarray, loss: float, direction: float) -> np.ndarray:
    """Darken a frame along a direction, from nothing to `loss` of its light."""
    across = np.linspace(-0.5, 0.5, len(frame), dtype=np.float32)
    toward = np.radians(direction)
    ramp = across[None] * np.cos(toward) + across[:, None] * np.sin(toward) + 0.5
    light = 1 - loss * np.clip(ramp, 0, 1)
    return (frame * light[..., None]).astype(np.uint8)


def _blur_background(frame: np.ndarray, deviation: float, place: Place) -> np.ndarray:
    """Blur what lies outside an oval somewhat larger than the head, as a wide aperture does."""
    length = len(frame)
    mask = np.zeros((length, length), np.float32)
    axes = (round(length * place.share * 0.58), round(length * place.share * 0.72))
    center = (int(length * place.x), int(length * place.y))
    cv2.ellipse(mask, center, axes, 0, 0, 360, 1.0, -1)
    mask = cv2.GaussianBlur(mask, (0, 0), length / 40)[..., None]
    soft = cv2.GaussianBlur(frame, (0, 0), deviation)
    return (frame * mask + soft * (1 - mask) + 0.5).astype(np.uint8)


def _overlay(frame: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Lay a caption or one to three plain shapes over a frame; they may cover part of the face."""
    frame, length = frame.copy(), len(frame)
    color = tuple(map(int, rng.integers(0, 256, 3)))
    if rng.random() < 0.5:
        text = "".join(rng.choice(list("ABCDEFGHKLMNOPRSTUVWXYZ abdeghnoprstu"), 14))
        place = (int(rng.uniform(-0.1, 0.4) * length), int(rng.uniform(0.1, 0.95) * length))
        size = float(rng.uniform(0.25, 0.7)) * length / 160
        cv2.putText(frame, text, place, cv2.FONT_HERSHEY_DUPLEX, size, color, 1, cv2.LINE_AA)
        return frame
    for _ in range(int(rng.integers(1, 4))):
        x, y = map(int, rng.uniform(0, length, 2))
        half = rng.uniform(0.03, 0.14, 2) * length
        if rng.random() < 0.5:
            corner = (int(x + half[0]), int(y + half[1]))
            cv2.rectangle(frame, (int(x - half[0]), int(y - half[1])), corner, color, -1)
        else:
            axes = (int(half[0]) + 1, int(half[1]) + 1)
            cv2.ellipse(frame, (x, y), axes, rng.uniform(0, 180), 0, 360, color, -1, cv2.LINE_AA)
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
