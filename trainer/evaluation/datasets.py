"""Everything that is measured of one ensemble on the test part of one data set.

Frames are single crops. A clip is judged as the detector judges it: its crops pooled, calibrated,
held against the threshold that ships. Every scorer is read through a calibration of its own, fitted
on the same clips; it assumes as many fakes as genuine clips, so on a set with four fakes to one
genuine clip log-loss, Brier and ECE also show that. Ranks (AUC, AP, EER, TPR) do not depend on it.

What too few samples would decide is left out, and `notes` says so.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np

from awarenet.errors import AwareNetError
from awarenet.odds import frame_odds
from awarenet.scoring import Calibration
from trainer.ensembles import scorers
from trainer.ensembles.scorers import Scorer
from trainer.evaluation.bootstrap import (
    Draws,
    auc_with_interval,
    draw_people,
    figures_with_intervals,
    paired_difference,
)
from trainer.evaluation.metrics import FIGURES, Figure, Ranked
from trainer.evaluation.predictions import Clips, Predictions

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
    fitted: Mapping[str, Any],
    *,
    resamples: int,
    learned_from: bool,
    protocol: str,
) -> SetFigures:
    """Measure frames, clips, kinds of fakes, compressions, face sizes, and what tier 2 brings.

    Args:
        predictions_test: Of the test part of one data set.
        fitted: fit.json: the ensembles, everybody's calibration, what ships, its threshold.
        resamples: Bootstrap draws of people.
        learned_from: Whether the ensemble was trained on another part of this data set.
        protocol: By which the data was split, one of trainer.splits.PROTOCOLS.

    Returns:
        `learned_from`, `crops`, `clips`, `people`, `protocol`, `frames`, `clips_level`,
        `by_method`, `by_compression`, `by_face_px`, `paired` (of what ships against all others),
        `ranks` (see `rank`), `thresholds`, `robustness` (empty; see
        `trainer.evaluation.robustness`) and `notes`.

    Raises:
        AwareNetError: The part holds genuine clips only, or fakes only.
    """
    clips = predictions_test.clips()
    if len(np.unique(clips.label)) < 2:
        raise AwareNetError(
            f"the test part of {' and '.join(np.unique(clips.dataset)) or 'nothing'} has "
            f"{len(clips)} clips, all of one class; expected real and fake ones, look at the split"
        )
    count = predictions_test.logits.shape[2]
    known = scorers.judges(fitted, predictions_test.families, count)
    ships, threshold = fitted["ships"], fitted["threshold"]
    scores = predictions_test.scores(known)
    calibrations = {name: Calibration(**fitted["calibrations"][name]) for name in known}
    odds = {
        name: predictions_test.by_clip(score, known[name].pooling) for name, score in scores.items()
    }
    frames = {
        name: Ranked(
            predictions_test.label,
            score,
            calibrations[name].apply(frame_odds(score, known[name].pooling)),
            threshold=threshold,
        )
        for name, score in scores.items()
    }
    judged = {
        name: Ranked(clips.label, values, calibrations[name].apply(values), threshold=threshold)
        for name, values in odds.items()
    }
    draws = draw_people(clips.identity, resamples=resamples)
    crop_draws = draw_people(predictions_test.identity, resamples=resamples)
    notes: list[str] = []
    rows = {title: _rows(title, clips, odds[ships], resamples, notes) for title in GROUPINGS}
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
                "of": ships,
                "against": name,
                "auc difference": paired_difference(judged[ships], other, draws),
            }
            for name, other in judged.items()
            if name != ships
        ],
        "ranks": rank(clips.label, odds, calibrations, fitted, draws),
        "thresholds": count_flagged(
            clips.label, calibrations[ships].apply(odds[ships]), threshold=threshold
        ),
        "robustness": {},
        "notes": notes,
    }


def rank(
    labels: np.ndarray,
    odds: Mapping[str, np.ndarray],
    calibrations: Mapping[str, Calibration],
    fitted: Mapping[str, Any],
    draws: Draws,
) -> dict[str, Any]:
    """Does an ensemble beat its best member, by how much, with what interval?

    The best member is the one that judged most validation clips rightly, so nobody chose it by
    looking at these clips. Accuracy is that at a probability of 0.5, each scorer calibrated.

    Args:
        labels: (N,) of the clips.
        odds: Scorer -> (N,) log-odds.
        calibrations: Scorer -> its own.
        fitted: fit.json.
        draws: Of the people in the clips.

    Returns:
        `best_member`, `best_family`, and `rows` (scorer, kind, auc, accuracy, auc difference and
        accuracy difference to the best member, 95 % over people), the highest AUC first.
    """
    best = fitted["best_member"]
    level = {
        name: Ranked(labels, values, calibrations[name].apply(values))
        for name, values in odds.items()
    }
    rows = []
    for name, one in level.items():
        figures = figures_with_intervals(one, draws, ["auc", "accuracy"])
        differences = {
            f"{figure} difference": paired_difference(one, level[best["member"]], draws, figure)
            for figure in figures
        }
        kind = "ensemble" if name in fitted["ensembles"] else "member"
        kind = "family" if name in fitted["weights"] else kind
        rows.append({"scorer": name, "kind": kind, **figures, **differences})
    return {
        "best_member": best["member"],
        "best_family": best["family"],
        "rows": sorted(rows, key=lambda row: -row["auc"]["value"]),
    }


def clip_auc(predictions: Predictions, scorer: Scorer, *, resamples: int) -> Figure:
    """AUC of a scorer on clips alone, as in `clips_level`.

    Raises:
        AwareNetError: One class only.
    """
    clips = predictions.clips()
    odds = predictions.by_clip(scorer.crops(predictions.logits), scorer.pooling)
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
    genuine = int((1 - next(iter(several.values())).fake).sum())
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
