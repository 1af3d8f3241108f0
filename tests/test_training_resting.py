"""Networks of which a part never learns, and networks that learn from several votes."""

from __future__ import annotations

import copy
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from accelerate import Accelerator
from safetensors.torch import load_file
from sklearn.metrics import log_loss, roc_auc_score
from tiny_people import write_patterns
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from training_runs import SIDE, Drawn, capsule_in, curve, experiment_in, small_validation

from awarenet.errors import SettingsError
from awarenet.zoo import create_model, get_spec, preprocess
from trainer.settings import TrainSettings
from trainer.training import member
from trainer.training.feeding import Voting, feed
from trainer.training.loop import run
from trainer.training.losses import member_loss
from trainer.training.member import train_member
from trainer.training.optimizers import network_groups
from trainer.training.resting import resting_parts, wake
from trainer.training.scoring import outputs

SPEC = replace(get_spec("test_resnet"), side=SIDE)
FAMILY = "test_resnet"  # whose place the network below takes
FLAT = {"schedule": "constant", "warmup": 0.0, "head_factor": 1.0, "clip_norm": 0.0, "ema": 0.0,
        "label_smoothing": 0.0, "weight_decay": 0.0}  # fmt: skip


class Voters(nn.Module):
    """Three votes of two classes each, on features that are there from the start."""

    resting = ("front",)

    def __init__(self) -> None:
        super().__init__()
        self.front = nn.Sequential(
            nn.Conv2d(3, 6, 3, stride=4), nn.BatchNorm2d(6), nn.ReLU(), nn.Dropout(0.5)
        )
        self.voters = nn.Linear(6, 6)

    def votes(self, images: Tensor) -> Tensor:
        """Map (B, 3, side, side) to (B, 3) logits."""
        two = self.voters(self.front(images).mean(dim=(2, 3))).view(-1, 3, 2)
        return two[..., 1] - two[..., 0]

    def forward(self, images: Tensor) -> Tensor:
        """Map (B, 3, side, side) to (B, 1): the log-odds of the mean of the votes."""
        return self.votes(images).sigmoid().mean(dim=1, keepdim=True).logit(1e-6)


@pytest.fixture(autouse=True)
def on_the_cpu(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)


@pytest.fixture
def voters() -> Voters:
    torch.manual_seed(0)
    return Voters()


def train(network: nn.Module, folder: Path, **asked: object) -> dict[str, Tensor]:
    """Run the loop on a network that is fed like a member."""
    settings = TrainSettings(
        **{"steps": 3, "batch": 4, "check_every": 1, "learning_rate": 0.05, **FLAT, **asked}
    )
    folder.mkdir(exist_ok=True)
    return run(
        Accelerator(cpu=True), feed(network, SPEC), network_groups(network, settings, 1.0),
        Drawn(4), small_validation(), loss=member_loss, train=settings, seed=7, folder=folder,
    )  # fmt: skip


def by_hand(voters: Voters, steps: int, rate: float) -> Voters:
    """Plain momentum along the sum of the cross-entropies of all votes; the front as it was."""
    network = copy.deepcopy(voters).eval()
    optimizer = torch.optim.SGD(network.voters.parameters(), rate, momentum=0.9)
    for number in range(steps):
        batch = Drawn(4).batch(number)
        images = preprocess(torch.from_numpy(batch.crops), SPEC)
        with torch.no_grad():
            features = network.front(images).mean(dim=(2, 3))
        two, labels = network.voters(features).view(-1, 3, 2), torch.from_numpy(batch.labels).long()
        optimizer.zero_grad()
        sum(cross_entropy(two[:, vote], labels) for vote in range(3)).backward()
        optimizer.step()
    return network


@pytest.mark.parametrize("ema", [0.0, 0.5])
def test_what_rests_stays_as_it_was_and_the_rest_learns_from_every_vote(voters, tmp_path, ema):
    start = copy.deepcopy(voters.state_dict())
    expected = by_hand(voters, 3, 0.05).state_dict()
    found = train(voters, tmp_path, optimizer="sgd", precision="float32", ema=ema)
    for name, value in expected.items():
        if name.startswith("front") or not ema:  # an average of what stands still is the same
            torch.testing.assert_close(found[f"network.{name}"], value, rtol=1e-4, atol=1e-6)
    assert not torch.equal(found["network.voters.weight"], start["voters.weight"])


@pytest.mark.parametrize("optimizer", ["adamw", "adam", "sgd", "sam"])
def test_no_optimizer_moves_what_rests(voters, tmp_path, optimizer):
    start = copy.deepcopy(voters.state_dict())
    found = train(voters, tmp_path, optimizer=optimizer, weight_decay=0.3, clip_norm=1.0)
    for name, value in start.items():
        assert torch.equal(found[f"network.{name}"], value) is name.startswith("front")


def test_the_optimizer_does_not_hold_what_rests(voters):
    groups = network_groups(voters, TrainSettings(), 5.0)
    held = {id(parameter) for group in groups for parameter in group["params"]}
    assert held == {id(parameter) for parameter in voters.voters.parameters()}


def test_what_rests_gets_no_gradient_and_stays_in_eval_mode_wherever_it_is(voters):
    whole = nn.ModuleDict({"members": nn.ModuleList([voters, nn.Linear(2, 2)])})
    assert resting_parts(whole) == [voters.front]
    for waiting in ((), [voters.voters]):
        wake(whole, waiting)
        assert [module.training for module in voters.front.modules()] == [False] * 5
        assert whole.training
        assert voters.voters.training
        learning = {name for name, p in whole.named_parameters() if p.requires_grad}
        assert not any("front" in name for name in learning)
        assert ("members.0.voters.weight" in learning) is not waiting
        assert "members.1.weight" in learning


def test_a_name_of_a_part_that_there_is_not_is_a_mistake(voters):
    voters.resting = ("fornt",)
    with pytest.raises(AttributeError, match="fornt"):
        wake(voters)


def test_votes_are_given_in_training_and_one_logit_in_validation(voters):
    fed = feed(voters, SPEC)
    assert isinstance(fed, Voting)
    crops = torch.from_numpy(Drawn(4).batch(0).crops)
    assert fed.train()(crops).shape == (4, 3)
    votes = voters.eval().votes(preprocess(crops, SPEC))
    shares = votes.sigmoid().mean(dim=1)
    torch.testing.assert_close(fed.eval()(crops), (shares / (1 - shares)).log())
    assert not isinstance(feed(nn.Linear(1, 1), SPEC), Voting)


def test_validation_measures_the_one_logit_of_all_votes(voters, tmp_path):
    network = copy.deepcopy(voters)
    kept = train(network, tmp_path, steps=1)
    fed = feed(voters, SPEC)
    fed.load_state_dict(kept)
    validation = small_validation()
    logits = outputs(fed, validation.crops).astype(np.float64)
    [record] = curve(tmp_path)
    expected = log_loss(validation.labels, 1 / (1 + np.exp(-logits)))
    assert record["validation_loss"] == pytest.approx(expected, abs=2e-6)
    assert record["validation_auc"] == pytest.approx(roc_auc_score(validation.labels, logits))


def test_a_member_with_votes_is_trained_and_its_weights_are_its_own(tmp_path, monkeypatch):
    monkeypatch.setattr(member, "create_model", lambda family, dropout: Voters())
    manifest = write_patterns(tmp_path / "data", {"train": 3, "validation": 2}, side=96)
    experiment = experiment_in(tmp_path / "run", manifest, steps=2, ema=0.5)
    path = train_member(experiment, FAMILY, 0)
    torch.manual_seed(experiment.seed(FAMILY, 0))
    start, found = Voters().state_dict(), load_file(path)
    assert found.keys() == start.keys()
    for name, value in start.items():
        assert torch.equal(found[name], value) is name.startswith("front")


def test_a_capsule_network_that_was_broken_off_ends_in_the_very_same_weights(tmp_path, monkeypatch):
    manifest = write_patterns(tmp_path / "data", {"train": 3, "validation": 2}, side=96)
    options = {"steps": 4, "check_every": 2, "ema": 0.0}
    whole = capsule_in(tmp_path / "whole", manifest, **options)
    parts = capsule_in(tmp_path / "parts", manifest, **options)
    expected = load_file(train_member(whole, "capsule", 0))

    class Ended(Exception):
        pass

    calls = []

    def ends(logits, labels, weights, smoothing):
        calls.append(logits.shape)
        if calls.count((4, 4)) == 4:  # four votes on four crops, for the fourth time
            raise Ended
        return member_loss(logits, labels, weights, smoothing)

    with monkeypatch.context() as patch, pytest.raises(Ended):
        patch.setattr(member, "member_loss", ends)
        train_member(parts, "capsule", 0)
    found = load_file(train_member(parts, "capsule", 0))
    assert [record["step"] for record in curve(parts.member_folder("capsule", 0))] == [2, 4]
    assert all(torch.equal(value, found[name]) for name, value in expected.items())
    torch.manual_seed(whole.seed("capsule", 0))
    start = create_model("capsule").state_dict()
    for name, value in start.items():
        if value.is_floating_point():
            assert torch.equal(expected[name], value) is name.startswith("front"), name


def test_a_network_without_a_head_cannot_have_it_learn_first(tmp_path, monkeypatch):
    monkeypatch.setattr(member, "create_model", lambda family, dropout: Voters())
    manifest = write_patterns(tmp_path / "data", {"train": 3, "validation": 2}, side=96)
    experiment = experiment_in(tmp_path / "run", manifest, head_epochs=1)
    expected = rf"{FAMILY} has no head of its own; set families\.{FAMILY}\.head_epochs = 0"
    with pytest.raises(SettingsError, match=expected):
        train_member(experiment, FAMILY, 0)
