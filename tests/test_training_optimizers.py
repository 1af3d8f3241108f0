"""Parameter groups and optimizers; SAM against its paper's algorithm, by hand."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from training_runs import Drawn, Small, train_small

from awarenet.zoo import create_model
from trainer.settings import TrainSettings
from trainer.training.losses import member_loss
from trainer.training.optimizers import HEADS, create_optimizer, network_groups, set_rates
from trainer.training.step import SAM_RADIUS

FLAT = {"schedule": "constant", "warmup": 0.0, "clip_norm": 0.0, "label_smoothing": 0.0}


def one_parameter(optimizer: str, **train: object) -> torch.optim.Optimizer:
    """Optimizer of one weight matrix."""
    settings = TrainSettings(optimizer=optimizer, learning_rate=0.1, **train)
    weight = torch.nn.Parameter(torch.full((2, 2), 3.0))
    groups = [{"params": [weight], "peak": 0.1, "weight_decay": settings.weight_decay}]
    return create_optimizer(groups, settings)


@pytest.mark.parametrize("family", ["test_efficientnet", "test_resnet", "mobilenet_v2"])
def test_the_head_learns_faster_and_vectors_do_not_decay(family):
    train = TrainSettings(learning_rate=1e-3, head_factor=5, weight_decay=0.02)
    network = create_model(family)
    named = {id(parameter): name for name, parameter in network.named_parameters()}
    found = {
        named[id(parameter)]: (group["peak"], group["weight_decay"])
        for group in network_groups(network, train, train.head_factor)
        for parameter in group["params"]
    }
    assert found.keys() == dict(network.named_parameters()).keys()
    for name, parameter in network.named_parameters():
        head = name in ("classifier.weight", "classifier.bias", "fc.weight", "fc.bias")
        decay = 0.02 if parameter.ndim > 1 else 0.0
        assert found[name] == (pytest.approx(5e-3 if head else 1e-3), decay)
    assert sum(peak > 2e-3 for peak, _ in found.values()) == 2  # weight and bias


def test_every_head_of_the_zoo_is_known_by_name():
    for family in ("test_efficientnet", "test_resnet", "mobilenet_v2", "xception"):
        names = [name for name, _ in create_model(family).named_children()]
        assert names[-1] in HEADS


@pytest.mark.parametrize(
    ("name", "options", "oracle"),
    [
        ("adamw", {}, lambda p: torch.optim.AdamW(p, 0.1, weight_decay=0.3, foreach=False)),
        ("adam", {}, lambda p: torch.optim.Adam(p, 0.1, weight_decay=0.3, foreach=False)),
        ("adam", {"betas": (0.5, 0.9)},
         lambda p: torch.optim.Adam(p, 0.1, (0.5, 0.9), weight_decay=0.3, foreach=False)),
        ("adamw", {"betas": (0.5, 0.9)},
         lambda p: torch.optim.AdamW(p, 0.1, (0.5, 0.9), weight_decay=0.3, foreach=False)),
        ("sgd", {}, lambda p: torch.optim.SGD(p, 0.1, momentum=0.9, weight_decay=0.3)),
    ],
)  # fmt: skip
def test_an_optimizer_moves_as_torchs_plain_one_does(name, options, oracle):
    optimizer = one_parameter(name, weight_decay=0.3, **options)
    weight = optimizer.param_groups[0]["params"][0]
    plain = torch.nn.Parameter(weight.detach().clone())
    other = oracle([plain])
    for step in range(5):
        gradient = torch.tensor([[1.0, -2.0], [0.5, step]])
        for parameter, one in ((weight, optimizer), (plain, other)):
            parameter.grad = gradient.clone()
            one.step()
    torch.testing.assert_close(weight, plain)


def test_rates_are_set_as_shares_of_each_groups_peak():
    optimizer = one_parameter("sgd")
    optimizer.add_param_group({"params": [torch.nn.Parameter(torch.zeros(1))], "peak": 0.5})
    set_rates(optimizer, 0.1)
    assert [group["lr"] for group in optimizer.param_groups] == pytest.approx([0.01, 0.05])


@pytest.mark.parametrize("accumulate", [1, 2])
def test_sam_goes_along_the_gradient_at_the_worst_point_nearby(tmp_path, accumulate):
    torch.manual_seed(0)
    module = Small(norm=False)
    parameters = {name: value.detach().clone() for name, value in module.named_parameters()}
    summed = {name: torch.zeros_like(value) for name, value in parameters.items()}
    for number in range(accumulate):
        batch = Drawn().batch(number)

        def gradients(at, batch=batch):
            at = {name: value.clone().requires_grad_() for name, value in at.items()}
            logits = torch.func.functional_call(module, at, torch.from_numpy(batch.crops))
            loss = member_loss(logits, torch.from_numpy(batch.labels), torch.ones(4), 0.0)
            return dict(zip(at, torch.autograd.grad(loss, list(at.values())), strict=True))

        slope = gradients(parameters)
        length = np.sqrt(sum(float(one.square().sum()) for one in slope.values()))
        worst = {name: w + SAM_RADIUS * slope[name] / length for name, w in parameters.items()}
        for name, value in gradients(worst).items():
            summed[name] += value / accumulate
    found = train_small(
        module, tmp_path, optimizer="sam", steps=1, accumulate=accumulate, learning_rate=0.5,
        head_factor=1.0, weight_decay=0.0, **FLAT,
    )  # fmt: skip
    for name, value in parameters.items():
        torch.testing.assert_close(found[name], value - 0.5 * summed[name])


def test_sams_second_look_leaves_the_running_statistics_alone(tmp_path):
    torch.manual_seed(0)
    modules = [Small(), Small()]
    modules[1].load_state_dict(modules[0].state_dict())
    norms = [
        train_small(module, tmp_path / name, optimizer=name, steps=1)["body.1.running_mean"]
        for module, name in zip(modules, ("sgd", "sam"), strict=True)
    ]
    torch.testing.assert_close(*norms)
