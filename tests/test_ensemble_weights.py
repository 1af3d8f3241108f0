"""Tier 2 learned from members that are trained: by gradient, by drawing weights, by a forest."""

import numpy as np
import pytest
import torch
from sklearn.ensemble import RandomForestRegressor
from sklearn.metrics import roc_auc_score

from awarenet.combine import Mean, create_combiner
from awarenet.ensemble import judge
from trainer.ensembles.weights import fit_two_tier, grow_forest, search_weights


def knowing_family(count: int = 64) -> tuple[torch.Tensor, torch.Tensor]:
    """Logits of three families of two members, of which only family 1 knows; and the labels."""
    torch.manual_seed(0)
    labels = torch.tensor([0.0, 1.0] * (count // 2))
    logits = torch.randn(count, 3, 2)
    logits[:, 1] = (labels * 8 - 4)[:, None]
    return logits, labels


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


def half_knowing(count: int = 200) -> tuple[torch.Tensor, torch.Tensor]:
    """Logits of four families, one member each, that know more or less; and the labels."""
    generator = torch.Generator().manual_seed(3)
    labels = (torch.rand(count, generator=generator) < 0.4).float()
    signal = (labels * 2 - 1)[:, None] * torch.tensor([0.1, 1.0, 0.6, 0.0])
    return (signal + torch.randn(count, 4, generator=generator))[:, :, None], labels


def test_the_weights_found_have_the_best_auc_of_all_that_were_drawn():
    logits, labels = half_knowing()
    weights = search_weights(logits, labels, draws=50, seed=7)
    waits = -torch.rand(50, 4, generator=torch.Generator().manual_seed(7)).log()
    drawn = (waits / waits.sum(dim=1, keepdim=True)).numpy()
    families = logits.sigmoid()[:, :, 0].numpy()
    areas = [roc_auc_score(labels.numpy(), families @ each) for each in drawn]
    np.testing.assert_allclose(weights.numpy(), drawn[int(np.argmax(areas))], rtol=1e-5)


def test_drawn_weights_are_the_same_for_a_seed_and_spread_evenly_over_all_there_are():
    logits, labels = half_knowing()
    first, again, other = (search_weights(logits, labels, seed=s) for s in (1, 1, 2))
    assert torch.equal(first, again) and not torch.equal(first, other)
    assert float(first.sum()) == pytest.approx(1)
    assert (first > 0).all()
    single = [search_weights(logits, labels, draws=1, seed=s)[0].item() for s in range(400)]
    # a share of Dirichlet (1, 1, 1, 1) has mean 1/4 and variance 3/80
    assert np.mean(single) == pytest.approx(0.25, abs=0.03)
    assert np.var(single) == pytest.approx(3 / 80, abs=0.01)


def test_ties_count_half_in_the_search():
    labels = torch.tensor([0.0, 0, 1, 1])
    logits = torch.tensor([[[1.0]], [[-1.0]], [[1.0]], [[1.0]]])
    from trainer.ensembles.weights import _auc

    area = _auc(logits.sigmoid()[:, :, 0].T.contiguous(), labels == 1)
    assert area.item() == pytest.approx(roc_auc_score(labels, logits.flatten())) == 0.75


def test_weights_cannot_be_searched_for_in_one_class():
    with pytest.raises(ValueError, match="one class"):
        search_weights(torch.zeros(3, 2, 1), torch.ones(3))


def test_the_forest_answers_as_scikit_learns_does():
    logits, labels = half_knowing()
    forest, heeded = grow_forest(logits, labels, seed=5)
    ours = judge(create_combiner("stack", heeded, forest), logits.double().numpy())
    families = logits.double().sigmoid()[:, :, 0].numpy()
    theirs = RandomForestRegressor(100, max_depth=3, random_state=5)
    theirs.fit(families, labels.double().numpy())
    np.testing.assert_allclose(ours, theirs.predict(families), atol=1e-12)
    assert np.argmax(heeded) == 1  # the family that knows most
    fresh = np.random.default_rng(0).normal(0, 2, (500, 4, 1))
    expected = theirs.predict(1 / (1 + np.exp(-fresh[:, :, 0])))
    found = judge(create_combiner("stack", heeded, forest), fresh)
    np.testing.assert_allclose(found, expected, atol=1e-12)


def test_a_forest_of_few_crops_fills_the_branches_that_end_early():
    logits, labels = half_knowing(6)
    forest, heeded = grow_forest(logits, labels)
    assert {len(tree) for tree in forest.leaves} == {8}
    found = judge(create_combiner("stack", heeded, forest), logits.numpy())
    theirs = RandomForestRegressor(100, max_depth=3, random_state=1)
    families = logits.double().sigmoid()[:, :, 0].numpy()
    theirs.fit(families, labels.double().numpy())
    np.testing.assert_allclose(found, theirs.predict(families), atol=1e-12)
