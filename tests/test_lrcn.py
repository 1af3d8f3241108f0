"""LRCN: its LSTM against torch's, windows against a plain loop, a loss that stops at the end."""

import copy

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

from awarenet.nets.lrcn import Lrcn, Lstm, closed_logits, sequence_loss

SIDE = 32  # px, of an eye's crop; VGG takes no smaller one


@pytest.fixture(scope="module")
def network() -> Lrcn:
    torch.manual_seed(0)
    network = Lrcn(hidden=24, memory=12)
    network.features = nn.Conv2d(3, 512, 8, stride=8)  # in VGG's place: the tests are of the rest
    network.eval()
    network.lstm.from_input.weight.data *= 3  # so that what was seen before matters
    network.lstm.from_memory.weight.data *= 3
    return network


def eyes(*shape: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(1)
    return torch.rand(*shape, 3, SIDE, SIDE, generator=generator) * 255


def test_the_published_network_has_121_937_218_parameters():
    network = Lrcn()
    assert sum(value.numel() for value in network.parameters()) == 121_937_218


def test_the_lstm_is_torchs_with_one_bias_left_out():
    torch.manual_seed(2)
    ours, theirs = Lstm(7, 5), nn.LSTM(7, 5, batch_first=True)
    nn.init.normal_(ours.from_input.bias)
    theirs.load_state_dict(
        {
            "weight_ih_l0": ours.from_input.weight,
            "weight_hh_l0": ours.from_memory.weight,
            "bias_ih_l0": ours.from_input.bias,
            "bias_hh_l0": torch.zeros(20),
        }
    )
    steps = torch.randn(3, 11, 7)
    torch.testing.assert_close(ours(steps), theirs(steps)[0])


def test_it_remembers_at_the_start():
    lstm = Lstm(2, 3)
    assert lstm.from_input.bias.tolist() == [0] * 3 + [1] * 3 + [0] * 6


def test_a_step_knows_those_before_it_and_not_those_behind(network):
    crops = eyes(1, 20)
    changed = crops.clone()
    changed[:, 8] = 0
    with torch.no_grad():
        found, other = (network(each, torch.tensor([20])) for each in (crops, changed))
    torch.testing.assert_close(found[:, :8], other[:, :8])
    assert (found[:, 8:12] - other[:, 8:12]).abs().min() > 1e-4


def test_behind_a_sequences_end_nothing_is_known(network):
    with torch.no_grad():
        whole = network(eyes(2, 20), torch.tensor([20, 20]))
        cut = network(eyes(2, 20), torch.tensor([20, 6]))
    assert torch.equal(cut[0], whole[0])
    assert torch.equal(cut[1, :6], whole[1, :6])
    assert torch.equal(cut[1, 6:], torch.zeros(14))


@pytest.mark.parametrize("number", [1, 19, 20, 21, 30, 31, 57])
def test_long_clips_are_judged_in_windows_of_20_every_10_frames(network, number):
    crops = eyes(2, number)
    expected = np.full((2, number), np.nan)
    with torch.no_grad():
        for eye in range(2):
            start = 0
            while True:
                frames = crops[eye, start : start + 20]
                window = torch.zeros(1, 20, 3, SIDE, SIDE)
                window[0, : len(frames)] = frames
                found = network(window, torch.tensor([len(frames)]))[0, : len(frames)].numpy()
                new = slice(start + 10 if start else 0, start + len(frames))
                expected[eye, new] = found[-(new.stop - new.start) :]
                if start + 20 >= number:
                    break
                start += 10
    found = closed_logits(network, crops, frames_at_once=16)
    np.testing.assert_allclose(found.numpy(), expected, atol=1e-4)


def test_each_frame_goes_through_the_convolutions_once_and_all_windows_together(network):
    watched, convolved, windows = copy.deepcopy(network), [], []
    watched.features.register_forward_hook(lambda *seen: convolved.append(len(seen[1][0])))
    watched.lstm.register_forward_hook(lambda *seen: windows.append(tuple(seen[1][0].shape)))
    closed_logits(watched, eyes(2, 45))
    assert sum(convolved) == 2 * 45
    assert windows == [(2 * 4, 20, 24)]  # begun at 0, 10, 20 and 30


def test_the_loss_is_each_sequences_mean_over_its_own_steps():
    logits = torch.tensor([[0.5, -1, 2], [3, 100, -100]])
    closed = torch.tensor([[1, 0, 1], [0, 0, 1]])
    first = functional.cross_entropy(torch.stack([0 * logits[0], logits[0]], dim=1), closed[0])
    second = np.log(1 + np.exp(3))  # its other steps are behind the end
    found = sequence_loss(logits, closed, torch.tensor([3, 1]))
    assert float(found) == pytest.approx((float(first) + second) / 2, rel=1e-5)


def test_it_learns_to_tell_eyes_that_look_closed_from_others():
    torch.manual_seed(3)
    closed = torch.tensor([[0, 1, 1, 0, 0], [1, 0, 0, 1, 0]])
    lengths = torch.tensor([5, 4])
    features = torch.randn(2, 5, 24) + 2 * closed[..., None]
    learner = Lrcn(hidden=24, memory=12)
    optimizer = torch.optim.Adam(
        [*learner.lstm.parameters(), *learner.classifier.parameters()], 0.05
    )
    losses = []
    for _ in range(60):
        optimizer.zero_grad()
        loss = sequence_loss(learner.remember(features), closed, lengths)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[0] > 0.3
    assert losses[-1] < 0.05


def test_gradients_of_the_loss_reach_every_parameter():
    torch.manual_seed(0)
    learner = Lrcn(hidden=24, memory=12).train()
    loss = sequence_loss(
        learner(eyes(2, 3), torch.tensor([3, 2])), torch.ones(2, 3), torch.tensor([3, 2])
    )
    loss.backward()
    assert all(value.grad.abs().max() > 0 for value in learner.parameters())


def test_flat_eyes_give_finite_logits_and_gradients():
    network = Lrcn(hidden=8, memory=4).train()
    for value in (0.0, 255.0):
        crops = torch.full((2, 3, 3, SIDE, SIDE), value)
        lengths = torch.tensor([3, 1])
        loss = sequence_loss(network(crops, lengths), torch.ones(2, 3), lengths)
        loss.backward()
        assert loss.isfinite()
    assert all(parameter.grad.isfinite().all() for parameter in network.parameters())
