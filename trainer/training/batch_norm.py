"""Running statistics of batch norms that do not depend on how a step is divided.

Torch moves them once a forward pass: with two micro-batches twice, with two processes once in each,
each its own way, and with recomputed activations once more. Here they move once a step, toward the
mean over all micro-batches of all processes, by as much as torch's own would have in total. With
one micro-batch that is torch's own rule.
"""

from __future__ import annotations

import torch
from accelerate import Accelerator
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm


class RunningStatistics:
    """Those of a network's batch norms while it is trained."""

    def __init__(self, module: nn.Module, accelerator: Accelerator):
        """Take the norms over: from now on a forward pass leaves its own statistics in them.

        Args:
            module: With or without batch norms.
            accelerator: Knows the processes.
        """
        self.accelerator = accelerator
        self.norms = [(m, m.momentum) for m in module.modules() if _has_moving_average(m)]
        for norm, _ in self.norms:
            norm.momentum = 1.0

    def begin(self) -> None:
        """Start from what stands in the norms that are in training mode; others stay untouched."""
        learning = [(norm, momentum) for norm, momentum in self.norms if norm.training]
        self.buffers = [b for norm, _ in learning for b in (norm.running_mean, norm.running_var)]
        self.momenta = [momentum for _, momentum in learning for _ in range(2)]
        self.kept = [buffer.clone() for buffer in self.buffers]
        self.sums = [torch.zeros_like(buffer) for buffer in self.buffers]
        self.passes = 0

    @torch.no_grad()
    def collect(self) -> None:
        """Take what a forward pass, and the backward pass after it, left in the norms."""
        self.passes += 1
        if self.buffers:
            torch._foreach_add_(self.sums, self.buffers)

    @torch.no_grad()
    def commit(self) -> None:
        """End a step: move the statistics toward the mean of what was collected in it."""
        if self.buffers:
            passes = self.passes * self.accelerator.num_processes
            shares = [1 - (1 - momentum) ** passes for momentum in self.momenta]
            torch._foreach_lerp_(self.kept, self._over_processes(passes), shares)
            torch._foreach_copy_(self.buffers, self.kept)
            torch._foreach_zero_(self.sums)
        self.passes = 0

    def _over_processes(self, passes: int) -> list[Tensor]:
        """Mean over the step's passes in all processes."""
        sums = self.sums
        if self.accelerator.num_processes > 1:
            flat = self.accelerator.reduce(torch.cat(sums), "sum")
            sums = flat.split([len(one) for one in sums])
        return torch._foreach_div(sums, float(passes))


def _has_moving_average(module: nn.Module) -> bool:
    """Whether it is a batch norm that keeps a moving average, as nearly all do."""
    return (
        isinstance(module, _BatchNorm)
        and module.running_mean is not None
        and module.momentum is not None
    )
