"""What a family costs: how much there is to compute, so that the cheap can go first."""

from __future__ import annotations

import torch
from torch.utils.flop_counter import FlopCounterMode

from awarenet import zoo
from awarenet.ensemble import Ensemble


def family_costs(ensemble: Ensemble, side: int) -> dict[str, int]:
    """Count the floating-point operations of every member of a family on one crop.

    Counted, not timed, so that the order of families is the same on every machine.

    Args:
        ensemble: In evaluation mode; nobody else runs it meanwhile.
        side: Of the crop, px.

    Returns:
        By family: operations, a multiplication and an addition counting as two.
    """
    device = next(iter(ensemble.parameters())).device
    crop = torch.zeros(1, side, side, 3, dtype=torch.uint8, device=device)
    costs = {}
    for family, members in ensemble.members.items():
        counter = FlopCounterMode(display=False)
        with torch.no_grad(), counter:
            zoo.score(members[0], crop, ensemble.specs[family])
        costs[family] = counter.get_total_flops() * len(members)
    return costs
