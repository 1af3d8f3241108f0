"""What a bundle's config.json says of ways to vote: its own, and those it could have taken.

Probabilities are in 0..1.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, model_validator

from awarenet import combine

Probability = Annotated[float, Field(ge=0, le=1)]


class Part(BaseModel):
    """A part of the config: nothing unknown, nothing infinite, nothing changed later."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, allow_inf_nan=False, hide_input_in_errors=True
    )


class Trees(Part):
    """The forest of a `stack`; see `combine.Forest`. All trees are of one depth, at most 8."""

    features: tuple[tuple[int, ...], ...] = Field(min_length=1, max_length=1000)
    thresholds: tuple[tuple[float, ...], ...]
    leaves: tuple[tuple[Probability, ...], ...]

    @model_validator(mode="after")
    def _shallow(self) -> Trees:
        if max(map(len, self.features)) > 255:
            raise ValueError("a tree with more than 255 nodes; expected a depth of 8 at most")
        return self


class Combiner(Part):
    """How the members' logits become one probability."""

    name: str  # in combine.COMBINERS
    weights: dict[str, float]  # share of each family; positive, they sum to 1
    forest: Trees | None = None  # of a `stack`

    def build(self, families: Sequence[str]) -> combine.Combiner:
        """Build it for these families, in this order.

        Raises:
            ValueError: It cannot be built, or is for others.
        """
        if set(families) != set(self.weights):
            raise ValueError(f"weights of {sorted(self.weights)}; expected {sorted(families)}")
        forest = combine.Forest(**self.forest.model_dump()) if self.forest else None
        return combine.create_combiner(self.name, [self.weights[name] for name in families], forest)


class Calibration(Part):
    """Turns a mean logit l into a calibrated probability: sigmoid(scale * l + offset)."""

    scale: float = Field(gt=0)
    offset: float
    fitted_on: str  # in words: which data, how many clips


class OtherVote(Part):
    """A way to vote that the bundle does not use, fitted on the same people as its own."""

    name: str = Field(pattern=r"^[a-z][a-z0-9_]{0,39}$")  # as `mean`, `hard_all`, `soft_best`
    combiner: Combiner  # its weights may be of some families only: these vote
    calibration: Calibration


def describe_combiner(combiner: combine.Combiner, families: Sequence[str]) -> Combiner:
    """Say in a config's words how a combiner works; `Combiner.build` turns it back.

    Args:
        combiner: One of `combine.COMBINERS`.
        families: Their names, in its order.
    """
    forest = None
    if isinstance(combiner, combine.Stack):
        forest = Trees(
            features=combiner.features.tolist(),
            thresholds=combiner.thresholds.tolist(),
            leaves=combiner.leaves.tolist(),
        )
    return Combiner(
        name=next(key for key, kind in combine.COMBINERS.items() if type(combiner) is kind),
        weights=dict(zip(families, combiner.weights.tolist(), strict=True)),
        forest=forest,
    )
