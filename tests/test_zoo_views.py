"""A crop seen in parts: which parts, which of them count, and when."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from awarenet.nets.dsp_fwa import views
from awarenet.nets.votes import mean_logit
from awarenet.zoo import SPECS, adapt_spec, create_model, preprocess, score

SIDE = 40


class MeanOfBlue(nn.Module):
    """A network whose logit tells what it saw; keeps the pictures."""

    def __init__(self):
        super().__init__()
        self.seen = []

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        self.seen.append(images)
        return (images[:, 2].mean(dim=(1, 2))[:, None] - 0.4) * 60


@pytest.fixture
def crops() -> torch.Tensor:
    generator = torch.Generator().manual_seed(3)
    return torch.randint(0, 256, (5, 60, 60, 3), dtype=torch.uint8, generator=generator)


def spec(number: int):
    return adapt_spec(SPECS["dsp_fwa"], side=SIDE, views=number)


def boxes(number: int, side: int) -> list[tuple[int, int, int, int]]:
    """Left, top, right, bottom of each view, found by writing coordinates into the crop."""
    grid = torch.stack(torch.meshgrid(torch.arange(side), torch.arange(side), indexing="ij"), -1)
    grid = torch.cat([grid, grid[..., :1]], dim=-1)[None]  # row, column, row
    return [
        (*part[0, 0, 0, [1, 0]].tolist(), *(part[0, -1, -1, [1, 0]] + 1).tolist())
        for part in views(grid, number)
    ]


def test_dsp_fwa_sees_ten_views_and_the_others_one():
    assert {name for name in SPECS if SPECS[name].views != 1} == {"dsp_fwa"}
    assert SPECS["dsp_fwa"].views == 10


@given(st.integers(1, 12), st.integers(4, 500))
def test_a_view_trims_the_published_margins_at_most_and_both_sides_alike(number, side):
    found = boxes(number, side)
    assert len(found) == number
    for left, top, right, bottom in found:
        # of the widest box, 1.25 w and 1.3 h: w / 8 = 0.1, h / 5 = 2 / 13, h / 10 = 1 / 13
        assert 0 <= left <= 0.1 * side + 0.5
        assert right == side - left
        assert 0 <= top <= side * 2 / 13 + 0.5
        assert abs((side - bottom) - top / 2) <= 1
        assert right > left
        assert bottom > top


def test_views_differ_and_are_the_same_every_time():
    found = boxes(10, 300)
    assert len(set(found)) == 10
    assert boxes(10, 300) == found
    assert boxes(3, 300) == found[:3]
    torch.manual_seed(1)  # whatever torch's generator has come to
    assert boxes(10, 300) == found


@pytest.mark.parametrize(("number", "counted"), [(10, 5), (3, 2), (2, 1)])
def test_the_upper_half_of_the_views_probabilities_is_averaged(crops, number, counted):
    network = MeanOfBlue().eval()
    found = score(network, crops, spec(number)).numpy()
    each = []
    for left, top, right, bottom in boxes(number, 60):
        images = preprocess(crops[:, top:bottom, left:right], spec(1)).double().numpy()
        each.append(1 / (1 + np.exp(-60 * (images[:, 2].mean(axis=(1, 2)) - 0.4))))
    best = np.sort(np.stack(each), axis=0)[-counted:].mean(axis=0)
    assert found.shape == (5, 1)
    assert np.ptp(np.stack(each), axis=0).min() > 1e-3  # views do differ
    np.testing.assert_allclose(1 / (1 + np.exp(-found[:, 0].astype(np.float64))), best, rtol=1e-4)


def test_in_training_a_crop_is_seen_once_and_whole(crops):
    network = MeanOfBlue().train()
    score(network, crops, spec(10))
    (images,) = network.seen
    assert torch.equal(images, preprocess(crops, spec(1)))


def test_one_view_is_the_whole_crop(crops):
    network = MeanOfBlue().eval()
    found = score(network, crops, spec(1))
    assert torch.equal(found, network(preprocess(crops, spec(1))))


def test_a_crops_logit_does_not_depend_on_its_neighbors(crops):
    network = create_model("test_resnet").eval()
    with torch.inference_mode():
        together = score(network, crops, spec(4))
        alone = torch.cat([score(network, crop[None], spec(4)) for crop in crops])
    assert together.shape == (5, 1)
    torch.testing.assert_close(together, alone, atol=1e-5, rtol=1e-4)


@given(st.lists(st.floats(-12, 12), min_size=1, max_size=10))
def test_the_mean_logit_is_that_of_the_mean_probability(logits):
    probability = np.mean([1 / (1 + np.exp(-logit)) for logit in logits])
    found = float(mean_logit(torch.tensor(logits, dtype=torch.float64)))
    assert found == pytest.approx(np.log(probability / (1 - probability)), abs=1e-6)


def test_votes_beyond_what_a_probability_can_tell_keep_their_logit_and_their_gradient():
    logits = torch.tensor([[200.0, 200.0], [-200.0, -200.0], [200.0, -200.0]], requires_grad=True)
    found = mean_logit(logits, dim=1)
    torch.testing.assert_close(found, torch.tensor([200.0, -200.0, 0.0]))
    found.sum().backward()
    assert logits.grad.isfinite().all()
