"""How figures fall when pictures get worse: one kind of damage at a time, at rising strength.

The damage is done to the crops that the networks are fed, so a pixel is one of theirs. It is a
function of the crop alone: the same picture suffers the same, whatever stands beside it.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable
from functools import partial

import cv2
import numpy as np

from trainer.augmentation.codecs import h264, jpeg, rescale
from trainer.evaluation.metrics import Figure

Damage = Callable[[np.ndarray], np.ndarray]  # (S, S, 3) uint8 RGB to the same
UNTOUCHED = "none"  # level that every curve begins with


def add_noise(crop: np.ndarray, deviation: float) -> np.ndarray:
    """Add Gaussian noise of a standard deviation in steps of 0..255, its own to every channel."""
    rng = np.random.default_rng(zlib.crc32(np.ascontiguousarray(crop)))
    return np.clip(np.rint(crop + rng.normal(0, deviation, crop.shape)), 0, 255).astype(np.uint8)


def blur(crop: np.ndarray, sigma: float) -> np.ndarray:
    """Blur with a Gaussian of `sigma` px."""
    return cv2.GaussianBlur(crop, (0, 0), sigma, borderType=cv2.BORDER_REFLECT_101)


def shrink(crop: np.ndarray, percent: int) -> np.ndarray:
    """Bring to `percent` of its size and back, as a small face is enlarged for the networks."""
    small = rescale(crop, percent)
    return cv2.resize(small, crop.shape[1::-1], interpolation=cv2.INTER_CUBIC)


def film(crop: np.ndarray, crf: int) -> np.ndarray:
    """Pass through H.264 as a frame of its own; odd sides, which it cannot code, are filled up."""
    height, width = crop.shape[:2]
    even = cv2.copyMakeBorder(crop, 0, height % 2, 0, width % 2, cv2.BORDER_REPLICATE)
    return h264(even, crf)[:height, :width]


# kind of damage -> level, mildest first -> what it does
CORRUPTIONS: dict[str, dict[str, Damage]] = {
    "jpeg": {f"quality {q}": partial(jpeg, quality=q) for q in (70, 50, 30)},
    "blur": {f"{s} px": partial(blur, sigma=s) for s in (1, 2, 3)},
    "noise": {f"{d} of 255": partial(add_noise, deviation=d) for d in (4, 8, 16)},
    "size": {"half": partial(shrink, percent=50), "quarter": partial(shrink, percent=25)},
    "h264": {f"CRF {c}": partial(film, crf=c) for c in (23, 30, 40)},
}


def corrupt(crops: np.ndarray, damage: Damage) -> np.ndarray:
    """Damage each of (N, S, S, 3) uint8 RGB crops; gives back new ones of the same shape."""
    return np.stack([damage(crop) for crop in crops]) if len(crops) else crops.copy()


def sweep(
    crops: np.ndarray,
    score: Callable[[np.ndarray], np.ndarray],
    measure: Callable[[np.ndarray], Figure],
    *,
    batch: int = 512,
    corruptions: dict[str, dict[str, Damage]] = CORRUPTIONS,
) -> dict[str, list[dict]]:
    """Measure a figure at every level of every kind of damage.

    Args:
        crops: (N, S, S, 3) uint8 RGB, as the networks are fed.
        score: Maps (n, S, S, 3) crops to (n, F, K) logits.
        measure: Maps (N, F, K) logits of all crops to a figure, as `datasets.clip_auc` does.
        batch: Crops that are damaged and scored at once.
        corruptions: Kinds of damage and their levels.

    Returns:
        Kind -> rows of `level` and `auc`, the untouched crops first.
    """

    def figure(damage: Damage | None) -> Figure:
        parts = (crops[start : start + batch] for start in range(0, len(crops), batch))
        return measure(
            np.concatenate([score(corrupt(part, damage) if damage else part) for part in parts])
        )

    untouched = figure(None)
    return {
        kind: [
            {"level": UNTOUCHED, "auc": untouched},
            *({"level": level, "auc": figure(damage)} for level, damage in levels.items()),
        ]
        for kind, levels in corruptions.items()
    }
