"""Losses, against torch's cross-entropy over two classes and by hand."""

from __future__ import annotations

import math

import pytest
import torch
from torch.nn.functional import cross_entropy

from awarenet.combine import TwoTier
from trainer.training.losses import member_loss, mixture_loss


def drawn(count: int) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(count, generator=generator) * 3
    return logits, (torch.rand(count, generator=generator) > 0.5).float()


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_a_members_loss_is_that_of_two_soft_classes(smoothing):
    logits, labels = drawn(20)
    two = torch.stack([torch.zeros(20), logits], dim=1)
    expected = cross_entropy(two, labels.long(), label_smoothing=2 * smoothing)
    found = member_loss(logits, labels, torch.ones(20), smoothing)
    assert found.item() == pytest.approx(expected.item(), rel=1e-5)


def test_weights_count_a_crop_more_or_less():
    logits, labels = drawn(2)
    alone = [member_loss(logits[at], labels[at], torch.ones(()), 0.02).item() for at in (0, 1)]
    found = member_loss(logits, labels, torch.tensor([1.5, 0.5]), 0.02)
    assert found.item() == pytest.approx((1.5 * alone[0] + 0.5 * alone[1]) / 2, rel=1e-5)


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_of_several_votes_the_loss_is_the_sum_of_the_cross_entropies_of_each(smoothing):
    generator = torch.Generator().manual_seed(1)
    two = torch.randn(9, 4, 2, generator=generator) * 3  # a crop, a vote, a class
    labels = torch.tensor([0, 1, 1, 0, 1, 0, 0, 1, 1])
    expected = sum(
        cross_entropy(two[:, vote], labels, label_smoothing=2 * smoothing) for vote in range(4)
    )
    logits = two[..., 1] - two[..., 0]
    found = member_loss(logits, labels.float(), torch.ones(9), smoothing)
    assert found.item() == pytest.approx(expected.item(), rel=1e-5)


def test_weights_of_crops_count_in_every_vote():
    logits, labels = drawn(8)
    weights = torch.tensor([1.5, 0.5, 1.0, 1.0, 0.0, 2.0, 1.0, 1.0])
    each = member_loss(logits, labels, weights, 0.02) + member_loss(-logits, labels, weights, 0.02)
    both = member_loss(torch.stack([logits, -logits], dim=1), labels, weights, 0.02)
    assert both.item() == pytest.approx(each.item(), rel=1e-5)


def test_the_mixtures_loss_by_hand():
    mixed = torch.tensor([0.8, 0.3, 1.0])
    found = mixture_loss(mixed, torch.tensor([1.0, 0.0, 0.0]), torch.tensor([1.0, 2.0, 0.0]), 0.0)
    assert found.item() == pytest.approx(-(math.log(0.8) + 2 * math.log(0.7)) / 3, rel=1e-5)


def test_a_mixture_that_is_surely_wrong_has_a_finite_loss_and_gradient():
    logits = torch.full((2, 3, 1), 200.0, requires_grad=True)
    loss = mixture_loss(TwoTier(3)(logits), torch.zeros(2), torch.ones(2), 0.0)
    loss.backward()
    assert loss.item() == pytest.approx(-math.log(1e-6), rel=0.02)
    assert torch.isfinite(logits.grad).all()
