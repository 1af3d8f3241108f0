"""How figures fall when pictures get worse: one kind of damage at a time, at rising strength.

The damage is done to the crops that the networks are fed, so a pixel is one of theirs. H.264 codes
each crop as a frame of its own.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np

from awarenet.damage import add_noise, blur, h264_of_any_size, jpeg, shrink
from trainer.evaluation.metrics import Figure

Corruption = Callable[[np.ndarray], np.ndarray]  # (S, S, 3) uint8 RGB to the same
UNTOUCHED = "none"  # level that every curve begins with

# kind of damage -> level, mildest first -> what it does
CORRUPTIONS: dict[str, dict[str, Corruption]] = {
    "jpeg": {f"quality {q}": partial(jpeg, quality=q) for q in (70, 50, 30)},
    "blur": {f"{s} px": partial(blur, sigma=s) for s in (1, 2, 3)},
    "noise": {f"{d} of 255": partial(add_noise, deviation=d) for d in (4, 8, 16)},
    "size": {"half": partial(shrink, percent=50), "quarter": partial(shrink, percent=25)},
    "h264": {f"CRF {c}": partial(h264_of_any_size, crf=c) for c in (23, 30, 40)},
}


def corrupt(crops: np.ndarray, damage: Corruption) -> np.ndarray:
    """Damage each of (N, S, S, 3) uint8 RGB crops; gives back new ones of the same shape."""
    return np.stack([damage(crop) for crop in crops]) if len(crops) else crops.copy()


def sweep(
    crops: np.ndarray,
    score: Callable[[np.ndarray], np.ndarray],
    measure: Callable[[np.ndarray], Figure],
    *,
    batch: int = 512,
    corruptions: dict[str, dict[str, Corruption]] = CORRUPTIONS,
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

    def figure(damage: Corruption | None) -> Figure:
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
