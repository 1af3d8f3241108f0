"""Train all members and the tier-2 weights together, as AWARE-NET's paper words it.

It starts from members that are trained alone and goes on with the same loop and [train], of which
a family's own recipe changes learning rate, weight decay and dropout: the gradient of the mixture's
log loss reaches every network and the families' weights. Their own rate is the head's, since
nothing has trained them yet; they are not decayed. Results lie in `together/` of the experiment,
beside the members as they were.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor, nn

from awarenet.combine import TwoTier
from awarenet.ensemble import Ensemble
from trainer.experiments import Experiment
from trainer.json_files import read_json, write_json
from trainer.stamps import content_hash, is_made, needed
from trainer.training.checkpoints import save_weights, tidy
from trainer.training.devices import create_accelerator
from trainer.training.losses import mixture_loss
from trainer.training.member import learn, learned_from, recompute_activations
from trainer.training.optimizers import network_groups
from trainer.training.scoring import load_member, weights_path

log = logging.getLogger(__name__)

RESULT = "together.json"


class Mixture(nn.Module):
    """An ensemble that gives its probability at once."""

    def __init__(self, ensemble: Ensemble):
        super().__init__()
        self.ensemble = ensemble

    def forward(self, crops: Tensor) -> Tensor:
        """Map (B, S, S, 3) uint8 RGB crops to (B,) probabilities, in float32 whatever autocast."""
        logits = self.ensemble(crops)
        with torch.autocast(crops.device.type, enabled=False):
            return self.ensemble.probability(logits.float())


def train_together(experiment: Experiment) -> Path:
    """Train members and tier 2 together; restartable as `train_member` is.

    Returns:
        Path of `together.json`: {"weights": family -> its share}. `load_member` with
        `together=True` loads the members that belong to it.

    Raises:
        AwareNetError: A member is not trained yet; no data; or whatever stops the loop.
    """
    train = experiment.settings.train
    recipes = {family: experiment.train(family) for family in experiment.families}
    folder = experiment.folder / "together"
    finished = folder / RESULT
    folder.mkdir(parents=True, exist_ok=True)
    accelerator = create_accelerator(train.threads)
    alone = {member: weights_path(experiment, *member, together=False)
             for member in experiment.members}  # fmt: skip
    made_of = {
        **learned_from(experiment, train),
        "families": {
            f: [own.learning_rate, own.weight_decay, own.dropout] for f, own in recipes.items()
        },
        "members": {path.parent.name: content_hash(path, "train") for path in alone.values()},
    }
    with accelerator.main_process_first():
        made = is_made(finished, made_of, again=False)
        if accelerator.is_main_process:
            tidy(folder, done=made)
    if made:
        log.info("train: %s is there, skipped", finished)
        return finished
    seed = max(experiment.seed(*member) for member in experiment.members) + 1
    mixture = Mixture(_ensemble(experiment)).to(
        accelerator.device, memory_format=torch.channels_last
    )
    weights = learn(
        accelerator, experiment, mixture, _groups(mixture.ensemble, experiment),
        train=train, loss=mixture_loss, side=experiment.side, seed=seed, folder=folder,
    )  # fmt: skip
    if accelerator.is_main_process:
        _save(experiment, weights, finished)
        tidy(folder, done=True)
    accelerator.wait_for_everyone()
    return finished


def read_together(experiment: Experiment) -> dict[str, float]:
    """Tier-2 weights that were trained together with the members: family -> its share.

    Raises:
        AwareNetError: They are not trained yet.
    """
    path = needed(experiment.folder / "together" / RESULT, "train")
    return read_json(path)["weights"]


def _ensemble(experiment: Experiment) -> Ensemble:
    """Trained members, with their dropout, under equal weights."""
    members: dict[str, list[nn.Module]] = {family: [] for family in experiment.families}
    for family, index in experiment.members:
        train = experiment.train(family)
        network = load_member(experiment, family, index, together=False, dropout=train.dropout)
        if train.checkpointing:
            recompute_activations(network, family)
        members[family].append(network)
    specs = {family: experiment.spec(family) for family in experiment.families}
    return Ensemble(members, TwoTier(len(members)), specs)


def _groups(ensemble: Ensemble, experiment: Experiment) -> list:
    """Parameter groups of all networks, and one of the tier-2 weights."""
    train = experiment.settings.train
    groups = [
        group
        for family, networks in ensemble.members.items()
        for network in networks
        for group in network_groups(network, experiment.train(family), head=1.0)  # trained by now
    ]
    tier_2 = {
        "params": list(ensemble.combiner.parameters()),
        "peak": train.learning_rate * train.head_factor,
        "weight_decay": 0.0,
    }
    return [*groups, tier_2]


def _save(experiment: Experiment, weights: Mapping[str, Tensor], finished: Path) -> None:
    """Write each member's weights, then the file that says that all are there."""
    for family, index in experiment.members:
        prefix = f"ensemble.members.{family}.{index}."
        own = {key.removeprefix(prefix): weights[key] for key in weights if key.startswith(prefix)}
        save_weights(weights_path(experiment, family, index, together=True), own)
    shares = weights["ensemble.combiner.raw_weights"].softmax(dim=0).tolist()
    write_json(finished, {"weights": dict(zip(experiment.families, shares, strict=True))})
