"""The combiners: what the paper's words say, and what fitting the weights does."""

import pytest
import torch

from awarenet.combine import COMBINERS, Mean, TwoTier, create_combiner, fit_two_tier


def knowing_family(count: int = 64) -> tuple[torch.Tensor, torch.Tensor]:
    """Logits of three families of two members, of which only family 1 knows; and the labels."""
    torch.manual_seed(0)
    labels = torch.tensor([0.0, 1.0] * (count // 2))
    logits = torch.randn(count, 3, 2)
    logits[:, 1] = (labels * 8 - 4)[:, None]
    return logits, labels


def test_untrained_is_the_mean_of_family_means():
    logits = torch.randn(5, 3, 4)
    expected = logits.sigmoid().mean(dim=(1, 2))
    torch.testing.assert_close(TwoTier(3)(logits), expected)


def test_two_tiers_are_the_papers_formula():
    logits = torch.tensor([[[0.0, 2.0], [-1.0, 1.0]]])  # one crop, two families of two
    combiner = TwoTier(2)
    with torch.no_grad():
        combiner.raw_weights.copy_(torch.tensor([1.0, 0.0]))
    first = (torch.tensor(0.0).sigmoid() + torch.tensor(2.0).sigmoid()) / 2
    share = torch.tensor(1.0).exp() / (torch.tensor(1.0).exp() + 1)
    expected = share * first + (1 - share) * 0.5
    torch.testing.assert_close(combiner(logits), expected[None])


@pytest.mark.parametrize("name", sorted(COMBINERS))
def test_weights_are_positive_and_sum_to_one(name):
    weights = COMBINERS[name](4).weights
    assert (weights > 0).all()
    torch.testing.assert_close(weights.sum(), torch.tensor(1.0))


@pytest.mark.parametrize("name", sorted(COMBINERS))
def test_one_member_of_one_family_is_its_own_probability(name):
    logits = torch.randn(6, 1, 1)
    torch.testing.assert_close(COMBINERS[name](1)(logits), logits.sigmoid().flatten())


@pytest.mark.parametrize("name", sorted(COMBINERS))
def test_the_order_of_the_members_does_not_matter(name):
    logits = torch.randn(6, 2, 3)
    combiner = COMBINERS[name](2)
    torch.testing.assert_close(combiner(logits), combiner(logits.flip(2)))


def test_training_moves_weight_to_the_family_that_is_right():
    logits, labels = knowing_family()
    combiner = fit_two_tier(logits, labels, steps=200, lr=0.1)
    assert combiner.weights.argmax() == 1
    assert combiner.weights[1] > 0.9
    torch.testing.assert_close(combiner.weights.sum(), torch.tensor(1.0))


def test_training_lowers_the_negative_log_likelihood():
    logits, labels = knowing_family()
    loss = torch.nn.functional.binary_cross_entropy
    assert loss(fit_two_tier(logits, labels)(logits), labels) < loss(Mean(3)(logits), labels) - 0.1


def test_a_prior_holds_the_weights_near_each_other():
    logits, labels = knowing_family()
    free = fit_two_tier(logits, labels).weights
    held = fit_two_tier(logits, labels, prior=10.0).weights
    assert held.argmax() == 1
    assert held.max() < 0.5 < free.max()


def test_training_twice_gives_the_same_weights_whatever_the_random_state():
    logits, labels = knowing_family()
    torch.manual_seed(1)
    first = fit_two_tier(logits, labels, steps=20)
    torch.manual_seed(2)
    second = fit_two_tier(logits, labels, steps=20)
    assert torch.equal(first.raw_weights, second.raw_weights)


def test_training_survives_a_member_that_is_certain_and_wrong():
    logits = torch.tensor([[[200.0]], [[-200.0]]])
    combiner = fit_two_tier(logits, torch.tensor([0, 1]), steps=5)
    assert combiner.weights.isfinite().all()


def test_training_works_where_gradients_are_off():
    logits, labels = knowing_family()
    with torch.no_grad():
        assert fit_two_tier(logits, labels, steps=50).weights.argmax() == 1


@pytest.mark.parametrize(
    ("logits", "labels"),
    [
        (torch.zeros(4, 3), torch.zeros(4)),
        (torch.zeros(4, 3, 2), torch.zeros(5)),
        (torch.zeros(0, 3, 2), torch.zeros(0)),
        (torch.zeros(4, 3, 2), torch.full((4,), 0.5)),
    ],
)
def test_training_refuses_what_does_not_fit(logits, labels):
    with pytest.raises(ValueError, match="labels"):
        fit_two_tier(logits, labels)


def test_a_combiner_is_rebuilt_from_its_weights():
    weights = [0.7, 0.2, 0.1]
    torch.testing.assert_close(create_combiner("two_tier", weights).weights, torch.tensor(weights))
    assert isinstance(create_combiner("mean", [0.5, 0.5]), Mean)


@pytest.mark.parametrize(
    ("name", "weights", "words"),
    [
        ("two_teir", [1.0], "did you mean 'two_tier'"),
        ("two_tier", [0.7, 0.7], "sum to 1"),
        ("two_tier", [1.5, -0.5], "positive"),
        ("mean", [0.7, 0.3], "the same"),
    ],
)
def test_weights_that_a_combiner_cannot_have_are_refused(name, weights, words):
    with pytest.raises(ValueError, match=words):
        create_combiner(name, weights)
