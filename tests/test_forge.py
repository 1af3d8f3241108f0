"""Fakes on two real faces: they change the face alone, and what they put there is the donor."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from tiny_people import real_scene

from awarenet.faces import Face, create_face_finder
from awarenet.landmarks import EYES, OVAL, find_landmarks
from trainer.portraits.forge import (
    MAKERS,
    Scene,
    blend,
    describe,
    face_mask,
    make_fake,
    soft_mask,
    warp_face,
)

SIDE = 192
REGIONS = ("oval", "inner", "brows_down", "brows_to_lips", "lower")
SWAPS = ("matched_swap", "poisson_swap", "pyramid_swap")


@pytest.fixture(scope="module")
def target() -> Scene:
    return real_scene("hopper", SIDE)


@pytest.fixture(scope="module")
def donor() -> Scene:
    return real_scene("astronaut", SIDE)


def forge(kind: str, target: Scene, donor: Scene, seed: int = 0) -> np.ndarray:
    return make_fake(kind, target, donor, np.random.default_rng(seed))


def distance(one: np.ndarray, other: np.ndarray, where: np.ndarray) -> float:
    """Mean absolute difference of two scenes within a mask."""
    return float(np.abs(one.astype(float) - other)[where > 0.5].mean())


def far_from(points: np.ndarray, px: int) -> np.ndarray:
    """1 where a scene is further than `px` away from the face."""
    near = cv2.dilate(face_mask(points, SIDE, "oval"), np.ones((2 * px + 1, 2 * px + 1)))
    return 1 - near


def face_of(image: np.ndarray) -> Face:
    return max(create_face_finder().find(image), key=lambda face: face.side_px)


@pytest.mark.parametrize("kind", sorted(MAKERS))
def test_a_fake_is_the_same_for_the_same_seed_and_leaves_its_sources_alone(kind, target, donor):
    before = target[0].copy(), donor[0].copy()
    fake = forge(kind, target, donor)
    assert (fake.shape, fake.dtype) == ((SIDE, SIDE, 3), np.uint8)
    assert np.array_equal(fake, forge(kind, target, donor))
    assert np.array_equal(target[0], before[0])
    assert np.array_equal(donor[0], before[1])


@pytest.mark.parametrize("kind", ["self_blended", "matched_swap", "poisson_swap"])
def test_seeds_make_different_fakes(kind, target, donor):
    one, other = forge(kind, target, donor, 0), forge(kind, target, donor, 1)
    assert distance(one, other, face_mask(target[1], SIDE, "oval")) > 1


@pytest.mark.parametrize("seed", [0, 1, 2])
@pytest.mark.parametrize("kind", SWAPS)
def test_a_swap_changes_the_face_and_nothing_else(kind, seed, target, donor):
    fake = forge(kind, target, donor, seed)
    assert distance(fake, target[0], face_mask(target[1], SIDE, "inner")) > 4
    outside = far_from(target[1], SIDE // 6) > 0.5
    assert outside.mean() > 0.2
    assert np.abs(fake.astype(int) - target[0])[outside].max() <= 2


@pytest.mark.parametrize("kind", SWAPS)
def test_the_border_of_a_scene_stays_as_it_was(kind, target, donor):
    fake = forge(kind, target, donor)
    for edge in (np.s_[:2], np.s_[-2:], np.s_[:, :2], np.s_[:, -2:]):
        assert np.abs(fake[edge].astype(int) - target[0][edge]).max() <= 2


@pytest.mark.parametrize("kind", SWAPS)
def test_a_swapped_face_looks_like_its_donor(kind, target, donor):
    fake = forge(kind, target, donor)
    inner = face_mask(target[1], SIDE, "inner")
    laid_over = warp_face(donor, target[1], SIDE)

    def details(image: np.ndarray) -> np.ndarray:  # without color and light
        gray = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY).astype(float)
        return (gray - cv2.GaussianBlur(gray, (0, 0), 10))[inner > 0.5]

    like_donor = np.corrcoef(details(fake), details(laid_over))[0, 1]
    like_target = np.corrcoef(details(fake), details(target[0]))[0, 1]
    assert like_donor > like_target + 0.1


@pytest.mark.parametrize("kind", sorted(MAKERS))
def test_a_fake_keeps_the_targets_pose(kind, target, donor):
    fake = forge(kind, target, donor)
    found = find_landmarks(fake, face_of(fake))
    width = np.ptp(target[1][:, 0])
    assert np.linalg.norm(found - target[1], axis=1).mean() < 0.06 * width


def test_a_self_blended_face_needs_no_donor(target, donor):
    assert np.array_equal(
        forge("self_blended", target, donor), make_fake("self_blended", target, target, rng())
    )
    fakes = [forge("self_blended", target, donor, seed) for seed in range(6)]
    oval = face_mask(target[1], SIDE, "oval")
    assert all(0.5 < distance(fake, target[0], oval) < 40 for fake in fakes)


def rng() -> np.random.Generator:
    return np.random.default_rng(0)


@pytest.mark.parametrize("kind", sorted(MAKERS))
def test_a_picture_without_color_stays_without(kind, target, donor):
    gray = cv2.cvtColor(cv2.cvtColor(target[0], cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)
    fake = forge(kind, (gray, target[1]), donor)
    assert np.ptp(fake, axis=2).max() == 0


def test_an_unknown_kind_is_refused_by_name(target, donor):
    with pytest.raises(ValueError, match="no kind of fake 'dream'; there are self_blended"):
        make_fake("dream", target, donor, rng())


def test_regions_of_a_face_lie_within_it(target):
    oval = face_mask(target[1], SIDE, "oval")
    assert set(np.unique(oval)) == {0.0, 1.0}
    areas = {region: face_mask(target[1], SIDE, region) for region in REGIONS}
    assert (areas["inner"] <= oval).all()
    grown = cv2.dilate(oval, np.ones((7, 7)))
    for region in REGIONS:
        assert (areas[region] <= grown).all()
        assert areas[region].sum() >= 0.2 * oval.sum()
    rows = np.flatnonzero(areas["lower"].any(axis=1))
    assert rows[0] > target[1][list(EYES), 1].min()  # below the eyes
    assert areas["lower"].sum() < areas["brows_down"].sum() < oval.sum()


def test_an_unknown_region_is_refused(target):
    with pytest.raises(ValueError, match="no region 'nose'; there are oval"):
        face_mask(target[1], SIDE, "nose")


@pytest.mark.parametrize("seed", range(8))
def test_a_soft_mask_ends_before_the_border(seed, target):
    hard = face_mask(target[1], SIDE, "oval")
    soft = soft_mask(hard, np.random.default_rng(seed))
    assert (soft.dtype, soft.shape) == (np.float32, hard.shape)
    assert 0 <= soft.min() <= soft.max() <= 1
    assert soft.max() > 0.9
    edges = [soft[0], soft[-1], soft[:, 0], soft[:, -1]]
    assert max(float(edge.max()) for edge in edges) < 0.01
    assert 0.6 < soft.sum() / hard.sum() < 1.4
    assert len(np.unique(soft)) > 20  # feathered


def test_a_mask_that_fills_the_scene_still_ends_before_the_border():
    soft = soft_mask(np.ones((SIDE, SIDE), np.float32), rng())
    assert soft[0].max() < 0.1
    assert soft[SIDE // 2, SIDE // 2] > 0.99


def test_a_blend_goes_from_one_scene_to_the_other(target, donor):
    none, half = np.zeros((SIDE, SIDE), np.float32), np.full((SIDE, SIDE), 0.5, np.float32)
    assert np.array_equal(blend(target[0], donor[0], none), target[0])
    assert np.array_equal(blend(target[0], donor[0], none + 1), donor[0])
    middle = (target[0].astype(float) + donor[0]) / 2
    assert np.abs(blend(target[0], donor[0], half) - middle).max() <= 0.5


def test_a_face_warped_to_its_own_landmarks_is_itself(target):
    warped = warp_face(target, target[1], SIDE)
    assert distance(warped, target[0], face_mask(target[1], SIDE, "oval")) < 0.5
    assert distance(warped, target[0], np.ones((SIDE, SIDE))) < 1


def test_a_warped_face_has_the_landmarks_asked_for(target, donor):
    warped = warp_face(donor, target[1], SIDE)
    found = find_landmarks(warped, face_of(warped))
    apart = np.linalg.norm(found - target[1], axis=1).mean()
    assert apart < 0.06 * np.ptp(target[1][:, 0])
    assert apart < np.linalg.norm(found - donor[1], axis=1).mean()


def test_people_who_look_alike_are_near(target, donor):
    def apart(one: Scene, other: Scene) -> float:
        return float(np.abs(describe(one) - describe(other)).mean())

    same = np.clip(target[0].astype(int) + 4, 0, 255).astype(np.uint8), target[1]
    tinted = (target[0] * np.array([0.6, 0.8, 1.0])).astype(np.uint8), target[1]
    turned = target[1].copy()
    turned[1, 0] += 0.15 * np.ptp(target[1][:, 0])  # the tip of the nose, as of a head that turned
    assert apart(target, target) == 0
    assert apart(target, same) < 0.1 * min(apart(target, tinted), apart(target, donor))
    assert apart(target, (target[0], turned)) > 0.1
    assert describe(target).shape == (5,)


def test_landmarks_follow_a_face_that_leans(target):
    image, points = target
    matrix = cv2.getRotationMatrix2D((SIDE / 2, SIDE / 2), 20, 1)
    leaning = cv2.warpAffine(image, matrix, (SIDE, SIDE), borderMode=cv2.BORDER_REFLECT)
    found = find_landmarks(leaning, face_of(leaning))
    expected = cv2.transform(points[None], matrix)[0]
    assert (found.shape, found.dtype) == ((468, 2), np.float32)
    assert np.linalg.norm(found - expected, axis=1).mean() < 0.06 * np.ptp(points[:, 0])


def test_landmarks_lie_where_their_names_say(target):
    left, _, right, _ = points = target[1][list(EYES)]
    nose = target[1][1]
    assert left[0] < nose[0] < right[0]  # as the picture shows them
    assert nose[1] > points[:, 1].max()
    everything = cv2.contourArea(cv2.convexHull(target[1]))
    assert cv2.contourArea(target[1][list(OVAL)]) > 0.95 * everything
