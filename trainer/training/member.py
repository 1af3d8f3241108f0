"""Train one member.

A member starts from ImageNet weights and differs from its siblings by its seed alone, which decides
head, order, augmentation and dropout.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

import torch
from accelerate import Accelerator
from torch import Tensor, nn

from awarenet.errors import SettingsError
from awarenet.zoo import create_model
from trainer.batches.samples import Samples
from trainer.experiments import Experiment
from trainer.json_files import write_json
from trainer.launch import is_first
from trainer.manifest import read_manifest
from trainer.settings import TrainSettings
from trainer.stamps import content_hash, is_made
from trainer.starting_weights import RANDOM_START, START_FILE, load_starting_weights
from trainer.tracking import open_tracker
from trainer.training.checkpoints import STATE, save_weights, tidy
from trainer.training.devices import create_accelerator
from trainer.training.feeding import feed
from trainer.training.loop import run
from trainer.training.losses import Loss, member_loss
from trainer.training.optimizers import HEADS, Group, network_groups
from trainer.training.scoring import weights_path
from trainer.training.validation import make_validation

log = logging.getLogger(__name__)

# of [train]; where and how a member is trained, not what comes out
NOT_IN_THE_WEIGHTS = {
    "families", "workers", "threads", "packages", "loaders", "checkpointing"
}  # fmt: skip
# what decides when a training stops
OF_STOPPING = {"patience", "min_delta", "min_epochs"}


def train_member(experiment: Experiment, family: str, index: int) -> Path:
    """Train a member, or go on where its last checkpoint ends; skips one that is there.

    Under `torchrun` every process calls this, with [data] run on a disk that all of them share.

    Returns:
        Path of its weights, `model.safetensors`, fp32.

    Raises:
        AwareNetError: No data, no starting weights, or whatever stops the loop; see `loop.run`.
    """
    train, spec = experiment.train(family), experiment.spec(family)
    seed = experiment.seed(family, index)
    finished = weights_path(experiment, family, index, together=False)
    folder = finished.parent
    folder.mkdir(parents=True, exist_ok=True)
    accelerator = create_accelerator(train.threads)
    made_of = {
        **learned_from(experiment, train),
        "member": {"family": family, "seed": seed, "fed": [spec.side, *spec.mean, *spec.std]},
    }
    with accelerator.main_process_first():
        made = is_made(finished, made_of, again=False)
        if accelerator.is_main_process:
            tidy(folder, done=made)
    if made:
        log.info("train: %s is there, skipped", folder.name)
        return finished
    torch.manual_seed(seed)
    network = create_model(family, dropout=train.dropout)
    origin = RANDOM_START
    with accelerator.main_process_first():  # who fetches them for all
        if train.start == "packaged":
            origin = load_starting_weights(network, family, Path(train.packages).expanduser())
    if accelerator.is_main_process and not (folder / STATE).exists():  # else it began before
        write_json(folder / START_FILE, {"start": origin})
    body = [part for name, part in network.named_children() if name not in HEADS]
    if train.head_epochs and len(body) == len(list(network.children())):
        raise SettingsError(
            f"[train] head_epochs = {train.head_epochs}, but {family} has no head of its own; "
            f"set families.{family}.head_epochs = 0"
        )
    if train.checkpointing:
        recompute_activations(network, family)
    network = network.to(accelerator.device, memory_format=torch.channels_last)
    weights = learn(
        accelerator, experiment, feed(network, spec),
        network_groups(network, train, train.head_factor),
        train=train, loss=member_loss, side=spec.side, seed=seed, folder=folder, body=body,
    )  # fmt: skip
    if accelerator.is_main_process:
        prefix = "network."
        save_weights(finished, {key.removeprefix(prefix): weights[key] for key in weights})
        tidy(folder, done=True)
    accelerator.wait_for_everyone()
    return finished


def learn(
    accelerator: Accelerator,
    experiment: Experiment,
    module: nn.Module,
    groups: Sequence[Group],
    *,
    train: TrainSettings,
    loss: Loss,
    side: int,
    seed: int,
    folder: Path,
    body: Sequence[nn.Module] = (),
) -> dict[str, Tensor]:
    """Run the loop over the crops of an experiment; arguments and result are those of `loop.run`.

    Args:
        accelerator: Of this process.
        experiment: Whose crops are trained and validated on.
        module: See `loop.run`.
        groups: See `loop.run`.
        train: See `loop.run`; also how batches are made.
        loss: See `loop.run`.
        side: Of the crops, px.
        seed: Of crops and dropout.
        folder: See `loop.run`.
        body: See `loop.run`.
    """
    settings = experiment.settings.model_copy(update={"train": train})
    rows = read_manifest(experiment.manifest)
    samples = Samples(
        experiment.rows(rows, "train"), experiment.run, settings,
        recipe=experiment.recipe, side=side, seed=seed,
    )  # fmt: skip
    validation = make_validation(
        experiment, experiment.rows(rows, "validation"), side,
        process=accelerator.process_index, processes=accelerator.num_processes,
    )  # fmt: skip
    del rows  # with their meshes; what is needed of them is held by now
    with following(experiment, folder.name) as track:
        return run(
            accelerator, module, groups, samples, validation, loss=loss, train=train, seed=seed,
            folder=folder, body=body, track=track,
        )  # fmt: skip


@contextmanager
def following(experiment: Experiment, name: str) -> Iterator[Callable[[dict, int], None] | None]:
    """Hand the learning curve of one training on to where [track] says; in the main process."""
    if not is_first():
        yield None
        return
    with closing(open_tracker(experiment.settings, f"{experiment.name}/{name}")) as tracker:
        yield tracker.log


def learned_from(experiment: Experiment, train: TrainSettings) -> dict[str, object]:
    """Everything in the settings that decides weights, for a stamp.

    Args:
        experiment: Whose crops are learned from.
        train: How.
    """
    settings, left_out = experiment.settings, set(NOT_IN_THE_WEIGHTS)
    if not train.patience:
        left_out |= OF_STOPPING
        if train.keep == "last":
            left_out.add("watch")
            if train.schedule != "plateau":
                left_out.add("check_every")
    return {
        "manifest": content_hash(experiment.manifest, "prepare"),
        "data": experiment.data,
        "recipe": experiment.recipe,
        "train": train.model_dump(mode="json", exclude=left_out),
        "scene_margin": settings.prepare.margin,
        "augment": settings.augment.model_dump(mode="json", exclude={"grid_columns"}),
        "held_out": settings.forge.held_out,
    }


def recompute_activations(network: nn.Module, family: str) -> None:
    """Let a network hold fewer activations and compute them twice, where it can."""
    try:
        network.set_grad_checkpointing(True)
    except (AttributeError, AssertionError, NotImplementedError):
        log.warning("train: %s cannot recompute activations; it goes on without", family)
