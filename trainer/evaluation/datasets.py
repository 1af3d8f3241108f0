"""Everything that is measured of one ensemble on the test part of one data set.

Frames are single crops. A clip is judged as the detector judges it: mean log-odds of its crops,
calibrated, held against the threshold that ships. All scorers are read through the calibration of
the two tiers, as on the page; it assumes as many fakes as genuine clips, so on a set with four
fakes to one genuine clip log-loss, Brier and ECE also show that. Ranks (AUC, AP, EER, TPR) do not
depend on it.

What too few samples would decide is left out, and `notes` says so.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from awarenet.errors import AwareNetError
from awarenet.scoring import Calibration
from trainer.evaluation.bootstrap import (
    Draws,
    auc_with_interval,
    draw_people,
    figures_with_intervals,
    paired_difference,
)
from trainer.evaluation.metrics import FIGURES, Figure, Ranked, log_odds
from trainer.evaluation.predictions import TWO_TIERS, Clips, Predictions

SetFigures = dict[str, Any]

FEWEST = 5  # clips of each class in a row of a table; with fewer, one clip moves the AUC by a fifth
FACE_PX = (0, 64, 96, 128, 192, 256)  # lower ends of the ranges of face sizes, px
RATES = {"tpr_at_fpr_1": 0.01, "tpr_at_fpr_5": 0.05}
THRESHOLDS = np.linspace(0.05, 0.95, 19)
PROTOCOLS = {
    "identity": "nobody is in two parts",
    "official": "the data set's own parts",
    "video": "no clip is in two parts, people may be",
    "frame": "single frames dealt out: this leaks",
}


def measure_dataset(
    predictions_test: Predictions,
    weights: np.ndarray,
    *,
    scale: float,
    offset: float,
    threshold: float,
    resamples: int,
    learned_from: bool,
    protocol: str,
) -> SetFigures:
    """Measure frames, clips, kinds of fakes, compressions, face sizes, and what tier 2 brings.

    Args:
        predictions_test: Of the test part of one data set.
        weights: (F,) of tier 2.
        scale: Of the calibration that was fitted on clips.
        offset: Of the same.
        threshold: That ships, on calibrated probabilities.
        resamples: Bootstrap draws of people.
        learned_from: Whether the ensemble was trained on another part of this data set.
        protocol: By which the data was split, one of trainer.splits.PROTOCOLS.

    Returns:
        `learned_from`, `crops`, `clips`, `people`, `protocol`, `frames`, `clips_level`,
        `by_method`, `by_compression`, `by_face_px`, `paired`, `thresholds`, `robustness` (empty;
        see `trainer.evaluation.robustness`) and `notes`.

    Raises:
        AwareNetError: The part holds genuine clips only, or fakes only.
    """
    clips = predictions_test.clips()
    if len(np.unique(clips.label)) < 2:
        raise AwareNetError(
            f"the test part of {' and '.join(np.unique(clips.dataset)) or 'nothing'} has "
            f"{len(clips)} clips, all of one class; expected real and fake ones, look at the split"
        )
    calibration = Calibration(scale, offset)
    scores = predictions_test.scores(weights)
    frames = {
        name: Ranked(
            predictions_test.label, score, calibration.apply(log_odds(score)), threshold=threshold
        )
        for name, score in scores.items()
    }
    odds = {name: predictions_test.by_clip(score) for name, score in scores.items()}
    judged = {
        name: Ranked(clips.label, values, calibration.apply(values), threshold=threshold)
        for name, values in odds.items()
    }
    draws = draw_people(clips.identity, resamples=resamples)
    crop_draws = draw_people(predictions_test.identity, resamples=resamples)
    notes: list[str] = []
    rows = {title: _rows(title, clips, odds[TWO_TIERS], resamples, notes) for title in GROUPINGS}
    return {
        "learned_from": learned_from,
        "crops": len(predictions_test),
        "clips": {"real": int((clips.label == 0).sum()), "fake": int((clips.label == 1).sum())},
        "people": draws.people,
        "protocol": _protocol(protocol, learned_from),
        "frames": _figures(frames, crop_draws, "crops", notes),
        "clips_level": _figures(judged, draws, "clips", notes),
        **rows,
        "paired": [
            {
                "of": TWO_TIERS,
                "against": name,
                "auc difference": paired_difference(judged[TWO_TIERS], other, draws),
            }
            for name, other in judged.items()
            if name != TWO_TIERS
        ],
        "thresholds": count_flagged(
            clips.label, calibration.apply(odds[TWO_TIERS]), threshold=threshold
        ),
        "robustness": {},
        "notes": notes,
    }


def clip_auc(predictions: Predictions, weights: np.ndarray, *, resamples: int) -> Figure:
    """AUC of the two tiers on clips alone, as in `clips_level`.

    Raises:
        AwareNetError: One class only.
    """
    clips = predictions.clips()
    odds = predictions.by_clip(predictions.scores(weights)[TWO_TIERS])
    return auc_with_interval(clips.label, odds, clips.identity, resamples=resamples)


def count_flagged(
    labels: np.ndarray, probabilities: np.ndarray, *, threshold: float
) -> list[dict[str, float | int]]:
    """Count what is flagged at each threshold, the one that ships (which may lie anywhere) too."""
    flags = np.unique([*np.round(THRESHOLDS, 2), threshold])
    return [
        {
            "threshold": round(float(at), 4),
            "flagged_genuine": int((probabilities[labels == 0] >= at).sum()),
            "genuine": int((labels == 0).sum()),
            "flagged_fake": int((probabilities[labels == 1] >= at).sum()),
            "fake": int((labels == 1).sum()),
        }
        for at in flags
    ]


def by_method(clips: Clips) -> Iterator[tuple[str, np.ndarray]]:
    """Fakes of each method, with all genuine clips."""
    for method in sorted(set(clips.method[clips.label == 1])):
        yield str(method), (clips.label == 0) | (clips.method == method)


def by_compression(clips: Clips) -> Iterator[tuple[str, np.ndarray]]:
    """Clips of each compression; nothing where the data set comes in one that has no name."""
    for compression in sorted(set(clips.compression) - {""}):
        yield str(compression), clips.compression == compression


def by_face_px(clips: Clips) -> Iterator[tuple[str, np.ndarray]]:
    """Clips by how large their face is in the frame, genuine and fake ones of the same size."""
    for low, high in zip(FACE_PX, (*FACE_PX[1:], np.inf), strict=True):
        name = f"{low}-{high}" if np.isfinite(high) else f"{low}+"
        yield name, (clips.face_px >= low) & (clips.face_px < high)


GROUPINGS: dict[str, Callable[[Clips], Iterator[tuple[str, np.ndarray]]]] = {
    "by_method": by_method,
    "by_compression": by_compression,
    "by_face_px": by_face_px,
}


def _figures(
    several: dict[str, Ranked], draws: Draws, what: str, notes: list[str]
) -> dict[str, dict[str, Figure]]:
    """All figures of each scorer, less those that the number of genuine samples cannot resolve."""
    genuine = int((1 - several[TWO_TIERS].fake).sum())
    coarse = [name for name, rate in RATES.items() if genuine < round(1 / rate)]
    notes += [
        f"{name} of {what} left out: a false-alarm rate of {RATES[name]:.0%} cannot be told with "
        f"{genuine} genuine {what}"
        for name in coarse
    ]
    names = [name for name in FIGURES if name not in coarse]
    return {scorer: figures_with_intervals(one, draws, names) for scorer, one in several.items()}


def _rows(
    title: str,
    clips: Clips,
    odds: np.ndarray,
    resamples: int,
    notes: list[str],
) -> dict[str, Figure]:
    """Clip AUC of each group that has enough of both classes."""
    found = {}
    for name, chosen in GROUPINGS[title](clips):
        genuine, fake = ((clips.label[chosen] == label).sum() for label in (0, 1))
        if min(genuine, fake) >= FEWEST:
            found[name] = auc_with_interval(
                clips.label[chosen], odds[chosen], clips.identity[chosen], resamples=resamples
            )
        elif genuine + fake:
            notes.append(
                f"{title} {name} left out: {genuine} genuine and {fake} fake clips; expected "
                f"{FEWEST} of each"
            )
    return found


def _protocol(split: str, learned_from: bool) -> str:
    """How a figure came about, in words."""
    if not learned_from:
        return f"test part of a data set that was not learned from; split {split}"
    return f"test part, split {split} ({PROTOCOLS.get(split, 'of its own')})"
