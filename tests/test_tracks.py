"""Who is who: drawn people who stay, move, swap places, leave, return and are cut to."""

import numpy as np
import pytest
from clips import draw_face

from awarenet.faces import Face, crop_face
from awarenet.tracks import Track, Tracker, describe

WALL, GARDEN = (90, 110, 140), (60, 140, 70)
LEFT, RIGHT = (90, 120), (230, 120)
Person = tuple[int, tuple[int, int]]  # who, and where the face is


def scene(*people: Person, paper=WALL, side=80, seed=0) -> tuple[np.ndarray, list[Face]]:
    image = np.empty((240, 320, 3), np.uint8)
    image[:] = paper
    smile = seed % 4 / 4
    faces = [draw_face(image, place, side, person=who, smile=smile) for who, place in people]
    noise = np.random.default_rng(seed).normal(0, 4, image.shape)
    return np.clip(image + noise, 0, 255).astype(np.uint8), faces


def follow(*shots: list[tuple[np.ndarray, list[Face]]], **options) -> list[Track]:
    """Track through shots, each a list of frames; frames are numbered 0, 10, 20, ... throughout."""
    tracker, index = Tracker(**{"margin": 0.6, "side": 64} | options), 0
    for shot, frames in enumerate(shots):
        for image, faces in frames:
            tracker.add(index, index / 25, shot, image, faces)
            index += 10
    return tracker.finish()


def still(person: int, count: int, place=LEFT, **options) -> list[tuple[np.ndarray, list[Face]]]:
    return [scene((person, place), seed=seed, **options) for seed in range(count)]


def frames_of(tracks: list[Track]) -> list[list[int]]:
    """Frames that each track was seen in, tens dropped; tracks by their first frame."""
    return sorted([sighting.frame // 10 for sighting in track.sightings] for track in tracks)


def test_somebody_who_stays_is_one_track():
    (track,) = follow(still(1, 6))
    assert [sighting.frame for sighting in track.sightings] == [0, 10, 20, 30, 40, 50]
    assert [sighting.time_s for sighting in track.sightings] == [0, 0.4, 0.8, 1.2, 1.6, 2.0]
    assert {sighting.shot for sighting in track.sightings} == {0}


def test_nobody_is_no_track():
    assert follow([]) == follow([scene(), scene()]) == []


def test_somebody_may_move_by_a_face_between_two_samples():
    walk = [scene((1, (60 + 60 * step, 120)), seed=step) for step in range(4)]
    assert frames_of(follow(walk)) == [[0, 1, 2, 3]]


def test_two_people_are_told_apart_in_whatever_order_they_are_found():
    frames = [scene((1, LEFT), (2, RIGHT), seed=seed) for seed in range(6)]
    shuffled = [(image, faces[:: (-1) ** number]) for number, (image, faces) in enumerate(frames)]
    for tracks in (follow(frames), follow(shuffled)):
        assert frames_of(tracks) == [[0, 1, 2, 3, 4, 5]] * 2
        for track in tracks:
            assert len({sighting.face.box[0] for sighting in track.sightings}) == 1


def test_two_people_who_swap_places_between_two_samples_are_not_taken_for_each_other():
    near, far = (130, 120), (200, 120)
    frames = [scene((1, near), (2, far), seed=0), scene((1, far), (2, near), seed=1)]
    tracks = follow(frames)
    assert frames_of(tracks) == [[0, 1], [0, 1]]
    for track in tracks:
        before, after = (sighting.face.box[0] for sighting in track.sightings)
        assert before != after


@pytest.mark.parametrize("paper", [WALL, GARDEN])
def test_a_cut_to_another_face_in_the_same_place_is_another_person(paper):
    assert frames_of(follow(still(1, 4), still(2, 4, paper=paper))) == [[0, 1, 2, 3], [4, 5, 6, 7]]


def test_a_cut_back_returns_to_the_same_person():
    tracks = follow(still(1, 4), still(2, 4), still(1, 4, place=RIGHT))
    assert frames_of(tracks) == [[0, 1, 2, 3, 8, 9, 10, 11], [4, 5, 6, 7]]


def test_a_cut_that_went_unnoticed_joins_nobody():
    assert frames_of(follow(still(1, 4) + still(2, 4, paper=GARDEN))) == [
        [0, 1, 2, 3],
        [4, 5, 6, 7],
    ]


def test_somebody_who_was_gone_for_a_while_is_still_the_same():
    gap = [scene(seed=9)] * 5
    for place in (LEFT, RIGHT):
        tracks = follow(still(1, 3) + gap + still(1, 3, place=place))
        assert frames_of(tracks) == [[0, 1, 2, 8, 9, 10]]


def test_two_faces_in_one_frame_are_two_people_however_alike():
    twins = [scene((1, LEFT), (1, RIGHT), seed=seed) for seed in range(4)]
    assert frames_of(follow(twins)) == [[0, 1, 2, 3]] * 2
    assert frames_of(follow(twins, twins)) == [[0, 1, 2, 3, 4, 5, 6, 7]] * 2


def test_the_most_prominent_person_comes_first():
    small, large = still(1, 5, side=40), still(2, 5, side=100)
    tracks = follow(small, large, still(3, 2, side=40))
    assert [track.id for track in tracks] == [1, 2, 3]
    assert [track.sightings[0].frame // 10 for track in tracks] == [5, 0, 10]
    assert tracks[0].prominence == pytest.approx(5 * 100)


def test_a_sighting_keeps_the_crop_of_the_bundle_and_not_the_frame():
    image, faces = scene((1, LEFT))
    (track,) = follow([(image, faces)], margin=0.3, side=48)
    crop = track.sightings[0].crop
    np.testing.assert_array_equal(crop, crop_face(image, faces[0].box, margin=0.3, side=48))
    assert not np.shares_memory(crop, image)
    assert track.sightings[0].face is faces[0]


def test_of_a_crowd_the_largest_faces_are_kept():
    image = np.zeros((240, 320, 3), np.uint8)
    faces = [
        draw_face(image, (20 + 40 * number, 60), 20 + number, person=number) for number in range(7)
    ]
    tracks = follow([(image, faces)], max_faces=3)
    assert [track.sightings[0].face for track in tracks] == [faces[6], faces[5], faces[4]]


def likeness(one: tuple[np.ndarray, list[Face]], two: tuple[np.ndarray, list[Face]]) -> float:
    return float(describe(one[0], one[1][0])[0] @ describe(two[0], two[1][0])[0])


def test_a_face_is_like_itself_and_unlike_others():
    people = [scene((person, (160, 120)), side=150) for person in range(6)]
    table = np.array([[likeness(one, two) for two in people] for one in people])
    np.testing.assert_allclose(np.diag(table), 1, atol=1e-5)
    assert table[~np.eye(6, dtype=bool)].max() < 0.87


def test_a_face_is_like_itself_in_other_light_and_size():
    image, faces = scene((1, (160, 120)), side=150)
    assert likeness((image, faces), (image // 2 + 40, faces)) > 0.97
    assert likeness((image, faces), scene((1, (120, 110)), side=75, seed=3)) > 0.9


def test_a_blank_picture_is_like_nothing():
    blank, faces = np.full((240, 320, 3), 128, np.uint8), scene((1, LEFT))[1]
    looks, colors = describe(blank, faces[0])
    assert not looks.any()
    assert np.linalg.norm(colors) == pytest.approx(1)
