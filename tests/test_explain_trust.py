"""Do families agree, and does the hot part count: against NumPy, and with judges that are known."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny_bundle import golden_crops, tiny_ensemble

from awarenet.errors import Canceled
from awarenet.explain import ENSEMBLE, agreement, deletion
from awarenet.explain.trust import blank, hottest_part, parts_like
from awarenet.runtime import Runtime

SIDE = 80


class Stand:
    """A runtime whose only logit is 8 times the share of the crop's center that is white."""

    def __init__(self):
        self.batches: list[int] = []

    def logits(self, crops: np.ndarray, should_stop=None) -> np.ndarray:
        """Give (n, 1, 1) float32."""
        self.batches.append(len(crops))
        white = (crops[:, 30:50, 30:50] == 255).all(axis=3).mean(axis=(1, 2))
        return (8 * white).astype(np.float32)[:, None, None]


def judge(logits: np.ndarray) -> np.ndarray:
    return logits[:, 0, 0] / 8


def crop_of() -> np.ndarray:
    """A gray face with a white center: that is what the stand-in goes by."""
    crop = np.full((SIDE, SIDE, 3), 90, np.uint8)
    crop[30:50, 30:50] = 255
    return crop


def center_heat() -> np.ndarray:
    heat = np.zeros((SIDE, SIDE), np.float32)
    heat[28:52, 28:52] = 0.5
    heat[30:50, 30:50] = 1.0
    return heat


def test_agreement_is_the_mean_of_numpys_correlations():
    maps = {name: np.random.default_rng(n).random((6, 7)) for n, name in enumerate("abc")}
    maps["c"] += maps["a"]
    expected = np.mean(
        [
            np.corrcoef(maps[one].ravel(), maps[other].ravel())[0, 1]
            for one, other in ("ab", "ac", "bc")
        ]
    )
    assert agreement({**maps, ENSEMBLE: np.ones((6, 7))}) == pytest.approx(expected, abs=1e-12)


def test_agreement_of_like_and_of_opposite_maps():
    heat = np.random.default_rng(0).random((5, 5)).astype(np.float32)
    assert agreement({"a": heat, "b": heat * 0.3 + 0.1}) == pytest.approx(1, abs=1e-6)
    assert agreement({"a": heat, "b": 1 - heat}) == pytest.approx(-1, abs=1e-6)


@pytest.mark.parametrize("names", ["", "a", "ab"])
def test_without_two_maps_of_some_contrast_there_is_no_agreement(names):
    maps = {name: np.eye(4) * (name != "b") for name in names}
    assert agreement({**maps, ENSEMBLE: np.eye(4)}) is None


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 999), share=st.floats(0.01, 0.6))
def test_the_hottest_part_is_as_large_as_asked_and_nothing_beside_it_is_hotter(seed, share):
    heat = np.random.default_rng(seed).random((20, 20)).astype(np.float32) + 0.01
    mask = hottest_part(heat, share)
    assert np.count_nonzero(mask) == max(round(share * 400), 1)
    assert heat[mask].min() >= heat[~mask].max()


def test_what_has_no_heat_is_never_among_the_hottest():
    heat = np.zeros((10, 10))
    heat[2, 3:6] = 0.2
    assert np.argwhere(hottest_part(heat, 0.5)).tolist() == [[2, 3], [2, 4], [2, 5]]
    assert not hottest_part(heat * 0, 0.5).any()


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 999))
def test_drawn_parts_have_the_size_and_the_shape_of_the_hottest(seed):
    mask = np.zeros((24, 24), bool)
    mask[3:8, 4:13] = True
    mask[8:10, 4] = True
    for part in parts_like(mask, 4, np.random.default_rng(seed)):
        assert np.count_nonzero(part) == np.count_nonzero(mask)
        # as many neighbors side by side, around the edges of the picture too
        neighbors = [
            sum(np.count_nonzero(m & np.roll(m, 1, axis)) for axis in (0, 1)) for m in (part, mask)
        ]
        assert neighbors[0] == neighbors[1]


def test_drawn_parts_lie_everywhere_and_come_from_the_seed():
    mask = hottest_part(center_heat(), 0.05)
    drawn = parts_like(mask, 200, np.random.default_rng(0))
    cover = np.mean(drawn, axis=0)
    assert cover.min() > 0
    assert cover.mean() == pytest.approx(mask.mean())
    again = parts_like(mask, 200, np.random.default_rng(0))
    assert all(np.array_equal(*pair) for pair in zip(drawn, again, strict=True))


def test_drawn_parts_cover_as_much_of_the_face_as_the_hottest_does():
    face = np.zeros((SIDE, SIDE), bool)
    face[15:65, 15:65] = True
    mask = hottest_part(center_heat(), 0.08)
    inside = [
        np.count_nonzero(part & face) / np.count_nonzero(mask)
        for part in parts_like(mask, 8, np.random.default_rng(0), face)
    ]
    anywhere = [
        np.count_nonzero(part & face) / np.count_nonzero(mask)
        for part in parts_like(mask, 8, np.random.default_rng(0))
    ]
    assert min(inside) > 0.95
    assert np.mean(anywhere) < 0.8


def test_blanking_paints_the_mean_color_with_a_hard_edge_on_a_copy():
    crop = golden_crops(1)[0]
    before, mask = crop.copy(), hottest_part(center_heat(), 0.1)
    blanked = blank(crop, mask)
    np.testing.assert_array_equal(crop, before)
    np.testing.assert_array_equal(blanked[~mask], crop[~mask])
    assert (blanked[mask] == np.round(crop.reshape(-1, 3).mean(axis=0))).all()


def test_a_map_that_shows_what_counts_changes_more_than_chance():
    runtime = Stand()
    found = deletion(runtime, judge, crop_of(), center_heat(), share=400 / SIDE**2)
    assert found.share == pytest.approx(400 / SIDE**2)
    assert found.hottest == -1
    assert -0.5 < found.random <= 0
    assert found.draws == 8
    assert runtime.batches == [10]  # all of it in one


def test_a_map_of_the_wrong_place_changes_nothing():
    heat = np.zeros((SIDE, SIDE), np.float32)
    heat[:10, :10] = 1
    assert deletion(Stand(), judge, crop_of(), heat, share=100 / SIDE**2).hottest == 0


def test_where_there_is_no_heat_there_is_no_test():
    assert deletion(Stand(), judge, crop_of(), np.zeros((SIDE, SIDE))) is None


def test_the_share_is_what_was_blanked_where_less_has_any_heat():
    heat = np.zeros((SIDE, SIDE), np.float32)
    heat[40, 40:44] = 1
    assert deletion(Stand(), judge, crop_of(), heat).share == pytest.approx(4 / SIDE**2)


def test_real_networks_give_the_changes_of_crops_blanked_by_hand():
    runtime = Runtime(tiny_ensemble(), device="cpu")
    crop, heat = golden_crops(1)[0], center_heat()

    def mean(logits: np.ndarray) -> np.ndarray:
        return 1 / (1 + np.exp(-logits.mean(axis=(1, 2))))

    found = deletion(runtime, mean, crop, heat, share=0.05, draws=3, seed=7)
    hottest = hottest_part(heat, 0.05)
    others = parts_like(hottest, 3, np.random.default_rng(7))
    before, after, *rest = (
        float(mean(runtime.logits(blank(crop, mask)[None]))[0])
        for mask in (np.zeros_like(hottest), hottest, *others)
    )
    assert found.hottest == pytest.approx(after - before, abs=1e-4)
    assert found.random == pytest.approx(np.mean(rest) - before, abs=1e-4)
    assert deletion(runtime, mean, crop, heat, share=0.05, draws=3, seed=7) == found


def test_a_stop_is_heard():
    runtime = Runtime(tiny_ensemble(), device="cpu")
    with pytest.raises(Canceled):
        deletion(runtime, judge, golden_crops(1)[0], center_heat(), should_stop=lambda: True)
