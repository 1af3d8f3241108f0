"""The ensemble: shapes, agreement with single members."""

import pytest
import torch
from torch import nn

from awarenet.combine import Mean
from awarenet.ensemble import Ensemble
from awarenet.zoo import SPECS, adapt_spec, preprocess
from tests.tiny_ensemble import FAMILIES, random_crops, tiny_ensemble


@pytest.mark.parametrize("members", [1, 2])
def test_logits_stand_by_crop_family_and_member(members):
    ensemble = tiny_ensemble(members)
    crops = torch.from_numpy(random_crops(2))
    with torch.no_grad():
        logits = ensemble(crops)
        assert logits.shape == (2, 3, members)
        for row, family in enumerate(FAMILIES):
            side = 64 if family == "mobilenet_v2" else 96
            images = preprocess(crops, adapt_spec(SPECS[family], side=side))
            for column, network in enumerate(ensemble.members[family]):
                expected = network(images)[:, 0]
                torch.testing.assert_close(logits[:, row, column], expected, atol=1e-4, rtol=0)


def test_the_probability_is_the_combiners():
    ensemble = tiny_ensemble()
    logits = torch.randn(4, 3, 2)
    assert torch.equal(ensemble.probability(logits), ensemble.combiner(logits))
    assert list(ensemble.weights) == list(FAMILIES)
    assert sum(ensemble.weights.values()) == pytest.approx(1)


@pytest.mark.parametrize(
    ("members", "combiner", "words"),
    [
        ({}, Mean(1), "expected the same number"),
        ({"test_resnet": []}, Mean(1), "expected the same number"),
        ({"test_resnet": [nn.Identity()], "xception": []}, Mean(2), "expected the same number"),
        ({"test_resnet": [nn.Identity()]}, Mean(2), "weighs 2 families; there are 1"),
    ],
)
def test_members_that_do_not_fit_together_are_refused(members, combiner, words):
    with pytest.raises(ValueError, match=words):
        Ensemble(members, combiner)
