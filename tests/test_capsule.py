"""Capsule-Forensics: routing and capsules against plain loops, votes, what is random and when."""

import copy

import numpy as np
import pytest
import torch
from torch import nn

from awarenet.nets.capsule import CapsuleForensics, PrimaryCapsules, Routing, squash


def squash_loop(vector: np.ndarray) -> np.ndarray:
    length = np.linalg.norm(vector)
    return vector * 0 if length == 0 else length**2 / (1 + length**2) * vector / length


def route_loop(weights: np.ndarray, capsules: np.ndarray) -> np.ndarray:
    """Route one picture's (10, 8) capsules by (2, 10, 4, 8) weights, number by number."""
    classes, number, votes, _ = weights.shape
    outcome = np.zeros((classes, votes))
    for c in range(classes):
        said = np.zeros((number, votes))
        for n in range(number):
            for v in range(votes):
                said[n, v] = sum(weights[c, n, v, d] * capsules[n, d] for d in range(8))
        logits = np.zeros((number, votes))
        for iteration in range(2):
            total = np.zeros(votes)
            for v in range(votes):
                raised = [np.exp(logits[n, v]) for n in range(number)]
                for n in range(number):
                    total[v] += raised[n] / sum(raised) * said[n, v]
            outcome[c] = squash_loop(total)
            if iteration == 0:
                for n in range(number):
                    for v in range(votes):
                        logits[n, v] += said[n, v] * outcome[c, v]
    return outcome


def one_capsule(primary: PrimaryCapsules, index: int) -> nn.Module:
    """Cut one capsule's layers out of the groups, as plain modules."""

    def part(layer: nn.Module, built: nn.Module) -> nn.Module:
        for name, value in built.state_dict().items():
            if value.ndim:
                given = layer.state_dict()[name]
                size = len(given) // 10
                value.copy_(given[index * size : (index + 1) * size])
        return built.eval()

    return nn.ModuleList(
        [
            part(primary.conv1, nn.Conv2d(6, 64, 3, padding=1)),
            part(primary.bn1, nn.BatchNorm2d(64)),
            part(primary.conv2, nn.Conv2d(64, 16, 3, padding=1)),
            part(primary.bn2, nn.BatchNorm2d(16)),
            part(primary.conv3, nn.Conv1d(2, 8, 5, stride=2, padding=2)),
            part(primary.bn3, nn.BatchNorm1d(8)),
            part(primary.conv4, nn.Conv1d(8, 1, 3, padding=1)),
            part(primary.bn4, nn.BatchNorm1d(1)),
        ]
    )


def test_routing_is_that_of_a_plain_loop():
    torch.manual_seed(1)
    routing = Routing().eval()
    capsules = torch.randn(3, 10, 8)
    found = routing(capsules).detach().numpy()
    expected = [route_loop(routing.weights.detach().numpy(), each.numpy()) for each in capsules]
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_grouped_capsules_are_ten_networks_of_their_own():
    torch.manual_seed(2)
    primary = PrimaryCapsules(channels=6).eval()
    with torch.no_grad():
        for layer in primary.children():  # running statistics too, so that all of them matter
            for name, value in layer.state_dict().items():
                if name in {"running_mean", "bias"}:
                    value.normal_(0, 0.1)
                elif name == "running_var":
                    value.uniform_(0.5, 2)
        features = torch.randn(3, 6, 9, 7)
        stacked = []
        for index in range(10):
            conv1, bn1, conv2, bn2, conv3, bn3, conv4, bn4 = one_capsule(primary, index)
            maps = bn2(conv2(bn1(conv1(features)).relu())).relu().numpy()  # (3, 16, 9, 7)
            mean = maps.mean(axis=(2, 3))
            deviation = maps.std(axis=(2, 3), ddof=1)
            numbers = torch.from_numpy(np.stack([mean, deviation], axis=1))  # (3, 2, 16)
            stacked.append(bn4(conv4(bn3(conv3(numbers))))[:, 0].numpy())  # (3, 8)
        loose = np.stack(stacked, axis=2)  # (3, 8, 10)
        expected = np.apply_along_axis(squash_loop, 2, loose).transpose(0, 2, 1)
        np.testing.assert_allclose(primary(features).numpy(), expected, atol=1e-5)


def test_squash_shortens_to_less_than_one_and_keeps_the_direction():
    vectors = torch.randn(50, 4, dtype=torch.float64) * 3
    expected = np.stack([squash_loop(vector) for vector in vectors.numpy()])
    found = squash(vectors, dim=1)
    np.testing.assert_allclose(found.numpy(), expected, atol=1e-12)
    assert found.norm(dim=1).max() < 1


def test_a_vector_of_zeros_stays_one_and_has_a_gradient():
    vectors = torch.zeros(2, 4, requires_grad=True)
    found = squash(vectors, dim=1)
    assert torch.equal(found, torch.zeros(2, 4))
    found.sum().backward()
    assert vectors.grad.isfinite().all()


def test_the_logit_is_that_of_the_mean_of_the_votes_softmax():
    torch.manual_seed(3)
    network = CapsuleForensics().eval()
    network.routing.weights.data *= 3
    images = torch.randn(4, 3, 32, 32) * 2
    with torch.no_grad():
        classes = network.routing(network.capsules(network.front(images)))  # (4, 2, 4)
        expected = classes.softmax(dim=1)[:, 1].mean(dim=1)
        found, votes = network(images), network.votes(images)
    assert (found.shape, votes.shape) == ((4, 1), (4, 4))
    torch.testing.assert_close(found[:, 0].sigmoid(), expected)
    torch.testing.assert_close(votes.sigmoid(), classes.softmax(dim=1)[:, 1])


def test_no_loss_of_the_votes_is_below_what_their_length_allows():
    lengths = torch.full((1, 2, 4), 0.5)  # of length 1, which squash does not quite reach
    lengths[:, 0] *= -1
    votes = lengths[:, 1] - lengths[:, 0]
    floor = nn.functional.softplus(-votes).sum()
    assert float(floor) == pytest.approx(1.2530, abs=1e-4)
    worse = nn.functional.softplus(-2 * nn.functional.normalize(torch.rand(1000, 4), dim=1))
    assert worse.sum(dim=1).min() >= floor


def test_the_front_rests_in_training_and_the_rest_does_not():
    network = CapsuleForensics().train()
    assert not network.front.training
    assert network.capsules.training
    assert network.routing.training
    learning = sum(value.numel() for value in network.parameters() if value.requires_grad)
    resting = sum(value.numel() for value in network.front.parameters())
    assert (learning, resting) == (1_571_070, 2_325_568)
    assert {name.split(".")[0] for name, value in network.named_parameters()} - set(
        network.resting
    ) == {"capsules", "routing"}


def test_training_is_noisy_by_torchs_generator_and_repeats_with_it():
    torch.manual_seed(4)
    routing = Routing().train()
    capsules = torch.randn(2, 10, 8)
    found = []
    for seed in (7, 7, 8):
        torch.manual_seed(seed)
        found.append(routing(capsules).detach())
    assert torch.equal(found[0], found[1])
    assert not torch.equal(found[0], found[2])


def test_what_training_leaves_out_is_not_made_up_for():
    torch.manual_seed(5)
    routing = Routing()
    routing.weights.data.fill_(1e-3)
    capsules = torch.ones(4000, 10, 8)
    with torch.no_grad():
        plain = routing.eval()(capsules)
        routing.weights.data.fill_(1e-3)
        torch.manual_seed(6)
        noise = 0.01 * torch.randn_like(routing.weights)
        noisy = copy.deepcopy(routing).eval()
        noisy.weights.data += noise
        torch.manual_seed(6)
        trained = routing.train()(capsules)
    assert plain.std(dim=0).max() == 0
    kept = (trained / noisy(capsules)).mean().item()  # for short vectors, squash goes as the square
    assert 0.85 < kept < 0.95


@pytest.mark.parametrize("side", [8, 17, 32])
def test_any_side_from_8_px_gives_finite_votes(side):
    with torch.no_grad():
        assert CapsuleForensics().eval().votes(torch.randn(2, 3, side, side)).isfinite().all()


def test_half_precision_does_not_lose_flat_pictures():
    network = CapsuleForensics().train()
    with torch.autocast("cpu", torch.bfloat16):
        votes = network.votes(torch.zeros(2, 3, 16, 16))
        votes.sum().backward()
    assert votes.dtype == torch.float32
    gradients = [value.grad for value in network.parameters() if value.requires_grad]
    assert all(gradient.isfinite().all() for gradient in gradients)
