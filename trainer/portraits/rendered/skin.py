"""What a computer-made person is painted with: skin, lips, eyes, cloth, by place on the base mesh.

Places are those of the base mesh before it is shaped (dm), so that paint stays where it is whatever
the face does. Colors are linear RGB in 0..1.

Shapes: V points, M pixels.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass

import cv2
import numpy as np

Color = tuple[float, float, float]
IRIS, PUPIL = 0.42, 0.15  # radians, half angles seen from the middle of the eye
KNOTS = 64  # of noise, along each side; then it repeats
HAIRLINE = (  # dm: z, and the lowest y where hair grows
    (-0.8, -0.3, -0.12, 0.0, 0.36, 0.46, 0.6, 0.75, 0.9, 1.1),
    (6.45, 6.55, 6.85, 7.45, 7.45, 7.4, 7.55, 7.78, 7.97, 8.05),
)


@dataclass(frozen=True)
class Person:
    """How one computer-made person looks."""

    shape: Mapping[str, float]  # targets and weights
    skin: Color
    lips: Color
    iris: Color
    hair: Color
    shirt: Color
    stubble: float = 0.0  # share of the skin that it darkens
    brows: float = 1.0  # thickness
    seed: int = 0
    freckles: float = 0.3


def noise(places: np.ndarray, scale: float, seed: int) -> np.ndarray:
    """Smooth noise in space.

    Args:
        places: (M, 3) dm.
        scale: Distance between its knots, dm.
        seed: Of the knots.

    Returns:
        (M,) float32, roughly -1..1.
    """
    knots = _knots(seed)
    at = places.astype(np.float32) / np.float32(scale) + 1000
    low = np.floor(at)
    part = at - low
    part = (part * part * (3 - 2 * part)).T
    ends = np.stack([low.T, low.T + 1]).astype(np.int32) % KNOTS  # (2, 3, M)
    shares = np.stack([1 - part, part])
    out = np.zeros(len(places), np.float32)
    for i, j, k in np.ndindex(2, 2, 2):
        weight = shares[i, 0] * shares[j, 1] * shares[k, 2]
        out += weight * knots[ends[i, 0], ends[j, 1], ends[k, 2]]
    return out


@functools.cache
def _knots(seed: int) -> np.ndarray:
    shape = (KNOTS, KNOTS, KNOTS)
    return np.random.default_rng(seed).uniform(-1, 1, shape).astype(np.float32)


def scalp(places: np.ndarray) -> np.ndarray:
    """(M,) float32 share of hair-bearing skin at (M, 3) places, soft at the hairline."""
    line = np.interp(places[:, 2], *HAIRLINE)
    return (1 / (1 + np.exp(-(places[:, 1] - line) / 0.035))).astype(np.float32)


def spot(places: np.ndarray, middle: tuple[float, float, float], size: float) -> np.ndarray:
    """(M,) Gaussian around a place, the same on both sides of the face."""
    mirrored = np.abs(places[:, :1])
    away = np.concatenate([mirrored, places[:, 1:]], 1) - middle
    return np.exp(-(away**2).sum(1) / (2 * size**2)).astype(np.float32)


def below_collar(places: np.ndarray) -> np.ndarray:
    """(M,) dm below the collar of a round-necked shirt; negative is above it."""
    x, y, z = places.T
    return np.maximum(6.02 - 0.42 * z - 0.1 * x**2 - y, np.abs(x) - 1.0)


def coarse_noise(person: Person, places: np.ndarray) -> np.ndarray:
    """(V, 3) of blood, tone and cloth: so smooth that it is drawn at the points alone."""
    seed = person.seed
    blood = 0.16 * noise(places, 0.35, seed) + 0.13 * noise(places, 0.12, seed + 1)
    return np.stack([blood, noise(places, 0.5, seed + 2), noise(places, 0.3, seed + 9)], 1)


def paint_skin(
    person: Person, places: np.ndarray, masks: Mapping[str, np.ndarray], coarse: np.ndarray
) -> np.ndarray:
    """(M, 3) float32 color of skin, lips and scalp at (M, 3) places."""
    seed = person.seed
    skin = np.array(person.skin, np.float32)
    blood = 0.5 * spot(places, (0.45, 6.98, 1.0), 0.2) + 0.45 * spot(places, (0, 6.95, 1.35), 0.1)
    blood += 0.15 * masks["ears"] + 0.25 * spot(places, (0, 6.35, 1.2), 0.12)
    blood += coarse[:, 0]
    tone = 1 + 0.05 * coarse[:, 1] + 0.05 * noise(places, 0.05, seed + 3)
    tone += 0.045 * noise(places, 0.022, seed + 4)
    tired = spot(places, (0.3, 7.14, 1.2), 0.09) + 0.8 * spot(places, (0.17, 7.25, 1.25), 0.06)
    color = skin * tone[:, None] * np.array([1, 0.78, 0.72]) ** blood[:, None]
    color *= np.array([0.86, 0.8, 0.84]) ** tired[:, None]
    moles = np.clip(noise(places, 0.055, seed + 5) - 0.62, 0, 1) * person.freckles * 2
    color *= 1 - np.clip(moles, 0, 0.5)[:, None] * np.array([0.6, 0.8, 1])
    if person.stubble:
        x, y, z = places.T
        jaw = 1 / (1 + np.exp((y - 6.78 - 0.55 * np.maximum(np.abs(x) - 0.25, 0)) / 0.06))
        jaw *= 1 / (1 + np.exp(-(y - 6.02 + 0.25 * z) / 0.06)) * (z > 0.1)
        jaw *= 1 - 0.7 * spot(places, (0.33, 6.72, 1.1), 0.1)
        grain = 0.75 + 0.35 * noise(places, 0.018, seed + 6)
        color *= 1 - (person.stubble * jaw * grain)[:, None] * np.array([0.62, 0.55, 0.48])
    lips = masks["lips"] * (1 + 0.25 * noise(places * [1, 0.25, 1], 0.02, seed + 7))
    color += (np.array(person.lips) - color) * np.clip(0.9 * lips, 0, 1)[:, None]
    rim = np.clip(masks["eyelids"] - 0.55, 0, 1)[:, None] * 1.2
    color *= 1 - rim * np.array([0.35, 0.5, 0.5])
    hair = scalp(places) * (1 - np.clip(3 * masks["ears"], 0, 1))
    color += (np.array(person.hair) * 0.6 - color) * (0.8 * hair)[:, None]
    inner = np.clip(2 * masks["mouth"], 0, 1)[:, None]
    return (color * (1 - inner) + inner * np.array([0.25, 0.06, 0.05])).astype(np.float32)


def paint_cloth(person: Person, places: np.ndarray, coarse: np.ndarray) -> np.ndarray:
    """(M, 3) float32 color of a knitted shirt with a ribbed collar."""
    below = below_collar(places)
    knit = 1 + 0.06 * noise(places * [1, 0.3, 1], 0.03, person.seed + 8)
    knit += 0.05 * coarse[:, 2]
    seam = 1 - 0.3 * np.exp(-below / 0.03)
    return (np.array(person.shirt) * (knit * seam)[:, None]).astype(np.float32)


def paint_eye(person: Person, off: np.ndarray, around: np.ndarray) -> np.ndarray:
    """Paint an eyeball.

    Args:
        person: Whose iris it is.
        off: (M,) angle from the eye's axis, radians.
        around: (M,) angle about it, radians.

    Returns:
        (M, 3) float32 color.
    """
    circle = np.stack([np.cos(around), np.sin(around), off * 0], 1)
    fibers = noise(circle * 2.2, 0.11, person.seed + 10) + noise(circle, 0.1, person.seed + 11)
    depth = np.clip(off / IRIS, 0, 1)
    iris = np.array(person.iris) * (0.55 + 0.75 * depth + 0.28 * fibers)[:, None]
    iris *= (1 - 0.75 * np.clip((depth - 0.78) / 0.22, 0, 1))[:, None]  # the dark ring around it
    white = (
        np.array([0.66, 0.6, 0.56]) * np.array([1, 0.86, 0.84]) ** (off - 0.6).clip(0, 1)[:, None]
    )
    edge = np.clip((off - IRIS) / 0.05 + 0.5, 0, 1)[:, None]
    hole = np.clip((off - PUPIL) / 0.04 + 0.5, 0, 1)[:, None]
    return ((iris * hole + 0.004) * (1 - edge) + white * edge).astype(np.float32)


def on_eye(
    places: np.ndarray, middle: np.ndarray, turn: np.ndarray, gaze: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Where places lie on an eyeball.

    Args:
        places: (M, 3) of the posed mesh, dm.
        middle: (3,) of the eyeball.
        turn: (3, 3) of the head.
        gaze: Yaw of the eye in the head, radians.

    Returns:
        (M,) angle off the eye's axis, (M,) angle about it, (M, 3) normal of the eyeball, and (M, 3)
        normal of the cornea, which bulges in front of the iris.
    """
    forward, right, up = (
        turn @ axis
        for axis in (
            np.array([np.sin(gaze), 0, np.cos(gaze)]),
            np.array([np.cos(gaze), 0, -np.sin(gaze)]),
            np.array([0.0, 1, 0]),
        )
    )
    normal = places - middle
    normal /= np.maximum(np.linalg.norm(normal, axis=1, keepdims=True), 1e-6)
    off = np.arccos(np.clip(normal @ forward, -1, 1))
    wet = normal + 0.35 * np.maximum(0.5 - off, 0)[:, None] * (normal - forward)
    wet /= np.linalg.norm(wet, axis=1, keepdims=True)
    return off, np.arctan2(normal @ up, normal @ right), normal, wet


def backdrop(width: int, height: int, seed: int) -> np.ndarray:
    """(height, width, 3) float32 linear picture of a room far out of focus."""
    rng = np.random.default_rng(seed)
    x, y = np.meshgrid(np.linspace(0, 1, width), np.linspace(0, 1, height))
    picture = np.array([0.30, 0.31, 0.32]) * (1.0 - 0.45 * x - 0.2 * y)[..., None]
    picture[:, : int(0.17 * width)] = [0.95, 0.98, 1.0]  # a window, and its frame
    picture[:, int(0.075 * width) : int(0.09 * width)] = 0.25
    for _ in range(46):  # books on shelves
        left, row = rng.uniform(0.64, 1.0), rng.integers(4)
        size, color = rng.uniform(0.012, 0.03), rng.uniform(0.03, 0.3, 3) * rng.uniform(0.4, 1)
        top = 0.05 + 0.26 * row + rng.uniform(0, 0.05)
        spot_x = slice(int(left * width), int((left + size) * width))
        picture[int(top * height) : int((0.27 + 0.26 * row) * height), spot_x] = color
    for row in range(4):
        picture[int((0.27 + 0.26 * row) * height) : int((0.29 + 0.26 * row) * height),
                int(0.62 * width) :] = [0.16, 0.1, 0.06]  # fmt: skip
    return cv2.GaussianBlur(picture.astype(np.float32), (0, 0), height * 0.035)
