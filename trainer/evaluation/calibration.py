"""From log-odds of clips to probabilities that can be taken at their word.

Three ways, each fitted with both classes weighing the same, since clips are swapped more often
than filmed: a probability then assumes as many fakes as genuine clips, and the figures below do.

- temperature: log-odds times a scale (Guo et al., 2017, https://arxiv.org/abs/1706.04599).
- platt: times a scale, plus an offset (Platt, Probabilistic outputs for support vector machines,
  1999).
- isotonic: any rising steps (Zadrozny and Elkan, 2002, https://doi.org/10.1145/775047.775151);
  needs many clips, and no bundle can hold it: it shows what the other two leave on the table.

They are compared on people whom the calibrator was not fitted on, in folds of whole people. Where
the better of two is to be taken, it is chosen within each fold from the other people, so that the
figure of `auto` does not know its answer either.

Shapes: N clips.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
from scipy.special import expit
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GroupKFold

from awarenet.errors import AwareNetError, SettingsError
from awarenet.odds import CLIP
from trainer.evaluation.metrics import BINS, bins_of, measure

FOLDS = 5
PARAMETRIC = ("platt", "temperature")  # what a bundle can hold; of equals the first is taken
FIGURES = {"nll": "log_loss", "brier": "brier", "ece": "ece"}

Calibrator = Callable[[np.ndarray], np.ndarray]  # (n,) log-odds to (n,) probabilities


class Chosen(NamedTuple):
    """What goes into the bundle: probability = sigmoid(scale * log-odds + offset)."""

    method: str
    scale: float
    offset: float


def choose(method: str, log_odds: np.ndarray, labels: np.ndarray, people: Sequence[str]) -> Chosen:
    """Fit the calibration that ships.

    Args:
        method: platt, temperature, or auto: the one with the lower log-loss on left-out people.
        log_odds: (N,) of clips.
        labels: (N,) 0 and 1.
        people: (N,) who is in each clip; only auto asks.

    Raises:
        AwareNetError: One class only, or fakes score lower than genuine clips.
        SettingsError: No such method.
    """
    if method not in (*PARAMETRIC, "auto"):
        raise SettingsError(
            f"[ensemble] calibration = {method!r}; expected {', '.join(PARAMETRIC)} or auto"
        )
    log_odds, labels, people = _columns(log_odds, labels, people)
    if method == "auto":
        method = _better(log_odds, labels, people)
    scale, offset = _logistic(log_odds, labels, offset=method == "platt")
    if scale <= 0:
        raise AwareNetError("fakes score lower than genuine clips; train longer, look at the data")
    return Chosen(method, scale, offset)


def compare(
    method: str, log_odds: np.ndarray, labels: np.ndarray, people: Sequence[str]
) -> dict[str, Any]:
    """Compare ways to calibrate on people whom they were not fitted on.

    Args:
        method: As for `choose`; its left-out probabilities make the reliability table.
        log_odds: (N,) of clips.
        labels: (N,) 0 and 1.
        people: (N,) who is in each clip.

    Returns:
        `methods` (none, temperature, platt, isotonic, and auto where it is asked for: nll, brier,
        ece), `reliability` (see `reliability`), `chosen` and `protocol`.

    Raises:
        AwareNetError: As `choose`, or too few people for a fold without some of them.
    """
    chosen = choose(method, log_odds, labels, people)
    log_odds, labels, people = _columns(log_odds, labels, people)
    fits = {"none": lambda odds, truth: expit, **METHODS}
    found = {name: left_out(fit, log_odds, labels, people) for name, fit in fits.items()}
    if method == "auto":
        found["auto"] = _left_out_auto(log_odds, labels, people)
    weights = even_weights(labels)
    folds = len(list(_folds(labels, people)))
    return {
        "methods": {
            name: {
                figure: round(measure(labels, values, weights=weights, names=[key])[key], 4)
                for figure, key in FIGURES.items()
            }
            for name, values in found.items()
        },
        "reliability": reliability(labels, found[method], weights),
        "chosen": chosen.method,
        "protocol": f"{len(labels)} clips of {len(np.unique(people))} people, none of them trained "
        f"on; {folds} folds of whole people, each scored by a calibrator fitted on the others; "
        "both classes weigh the same",
    }


def reliability(
    labels: np.ndarray, probabilities: np.ndarray, weights: np.ndarray
) -> list[dict[str, float | int]]:
    """Count what came true in each of the bins of the calibration error; empty ones are left out.

    Args:
        labels: (N,) 0 and 1.
        probabilities: (N,) P(fake).
        weights: (N,) how much each counts in `mean_probability` and `share_fake`.

    Returns:
        Rows of `low`, `high`, `mean_probability`, `share_fake`, `count` (not weighted).
    """
    kinds = bins_of(probabilities)
    rows = []
    for number in np.unique(kinds):
        at = kinds == number
        mean, share = (
            float(np.average(values[at], weights=weights[at])) for values in (probabilities, labels)
        )
        rows.append(
            {
                "low": round(number / BINS, 4),
                "high": round((number + 1) / BINS, 4),
                "mean_probability": round(mean, 4),
                "share_fake": round(share, 4),
                "count": int(at.sum()),
            }
        )
    return rows


def left_out(
    fit: Callable[[np.ndarray, np.ndarray], Calibrator],
    log_odds: np.ndarray,
    labels: np.ndarray,
    people: np.ndarray,
) -> np.ndarray:
    """(N,) probabilities, each by a calibrator that was fitted without that person.

    Raises:
        AwareNetError: Without one group of people, no genuine or no fake clips would be left.
    """
    found = np.empty(len(labels))
    for others, own in _folds(labels, people):
        found[own] = fit(log_odds[others], labels[others])(log_odds[own])
    return found


def even_weights(labels: np.ndarray) -> np.ndarray:
    """(N,) weights that sum to N, half of it on each class."""
    counts = np.bincount(labels, minlength=2)
    return len(labels) / (2 * counts[labels])


def fit_temperature(log_odds: np.ndarray, labels: np.ndarray) -> Calibrator:
    """Fit a scale alone."""
    scale, _ = _logistic(log_odds, labels, offset=False)
    return lambda odds: expit(scale * odds)


def fit_platt(log_odds: np.ndarray, labels: np.ndarray) -> Calibrator:
    """Fit a scale and an offset."""
    scale, offset = _logistic(log_odds, labels, offset=True)
    return lambda odds: expit(scale * odds + offset)


def fit_isotonic(log_odds: np.ndarray, labels: np.ndarray) -> Calibrator:
    """Fit rising steps, kept `CLIP` from 0 and 1; level beyond the clips that were seen."""
    model = IsotonicRegression(y_min=CLIP, y_max=1 - CLIP, out_of_bounds="clip")
    return model.fit(log_odds, labels, sample_weight=even_weights(labels)).predict


METHODS = {"temperature": fit_temperature, "platt": fit_platt, "isotonic": fit_isotonic}


def _logistic(log_odds: np.ndarray, labels: np.ndarray, *, offset: bool) -> tuple[float, float]:
    """Scale and offset of the highest likelihood, less half the square of the scale.

    That penalty keeps the scale finite where the classes do not overlap.
    """
    model = LogisticRegression(C=1.0, class_weight="balanced", fit_intercept=offset)
    model.fit(log_odds[:, None], labels)
    return float(model.coef_[0, 0]), float(model.intercept_[0]) if offset else 0.0


def _better(log_odds: np.ndarray, labels: np.ndarray, people: np.ndarray) -> str:
    """Say which of the parametric methods has the lower log-loss on left-out people."""

    def loss(name: str) -> float:
        values = left_out(METHODS[name], log_odds, labels, people)
        return measure(labels, values, weights=even_weights(labels), names=["log_loss"])["log_loss"]

    return min(PARAMETRIC, key=loss)


def _left_out_auto(log_odds: np.ndarray, labels: np.ndarray, people: np.ndarray) -> np.ndarray:
    """(N,) probabilities of whichever method the other people would have one choose."""
    found = np.empty(len(labels))
    for others, own in _folds(labels, people):
        name = _better(log_odds[others], labels[others], people[others])
        found[own] = METHODS[name](log_odds[others], labels[others])(log_odds[own])
    return found


def _folds(labels: np.ndarray, people: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Positions of the others and of those left out, whole people at a time."""
    count = min(FOLDS, len(np.unique(people)))
    if count < 2:
        raise AwareNetError(
            f"{count} person in the calibration clips; expected two or more, or nobody can be left "
            "out to compare calibrations; set ensemble.calibration to platt or temperature"
        )
    for others, own in GroupKFold(count).split(labels, groups=people):
        if len(np.unique(labels[others])) < 2:
            raise AwareNetError(
                f"without {people[own[0]]} and whoever is in the same fold, the calibration clips "
                "are all genuine or all fake; add clips of other people, or set "
                "ensemble.calibration to platt or temperature"
            )
        yield others, own


def _columns(
    log_odds: np.ndarray, labels: np.ndarray, people: Sequence[str]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Check what came: as many of each, both classes."""
    log_odds, labels, people = np.asarray(log_odds), np.asarray(labels, np.int64), np.array(people)
    if not len(log_odds) == len(labels) == len(people):
        raise ValueError(f"{len(log_odds)} log-odds, {len(labels)} labels, {len(people)} people")
    if len(np.unique(labels)) < 2:
        raise AwareNetError(
            "calibration needs real and fake clips of people who are not trained on; "
            "check [data] videos, or raise the second of [split] shares"
        )
    return log_odds, labels, people
