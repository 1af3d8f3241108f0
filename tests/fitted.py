"""What fit.json says, made of predictions instead of a training."""

from __future__ import annotations

from trainer.ensembles.fitting import fit_all
from trainer.evaluation.predictions import Predictions
from trainer.measure import dataset_clips

ENSEMBLES = ["two tiers", "plain mean"] + [
    f"{who}, {how}" for who in ("best two", "two smallest", "all") for how in ("hard", "soft")
] + ["all, stack"]  # fmt: skip


def fitted_on(found: Predictions, weights: dict[str, float], **changes) -> dict:
    """Fit everything on these predictions, two tiers having these weights.

    Args:
        found: Of validation people.
        weights: Family -> its share; a family that comes later has larger files.
        changes: Keys that are set otherwise, as scale, offset, threshold, ships.
    """
    fitted = fit_all(
        found.families,
        found.logits,
        found.label,
        dataset_clips(found, "validation"),
        two_tier=[weights[family] for family in found.families],
        sizes={family: place for place, family in enumerate(found.families)},
    )
    return {"ships": "two tiers", "threshold": 0.5, **fitted, **changes}
