"""Near copies: the search finds what comparing every pair finds, and the hash tells faces apart."""

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny_people import real_scene, row, shaken

from awarenet.errors import AwareNetError
from trainer.splits import near_copies
from trainer.splits.near_copies import NEAR, WORDS, hash_crop, hash_crops, near_pairs


def brute_force(hashes: np.ndarray, parts: np.ndarray, threshold: int) -> set[tuple]:
    """Compare every pair bit by bit, of equal hashes in one part only the first."""
    bits = np.unpackbits(hashes.view(np.uint8), axis=1)
    seen, first = set(), []
    for index, (line, part) in enumerate(zip(bits, parts, strict=True)):
        if (key := (line.tobytes(), part)) not in seen:
            seen.add(key)
            first.append(index)
    return {
        (i, j, int((bits[i] != bits[j]).sum()))
        for i in first
        for j in first
        if i < j and parts[i] != parts[j] and (bits[i] != bits[j]).sum() <= threshold
    }


def bits_apart(one: np.ndarray, other: np.ndarray) -> int:
    return int(np.bitwise_count(one ^ other).sum())


@given(st.integers(0, 2**32), st.integers(1, 9), st.integers(0, 10), st.integers(2, 4))
@settings(max_examples=25, deadline=None)
def test_the_search_finds_just_what_comparing_all_pairs_finds(seed, words, bits_a_word, parts):
    rng, threshold = np.random.default_rng(seed), words * bits_a_word
    centers = rng.integers(0, 2, (8, words * 64))
    flips = rng.random((60, words * 64)) < rng.uniform(0, threshold / words / 64, (60, 1))
    bits = centers[rng.integers(0, 8, 60)] ^ flips
    hashes = np.packbits(bits.astype(np.uint8), axis=1).view(np.uint64)
    home = rng.integers(0, parts, 60)
    found = near_pairs(hashes, home, threshold)
    assert len({tuple(pair) for pair in found}) == len(found)
    assert {tuple(pair) for pair in found.tolist()} == brute_force(hashes, home, threshold)


@pytest.mark.parametrize("threshold", [0, 35, 36, 63, NEAR, NEAR + 1])
def test_a_pair_at_the_threshold_is_found_however_its_bits_are_spread(threshold):
    rng = np.random.default_rng(threshold)
    hashes, expected = [], []
    for _ in range(20):
        for spread in (np.arange(576), rng.permutation(576)):  # in few bands, in all of them
            for count in (threshold, threshold + 1):
                flips = np.zeros(576, np.uint8)
                flips[spread[:count]] = 1
                one = rng.integers(0, 2**63, WORDS).astype(np.uint64)
                if count == threshold:
                    expected.append([len(hashes), len(hashes) + 1, threshold])
                hashes += [one, one ^ np.packbits(flips).view(np.uint64)]
    parts = np.arange(len(hashes)) % 2
    assert near_pairs(np.stack(hashes), parts, threshold).tolist() == expected


def test_the_worst_spread_over_bands_is_found_too():
    flips = np.zeros((36, 16), np.uint8)
    for bit in range(NEAR):  # as even as 64 bits over 36 bands of 16 can be, last bands first
        flips[35 - bit % 36, bit // 36] = 1
    pair = np.stack([np.zeros(WORDS, np.uint64), np.packbits(flips).view(np.uint64)])
    assert near_pairs(pair, np.array([0, 1])).tolist() == [[0, 1, NEAR]]
    assert near_pairs(pair, np.array([1, 0])).tolist() == [[0, 1, NEAR]]


def test_crops_of_one_part_are_not_compared():
    hashes = np.zeros((5, WORDS), np.uint64)
    assert near_pairs(hashes, np.zeros(5)).shape == (0, 3)
    assert near_pairs(hashes[:0], np.zeros(0)).shape == (0, 3)
    assert near_pairs(hashes, np.array([0, 0, 1, 1, 2])).tolist() == [
        [0, 2, 0],
        [0, 4, 0],
        [2, 4, 0],
    ]


def test_the_search_ends_when_it_has_found_enough():
    hashes = np.arange(400, dtype=np.uint64)[:, None] * np.ones(WORDS, np.uint64)
    found = near_pairs(hashes, np.arange(400) % 2, most=100)
    assert len(found) == 100


def test_chunks_change_nothing(monkeypatch):
    rng = np.random.default_rng(0)
    hashes = rng.integers(0, 4, (80, WORDS)).astype(np.uint64)
    parts = rng.integers(0, 3, 80)
    whole = near_pairs(hashes, parts)
    assert len(whole) > 1000
    monkeypatch.setattr(near_copies, "CHUNK", 7)
    assert np.array_equal(near_pairs(hashes, parts), whole)


def jpeg(quality: int) -> Callable[[np.ndarray], np.ndarray]:
    def saved(image: np.ndarray) -> np.ndarray:
        data = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
        return cv2.imdecode(data, cv2.IMREAD_COLOR)

    return saved


def scaled(factor: float) -> Callable[[np.ndarray], np.ndarray]:
    return lambda image: cv2.resize(image, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA)


def lit(factor: float) -> Callable[[np.ndarray], np.ndarray]:
    return lambda image: np.clip(image * factor, 0, 255).astype(np.uint8)


@pytest.mark.parametrize(
    "change",
    [jpeg(95), jpeg(50), scaled(0.5), scaled(2), lit(0.7), lit(1.3)],
    ids=["jpeg 95", "jpeg 50", "half", "double", "darker", "lighter"],
)
@pytest.mark.parametrize("person", ["astronaut", "hopper"])
def test_a_face_saved_smaller_larger_lighter_or_darker_is_a_near_copy(person, change):
    face = real_scene(person)[0]
    assert bits_apart(hash_crop(face), hash_crop(change(face))) <= NEAR


def test_two_people_and_a_person_in_the_mirror_are_none():
    faces = [real_scene(person)[0] for person in ("astronaut", "hopper")]
    faces += [np.ascontiguousarray(face[:, ::-1]) for face in faces]
    hashes = [hash_crop(face) for face in faces]
    apart = [bits_apart(a, b) for n, a in enumerate(hashes) for b in hashes[:n]]
    assert min(apart) > 2 * NEAR


def test_a_hand_that_shakes_a_little_still_gives_a_near_copy():
    first, second = shaken(real_scene("astronaut")[0], 2, seed=4)
    assert bits_apart(hash_crop(first), hash_crop(first[1:-1, 1:-1].copy())) <= NEAR
    assert bits_apart(hash_crop(first), hash_crop(second)) > 0


@pytest.fixture
def crops(tmp_path: Path) -> Path:
    rng = np.random.default_rng(0)
    for index in range(4):
        cv2.imwrite(str(tmp_path / f"{index}.png"), rng.integers(0, 255, (40, 40, 3), np.uint8))
    return tmp_path


def test_crops_are_hashed_in_the_order_of_their_rows(crops):
    rows = [row(f"{index}") for index in (2, 0, 2)]
    hashes = hash_crops(rows, crops)
    assert hashes.shape == (3, WORDS)
    assert hashes.dtype == np.uint64
    for line, found in zip(rows, hashes, strict=True):
        image = cv2.imread(str(crops / line.path), cv2.IMREAD_COLOR_RGB)
        assert np.array_equal(found, hash_crop(image))
    assert hash_crops([], crops).shape == (0, WORDS)


def test_what_was_hashed_before_is_not_read_again(crops):
    rows = [row(f"{index}") for index in range(4)]
    cache = crops / "hashes.npz"
    first = hash_crops(rows[:3], crops, cache=cache)
    for index in range(3):
        (crops / f"{index}.png").unlink()
    again = hash_crops(rows, crops, cache=cache)
    assert np.array_equal(again[:3], first)
    (crops / "3.png").unlink()
    assert np.array_equal(hash_crops(rows[::-1], crops, cache=cache), again[::-1])


def test_a_crop_that_is_missing_is_named(crops):
    with pytest.raises(AwareNetError, match="gone.png is missing or broken"):
        hash_crops([row("gone")], crops)


@pytest.mark.slow
def test_several_processes_give_the_same_hashes(crops):
    rows = [row(f"{index}") for index in range(4)]
    assert np.array_equal(hash_crops(rows, crops, workers=2), hash_crops(rows, crops))
