"""The combiners: what the papers' words say."""

import numpy as np
import pytest
import torch

from awarenet.combine import COMBINERS, Forest, Mean, TwoTier, create_combiner
from awarenet.ensemble import judge

PROBABILITIES = sorted(set(COMBINERS) - {"hard", "stack"})  # those that a sigmoid goes through
STUMP = Forest([[1, 0, 0]], [[0.5, 0.2, 0.9]], [[0.0, 0.1, 0.6, 1.0]])


def create(name: str, families: int = 2, forest: Forest = STUMP):
    """A combiner of equal weights."""
    return create_combiner(name, [1 / families] * families, forest if name == "stack" else None)


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
    weights = create(name, 4).weights
    assert (weights > 0).all()
    torch.testing.assert_close(weights.sum(), torch.tensor(1.0))


@pytest.mark.parametrize("name", PROBABILITIES)
def test_one_member_of_one_family_is_its_own_probability(name):
    logits = torch.randn(6, 1, 1)
    torch.testing.assert_close(COMBINERS[name](1)(logits), logits.sigmoid().flatten())


@pytest.mark.parametrize("name", sorted(COMBINERS))
def test_the_order_of_the_members_does_not_matter(name):
    logits = torch.randn(6, 2, 3)
    combiner = create(name)
    torch.testing.assert_close(combiner(logits), combiner(logits.flip(2)))


@pytest.mark.parametrize("name", sorted(COMBINERS))
def test_numpy_is_answered_in_64_bits_as_torch_is_in_32(name):
    logits = np.random.default_rng(0).normal(0, 2, (50, 2, 3))
    combiner = create(name)
    found = judge(combiner, logits)
    assert found.dtype == np.float64 and found.shape == (50,)
    expected = combiner(torch.from_numpy(logits).float()).detach().numpy()
    np.testing.assert_allclose(found, expected, atol=1e-6)


def test_a_soft_vote_is_the_weighted_mean_of_the_families():
    logits = np.random.default_rng(1).normal(0, 2, (20, 3, 2))
    weights = [0.6, 0.3, 0.1]
    expected = (1 / (1 + np.exp(-logits))).mean(axis=2) @ weights
    np.testing.assert_allclose(judge(create_combiner("soft", weights), logits), expected, rtol=1e-6)


def test_a_hard_vote_is_the_share_of_members_that_say_fake_and_a_tie_is_undecided():
    logits = torch.tensor([
        [[3.0], [0.1], [-2.0], [9.0]],  # 3 of 4
        [[3.0], [-0.1], [-2.0], [9.0]],  # a tie
        [[-3.0], [-0.1], [-2.0], [-9.0]],  # none
        [[0.0], [0.0], [0.0], [1.0]],  # exactly undecided is not a vote for fake
    ])  # fmt: skip
    shares = create("hard", 4)(logits)
    torch.testing.assert_close(shares, torch.tensor([0.75, 0.5, 0.0, 0.25]))


def test_a_forest_asks_from_the_root_down_and_goes_right_above_a_threshold():
    first, second = torch.tensor([[0.1, 0.4], [0.3, 0.5], [0.5, 0.8], [0.95, 0.51]]).T
    probabilities = torch.stack([first, second], dim=1)
    logits = torch.logit(probabilities.double())[:, :, None]
    # second family above 0.5? no: first above 0.2 gives 0.1, else 0; yes: first above 0.9 gives 1
    expected = torch.tensor([0.0, 0.1, 0.6, 1.0], dtype=torch.float64)
    torch.testing.assert_close(create("stack")(logits), expected)


@pytest.mark.parametrize(
    "forest",
    [
        Forest([[0, 0]], [[0.5, 0.5]], [[0.0, 0.5, 1.0]]),  # no complete tree
        Forest([[0]], [[0.5]], [[1.0]]),  # a leaf too few
        Forest([[2]], [[0.5]], [[0.0, 1.0]]),  # a family that is not there
    ],
)
def test_a_forest_that_cannot_be_asked_is_refused(forest):
    with pytest.raises(ValueError, match="forest"):
        create("stack", forest=forest)


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
        ("hard", [0.7, 0.3], "the same"),
        ("stack", [0.5, 0.5], "only 'stack'"),
    ],
)
def test_weights_that_a_combiner_cannot_have_are_refused(name, weights, words):
    with pytest.raises(ValueError, match=words):
        create_combiner(name, weights)
