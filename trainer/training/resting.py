"""Which parts of a network learn.

Some never do: a network that stands on features learned elsewhere names the children that hold them
in an attribute `resting`. Others wait until the head has learned.
"""

from __future__ import annotations

from collections.abc import Iterable

from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm


def resting_parts(module: nn.Module) -> list[nn.Module]:
    """Find everything in a module, itself included, that never learns."""
    return [
        network.get_submodule(name)
        for network in module.modules()
        for name in getattr(network, "resting", ())
    ]


def wake(module: nn.Module, waiting: Iterable[nn.Module] = ()) -> None:
    """Put a module into training, but for what never learns and what waits for now.

    Args:
        module: Changed: modes, and which parameters get gradients.
        waiting: Parts that get no gradients either, and whose batch norms keep their statistics;
            their dropout works, as it does when they learn.
    """
    module.train().requires_grad_(True)
    for part in waiting:
        part.requires_grad_(False)
        for norm in part.modules():
            if isinstance(norm, _BatchNorm):
                norm.eval()  # else its statistics would move
    for part in resting_parts(module):
        part.eval().requires_grad_(False)
