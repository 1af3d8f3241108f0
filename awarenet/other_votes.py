"""What the verdict on a person would be if the same networks voted in another way.

Shapes: T frames of one person, F families of the bundle, K members a family.
"""

from __future__ import annotations

from functools import partial

import numpy as np

from awarenet import report as parts
from awarenet.bundle import Bundle
from awarenet.bundle.votes import Calibration as CalibrationPart
from awarenet.bundle.votes import Combiner, OtherVote
from awarenet.ensemble import judge
from awarenet.scoring import Calibration, track_score, verdict

PLAIN = ("mean", "hard")  # ways to vote that need no fitting


def other_votes(
    bundle: Bundle,
    logits: np.ndarray,
    threshold: float,
    *,
    confidence: float = 0.9,
    resamples: int = 400,
    seed: int = 0,
) -> list[parts.OtherVote]:
    """Let the members vote on a person in every other way that the bundle knows.

    A bundle that was made before other votes were fitted is asked for a mean and a hard vote of
    all its families; they are calibrated as its own vote is, which is a makeshift, and said so.

    Args:
        bundle: Whose members gave the logits.
        logits: (T, F, K) any float, above 0 leans fake.
        threshold: Where "fake" begins, 0..1; the same one for all, they are all calibrated.
        confidence: As `scoring.track_score` takes it, for the interval that a verdict rests on.
        resamples: As it takes them.
        seed: As it takes it.

    Returns:
        In the order of the bundle; the bundle's own way is not among them.
    """
    families = [family.name for family in bundle.config.families]
    fitted = bundle.config.other_votes
    found = []
    for vote in fitted or _unfitted(bundle, families):
        columns = [place for place, name in enumerate(families) if name in vote.combiner.weights]
        combiner = vote.combiner.build([families[place] for place in columns])
        score = track_score(
            logits[:, columns],
            partial(judge, combiner),
            Calibration(vote.calibration.scale, vote.calibration.offset),
            pooling=combiner.pooling,
            confidence=confidence,
            resamples=resamples,
            seed=seed,
        )
        # rounded first, so that the verdict is the one that the report's own numbers give
        probability, low, high = (round(p, 6) for p in (score.probability, *score.interval))
        found.append(
            parts.OtherVote(
                name=vote.name,
                probability=probability,
                verdict=verdict(probability, (low, high), threshold),
                calibrated=bool(fitted),
            )
        )
    return found


def _unfitted(bundle: Bundle, families: list[str]) -> list[OtherVote]:
    """Describe the votes that need no fitting, with the calibration of the bundle's own."""
    own = bundle.config.calibration
    calibration = own or CalibrationPart(scale=1, offset=0, fitted_on="nothing")
    shares = dict.fromkeys(families, 1 / len(families))
    return [
        OtherVote(name=name, combiner=Combiner(name=name, weights=shares), calibration=calibration)
        for name in PLAIN
        if name != bundle.config.combiner.name
    ]
