"""The training loop, in the open: from starting weights to those that are kept.

It is the same for one member and for all of them together, in one process or in many. A step's
batches follow from the seed and their number, and everything else that it depends on lies in the
checkpoint; so a run that is killed and started again ends in the same weights.
"""

from __future__ import annotations

import gc
import logging
import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import torch
from accelerate import Accelerator
from accelerate.utils import gather_object
from timm.utils import ModelEmaV3
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from awarenet.errors import AwareNetError, SettingsError
from trainer.batches.samples import Batch, Samples
from trainer.settings import TrainSettings
from trainer.training.batch_norm import RunningStatistics
from trainer.training.checkpoints import STATE, Progress, load_state, save_state, write_curve
from trainer.training.devices import choose_precision, out_of_memory
from trainer.training.losses import Loss
from trainer.training.optimizers import Group, create_optimizer, set_rates
from trainer.training.resting import wake
from trainer.training.schedules import rate_factor
from trainer.training.step import Tools, take_step
from trainer.training.stopping import watched
from trainer.training.validation import Validation, validate

log = logging.getLogger(__name__)

NAMED = 8  # clips that an error names


@dataclass(frozen=True)
class Plan:
    """What happens in which step."""

    steps: int
    epoch_steps: float  # steps an epoch
    head_steps: int  # first steps, in which only the head learns
    check_every: int  # steps


class Stateful(Protocol):
    """Whatever can be kept in a checkpoint."""

    def state_dict(self) -> dict:
        """Give everything that it depends on."""

    def load_state_dict(self, state_dict: dict) -> object:
        """Go back to that."""


def make_plan(train: TrainSettings, batches_per_epoch: int, processes: int) -> Plan:
    """Count steps.

    Raises:
        SettingsError: Neither steps nor epochs are set.
    """
    if not train.steps and not train.epochs:
        raise SettingsError("[train] steps and epochs are both 0; set one of them")
    epoch_steps = max(batches_per_epoch / (train.accumulate * processes), 1e-6)
    return Plan(
        steps=train.steps or max(round(train.epochs * epoch_steps), 1),
        epoch_steps=epoch_steps,
        head_steps=round(train.head_epochs * epoch_steps),
        check_every=train.check_every or max(round(epoch_steps), 1),
    )


def run(
    accelerator: Accelerator,
    module: nn.Module,
    groups: Sequence[Group],
    samples: Samples,
    validation: Validation,
    *,
    loss: Loss,
    train: TrainSettings,
    seed: int,
    folder: Path,
    body: Sequence[nn.Module] = (),
    track: Callable[[dict, int], None] | None = None,
) -> dict[str, Tensor]:
    """Train a module, or go on where its last checkpoint ends.

    Args:
        accelerator: Of this process.
        module: Maps (B, S, S, 3) uint8 crops to what the loss takes, in eval mode to (B,); on the
            accelerator's device; changed.
        groups: Its parameters, as `optimizers.create_optimizer` takes them.
        samples: Its training crops.
        validation: This process's part.
        loss: What is made small, of what the module gives.
        train: Everything else.
        seed: Of dropout.
        folder: That checkpoint and learning curve are kept in; its name stands in messages.
        body: Modules that wait while only the head learns.
        track: Is given every new record of the learning curve and its step, in the main process.

    Returns:
        State dict of `module` to keep: averaged or not, best or last, as [train] says.

    Raises:
        AwareNetError: A loss that is not finite, too little memory, a disk that is full, a crop
            that cannot be read, or processes that do not see the same folder.
    """
    device, world = accelerator.device, accelerator.num_processes
    plan = make_plan(train, samples.batches_per_epoch, world)
    precision = choose_precision(train.precision, device)
    if train.optimizer == "sam" and precision is torch.float16:
        raise SettingsError("[train] optimizer = 'sam' with float16; set precision = 'bfloat16'")
    average = ModelEmaV3(module, decay=train.ema, use_warmup=True) if train.ema else None
    kept = average.module if average else module  # what is validated and saved
    optimizer = create_optimizer(groups, train)
    scaler = torch.amp.GradScaler(device.type, enabled=precision is torch.float16)
    statistics = RunningStatistics(module, accelerator)
    tools = Tools(accelerator, optimizer, scaler, statistics, loss, precision, train, seed)
    parts = {"module": module, "kept": kept, "optimizer": optimizer, "scaler": scaler}
    progress = _resume(accelerator, folder, parts)
    coming = _micro_batches(accelerator, samples, train, progress.step, plan.steps)
    wrapped, unchecked, losses, since = None, [], [], time.monotonic()
    while progress.step < plan.steps and not progress.stopped:
        step = progress.step
        if wrapped is None or step == plan.head_steps:
            del wrapped
            wrapped = _wrap(accelerator, module, body if step < plan.head_steps else ())
            statistics.begin()
        factor = rate_factor(train, step, steps=plan.steps, epoch_steps=plan.epoch_steps)
        set_rates(optimizer, factor * progress.plateau.share)
        try:
            found = take_step(tools, module, wrapped, coming)
        except torch.OutOfMemoryError as error:
            raise out_of_memory(folder.name, device, train) from error
        if average:
            average.update(module, step)
        _check(folder.name, step - 1, unchecked)  # a step late, so that a GPU is not waited for
        unchecked, losses = found, [*losses, *(value for value, _ in found)]
        progress.step = step + 1
        if progress.step % plan.check_every and progress.step < plan.steps:
            continue
        _check(folder.name, step, unchecked)
        mean = np.mean(gather_object([float(torch.stack(losses).mean())]))
        rate = len(losses) * world * train.batch / (time.monotonic() - since)
        validation_loss, auc = validate(kept, validation, loss, accelerator, batch=train.batch)
        progress.seconds += time.monotonic() - since
        record = {
            "step": progress.step,
            "epoch": round(progress.step / plan.epoch_steps, 3),
            "loss": round(float(mean), 6),
            "validation_loss": round(validation_loss, 6),
            "validation_auc": round(auc, 6),
            "learning_rate": optimizer.param_groups[0]["lr"],
            "images_a_second": round(rate, 1),
            "seconds": round(progress.seconds, 1),
        }
        _take_in(record, progress, train, kept, folder.name)
        if accelerator.is_main_process:
            save_state(folder, progress, {name: part.state_dict() for name, part in parts.items()})
            if track:
                track(record, progress.step)
        unchecked, losses, since = [], [], time.monotonic()
    coming.close()
    accelerator.wait_for_everyone()
    return progress.best_weights or kept.state_dict()


def _resume(accelerator: Accelerator, folder: Path, parts: Mapping[str, Stateful]) -> Progress:
    """Load the last checkpoint, where there is one, and bring the learning curve in line with it.

    Raises:
        AwareNetError: Processes found different ones, or one of another number of processes.
    """
    progress, states = load_state(folder)
    steps = gather_object([progress.step])
    if len(set(steps)) > 1:
        raise AwareNetError(
            f"{folder.name}: the processes found checkpoints of the steps {steps}; "
            "[data] run must be a folder that all machines share"
        )
    if progress.step and progress.processes != accelerator.num_processes:
        raise AwareNetError(
            f"{folder / STATE} is of a training by {progress.processes} processes, "
            f"{accelerator.num_processes} came; start as many, or delete it to begin anew"
        )
    progress.processes = accelerator.num_processes
    for name, state in states.items():
        parts[name].load_state_dict(state)
    if accelerator.is_main_process:
        write_curve(folder, progress)
    if progress.step:
        log.info("train: %s goes on at step %d", folder.name, progress.step)
    return progress


def _micro_batches(
    accelerator: Accelerator, samples: Samples, train: TrainSettings, start: int, stop: int
) -> Iterator[tuple[int, Batch]]:
    """Batches of this process with their numbers, from step `start` to `stop` - 1.

    Step by step the numbers of all processes together go up by one, so that two processes see what
    one with twice the accumulation would.
    """
    world, own = accelerator.num_processes, accelerator.process_index
    micro = range(start * train.accumulate, stop * train.accumulate)
    numbers = [place * world + own for place in micro]
    yield from zip(numbers, samples.follow(numbers, train.loaders), strict=True)


def _wrap(accelerator: Accelerator, module: nn.Module, waiting: Sequence[nn.Module]) -> nn.Module:
    """Get a module ready to learn, apart from what waits; average its gradients over processes."""
    wake(module, waiting)
    if accelerator.num_processes == 1:
        return module
    gc.collect()  # an older wrapping of the same module would go on hooking its gradients
    device = accelerator.device
    return DistributedDataParallel(
        module,
        device_ids=[device] if device.type == "cuda" else None,
        broadcast_buffers=False,  # `batch_norm.py` sees to them
    )


def _check(name: str, step: int, losses: Sequence[tuple[Tensor, Batch]]) -> None:
    """Stop at a loss that is not finite.

    Raises:
        AwareNetError: Names the step and some clips of the batch.
    """
    for loss, batch in losses:
        if not math.isfinite(value := float(loss)):
            clips = list(dict.fromkeys(batch.clips))
            more = f" and {len(clips) - NAMED} more" if len(clips) > NAMED else ""
            raise AwareNetError(
                f"{name}: the loss of step {step} is {value}, of clips "
                f"{', '.join(clips[:NAMED])}{more}; look at them, or lower [train] learning_rate"
            )


def _take_in(
    record: dict[str, float], progress: Progress, train: TrainSettings, kept: nn.Module, name: str
) -> None:
    """Note a validation: whether its weights are the best so far, and whether to stop.

    Raises:
        AwareNetError: A network's output was not finite.
    """
    log.info("train: %s %s", name, record)
    if not math.isfinite(record["validation_loss"]):
        raise AwareNetError(
            f"{name}: outputs on validation crops after step {record['step']} are not finite; "
            "lower [train] learning_rate"
        )
    value = watched(train, record["validation_loss"], record["validation_auc"])
    if train.keep == "best" and value > progress.watch.best:
        weights = kept.state_dict()
        progress.best_weights = {key: weights[key].detach().cpu().clone() for key in weights}
    if train.schedule == "plateau":
        progress.plateau = progress.plateau.after(record["validation_loss"], train)
    progress.watch = progress.watch.after(value, train.min_delta)
    progress.stopped = progress.watch.is_over(train, record["epoch"])
    progress.curve.append(record)
    if progress.stopped:
        log.info("train: %s stops early, after step %d", name, record["step"])
