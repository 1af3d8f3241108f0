"""Everything about scorers that is learned from validation people, for fit.json.

Shapes: N crops, F families of the experiment, K members a family.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence

import numpy as np

from awarenet.errors import AwareNetError
from trainer.ensembles import TWO_TIERS, scorers
from trainer.ensembles.scorers import Scorer
from trainer.ensembles.voting import fit_ensembles
from trainer.evaluation.calibration import choose
from trainer.measure import ScoredClip, clip_log_odds

log = logging.getLogger(__name__)


def fit_all(
    families: Sequence[str],
    logits: np.ndarray,
    labels: np.ndarray,
    clips: Sequence[ScoredClip],
    *,
    two_tier: Sequence[float],
    sizes: Mapping[str, int],
    calibration: str = "platt",
) -> dict:
    """Fit every ensemble, find the best member, calibrate everybody.

    Args:
        families: F names.
        logits: (N, F, K) of crops.
        labels: (N,) of the crops, 0 and 1.
        clips: Of people whom nothing was trained on, each with frames.
        two_tier: (F,) weights that AWARE-NET's way learned.
        sizes: Family -> bytes of its members' files.
        calibration: How everybody is calibrated, as `calibration.choose` takes it.

    Returns:
        `weights` of the two tiers by family; `ensembles` as `voting.fit_ensembles` gives them;
        `best_member` (member, family, and everybody's accuracy on the clips, at a probability of
        0.5, not calibrated; of equals the first); `calibrations`: scorer -> scale and offset.
    """
    parts = scorers.parts(families, logits.shape[2])
    accuracies = {name: round(_accuracy(one, clips), 4) for name, one in parts.items()}
    ensembles = fit_ensembles(
        families, logits, labels, two_tier=two_tier, accuracies=accuracies, sizes=sizes
    )
    judges = {name: scorers.read(one, families) for name, one in ensembles.items()}
    members = [name for name in parts if name not in families]
    return {
        "weights": ensembles[TWO_TIERS]["weights"],
        "ensembles": ensembles,
        "best_member": {
            "member": max(members, key=accuracies.__getitem__),
            "family": max(families, key=accuracies.__getitem__),
            "accuracy": accuracies,
        },
        "calibrations": _calibrations(calibration, {**judges, **parts}, clips),
    }


def _accuracy(scorer: Scorer, clips: Sequence[ScoredClip]) -> float:
    """Share of clips that a scorer has on the right side of a probability of 0.5."""
    if not clips:
        return 0.0
    says_fake = clip_log_odds(clips, scorer) > 0
    return float((says_fake == [clip.label == 1 for clip in clips]).mean())


def _calibrations(
    method: str, judges: Mapping[str, Scorer], clips: Sequence[ScoredClip]
) -> dict[str, dict]:
    """A calibration for each scorer, so that their probabilities can be compared.

    One that has it the wrong way round, as an untrained member may, keeps its own numbers.
    """
    labels, who = np.array([clip.label for clip in clips]), [clip.person for clip in clips]
    found = {}
    for name, scorer in judges.items():
        try:
            _, scale, offset = choose(method, clip_log_odds(clips, scorer), labels, who)
        except AwareNetError as error:
            log.warning("ensemble: %s keeps its own numbers: %s", name, error)
            scale, offset = 1.0, 0.0
        found[name] = {"scale": scale, "offset": offset}
    return found
