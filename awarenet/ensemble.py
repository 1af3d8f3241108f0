"""The members of an ensemble and their combiner as one module.

Shapes: B crops, F families, K members a family, S side of a crop in px.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import Tensor, nn

from awarenet.combine import Combiner
from awarenet.zoo import Spec, get_spec, score


def judge(combiner: Combiner, logits: np.ndarray) -> np.ndarray:
    """Combine logits that are NumPy's, in 64 bits.

    Args:
        combiner: On any device.
        logits: (B, F, K) any float.

    Returns:
        (B,) float64 probabilities of fake.
    """
    with torch.no_grad():
        there = torch.as_tensor(logits, dtype=torch.float64, device=combiner.weights.device)
        return combiner(there).cpu().numpy()


class Ensemble(nn.Module):
    """Score face crops with every member; mix the scores into a probability."""

    def __init__(
        self,
        members: Mapping[str, Sequence[nn.Module]],
        combiner: Combiner,
        specs: Mapping[str, Spec] | None = None,
    ):
        """Put networks together.

        Args:
            members: By family, a name in `zoo.SPECS`; every family has the same number.
            combiner: For as many families.
            specs: How a family is fed, where that is not as its own spec says.

        Raises:
            ValueError: No members, families of unequal size, or a combiner for another number.
            SettingsError: A family that the zoo does not have.
        """
        super().__init__()
        counts = {family: len(networks) for family, networks in members.items()}
        if not counts or len(set(counts.values())) != 1 or 0 in counts.values():
            raise ValueError(f"members by family: {counts}; expected the same number, 1 or more")
        if len(combiner.weights) != len(counts):
            raise ValueError(
                f"the combiner weighs {len(combiner.weights)} families; there are {len(counts)}"
            )
        self.specs: dict[str, Spec] = {f: (specs or {}).get(f, get_spec(f)) for f in counts}
        self.families: tuple[str, ...] = tuple(counts)
        self.members_per_family: int = next(iter(counts.values()))
        self.members = nn.ModuleDict(
            {family: nn.ModuleList(networks) for family, networks in members.items()}
        )
        self.combiner = combiner

    @property
    def weights(self) -> dict[str, float]:
        """Share of each family in the probability; positive, they sum to 1."""
        return dict(zip(self.families, self.combiner.weights.tolist(), strict=True))

    def forward(self, crops: Tensor) -> Tensor:
        """Map (B, S, S, 3) uint8 RGB crops to (B, F, K) float32 logits, above 0 leans fake."""
        families = [
            torch.cat([score(network, crops, self.specs[family]) for network in networks], dim=1)
            for family, networks in self.members.items()
        ]
        return torch.stack(families, dim=1)

    def probability(self, logits: Tensor) -> Tensor:
        """Map (B, F, K) logits to (B,) probabilities of fake, not yet calibrated, in 0..1."""
        return self.combiner(logits)
