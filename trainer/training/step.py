"""One optimizer step: the gradients of its micro-batches, clipped, and the move along them.

A micro-batch is what one process sees at once. Its number since the start of training decides its
pictures and its dropout, whoever computes it.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from accelerate import Accelerator
from accelerate.utils import set_seed
from torch import Tensor, nn
from torch.optim import Optimizer

from trainer.batches.samples import Batch
from trainer.settings import TrainSettings
from trainer.training.batch_norm import RunningStatistics
from trainer.training.losses import Loss

# How far SAM looks for a worse point: rho of Foret et al., Sharpness-Aware Minimization, 2021,
# https://arxiv.org/abs/2010.01412. 0.05 is the default of https://github.com/davda54/sam
SAM_RADIUS = 0.05


@dataclass(frozen=True)
class Tools:
    """What every step of a training uses."""

    accelerator: Accelerator
    optimizer: Optimizer
    scaler: torch.amp.GradScaler  # does nothing unless the precision is float16
    statistics: RunningStatistics
    loss: Loss
    precision: torch.dtype
    train: TrainSettings
    seed: int


def take_step(
    tools: Tools, module: nn.Module, wrapped: nn.Module, batches: Iterator[tuple[int, Batch]]
) -> list[tuple[Tensor, Batch]]:
    """Learn from [train] accumulate micro-batches.

    Args:
        tools: Of the training.
        module: What is trained; maps (B, S, S, 3) uint8 crops to what the loss takes.
        wrapped: The same, averaging gradients over processes.
        batches: The micro-batches of this process, each with its number.

    Returns:
        Loss of each, on the device, without waiting for it; and the micro-batch.
    """
    train, scaler, optimizer = tools.train, tools.scaler, tools.optimizer
    losses = []
    for micro in range(train.accumulate):
        number, batch = next(batches)
        last = micro + 1 == train.accumulate
        waiting = contextlib.nullcontext() if last else tools.accelerator.no_sync(wrapped)
        with waiting:
            losses.append((_backward(tools, module, wrapped, number, batch), batch))
    scaler.unscale_(optimizer)
    if train.clip_norm > 0:
        nn.utils.clip_grad_norm_(module.parameters(), train.clip_norm)
    scaler.step(optimizer)
    scaler.update()
    optimizer.zero_grad(set_to_none=True)
    tools.statistics.commit()
    return losses


def _backward(
    tools: Tools, module: nn.Module, wrapped: nn.Module, number: int, batch: Batch
) -> Tensor:
    """Add a micro-batch's gradients to those that are there."""
    device = tools.accelerator.device
    crops, labels, weights = (_to(values, device) for values in batch[:3])

    def loss_of(network: nn.Module) -> Tensor:
        set_seed(micro_seed(tools.seed, number))  # dropout
        with torch.autocast(device.type, tools.precision, tools.precision is not torch.float32):
            found = network(crops)
        return tools.loss(found, labels, weights, tools.train.label_smoothing)

    if tools.train.optimizer != "sam":
        loss = loss_of(wrapped)
        tools.scaler.scale(loss / tools.train.accumulate).backward()
        tools.statistics.collect()
        return loss.detach()
    loss = loss_of(module)
    with _worst_nearby(loss, [p for p in module.parameters() if p.requires_grad]):
        tools.statistics.collect()  # before the second pass, which sees other weights
        (loss_of(wrapped) / tools.train.accumulate).backward()
    return loss.detach()


@contextlib.contextmanager
def _worst_nearby(loss: Tensor, parameters: list[nn.Parameter]) -> Iterator[None]:
    """Move weights to where the loss is highest within `SAM_RADIUS`, to first order; then back.

    Each micro-batch looks for its own point, in every process: the paper's m-sharpness.
    """
    gradients = torch.autograd.grad(loss, parameters)
    norm = torch.linalg.vector_norm(torch.stack(torch._foreach_norm(gradients)))
    before = [parameter.detach().clone() for parameter in parameters]
    with torch.no_grad():
        torch._foreach_add_(parameters, torch._foreach_mul(gradients, SAM_RADIUS / (norm + 1e-12)))
    yield
    with torch.no_grad():
        torch._foreach_copy_(parameters, before)


def micro_seed(seed: int, number: int) -> int:
    """Seed of everything random in a micro-batch's forward pass, 0 to 2**32 - 1."""
    return int(np.random.SeedSequence([seed, 6, number]).generate_state(1)[0])


def _to(values: np.ndarray, device: torch.device) -> Tensor:
    """Move an array to the device; to a GPU without waiting."""
    tensor = torch.from_numpy(values)
    if device.type == "cuda":
        return tensor.pin_memory().to(device, non_blocking=True)
    return tensor.to(device)
