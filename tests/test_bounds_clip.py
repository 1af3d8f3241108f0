"""When a clip is settled though some networks have not run: against the evidence's own rule."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from awarenet.bounds import Possible, decided
from awarenet.evidence import Evidence
from awarenet.settings import Settings


def people_of(generator: np.random.Generator) -> tuple[list[Possible], list[int], list[bool]]:
    """Draw who is in a clip, on a coarse grid, so that people tie."""
    count = int(generator.integers(1, 5))
    people = []
    for _ in range(count):
        low, high = np.sort(generator.integers(0, 6, 2)) / 5
        size = generator.choice([1, 1, 1, 1, 2])
        verdicts = generator.choice(["fake", "real", "inconclusive"], size, replace=False)
        if generator.random() < 0.5:
            verdicts = ["fake"] if high > 0.6 else ["real"]
        people.append(Possible(frozenset(map(str, verdicts)), float(low), float(high)))
    seen = [int(n) for n in generator.integers(1, 6, count)]
    return people, seen, [bool(out) for out in generator.random(count) < 0.3]


def clip_verdict(
    generator: np.random.Generator,
    people: list[Possible],
    seen: list[int],
    outside: list[bool],
) -> tuple[str, list[str]]:
    """Ask the evidence itself, of one way in which it may come."""
    found = []
    for place, person in enumerate(people):
        end = generator.choice([0, 1, generator.random()])
        said = str(generator.choice(sorted(person.verdicts)))
        found.append(SimpleNamespace(
            id=place,
            probability=round(person.low + end * (person.high - person.low), 6),
            verdict="inconclusive" if outside[place] else said,
            frames_seen=seen[place],
            competence=SimpleNamespace(outside=outside[place]),
        ))  # fmt: skip
    evidence = Evidence(Path("clip.mp4"), None, None, None, Settings())
    evidence.info = SimpleNamespace(kind="video")
    evidence.people = sorted(found, key=lambda person: (-person.probability, person.id))
    return evidence.decides()[0].verdict, [person.verdict for person in found]


def test_a_clip_that_is_decided_comes_out_so_whatever_becomes_of_its_people():
    generator, counts = np.random.default_rng(7), {}
    needed = Settings().faces.min_track_frames
    for _ in range(1500):
        people, seen, outside = people_of(generator)
        said = decided(people, seen, needed, outside)
        counts[said] = counts.get(said, 0) + 1
        if said is None:
            continue
        ways = [clip_verdict(generator, people, seen, outside) for _ in range(12)]
        assert {clip for clip, _ in ways} == {said}
        assert len({tuple(each) for _, each in ways}) == 1
    assert min(counts.values()) > 60 and len(counts) == 4


@pytest.mark.parametrize(
    ("people", "outside", "expected"),
    [
        ([("real", 0.1, 0.2), ("fake", 0.8, 0.9)], [False, False], "fake"),
        ([("real", 0.1, 0.5), ("fake", 0.4, 0.9)], [False, False], None),  # either may come first
        ([("real", 0.1, 0.5), ("real", 0.4, 0.9)], [False, False], "real"),
        ([("real", 0.1, 0.2), ("fake", 0.8, 0.9)], [False, True], "inconclusive"),
        ([("fake", 0.6, 0.7), ("fake", 0.8, 0.9)], [False, True], "fake"),  # it is not hidden
        ([("fake real", 0.1, 0.9)], [False], None),
        ([("fake real", 0.1, 0.9)], [True], "inconclusive"),
    ],
)
def test_who_decides_may_stay_open_as_long_as_the_verdict_does_not(people, outside, expected):
    found = [Possible(frozenset(said.split()), low, high) for said, low, high in people]
    assert decided(found, [9] * len(found), 3, outside) == expected


def test_somebody_seen_too_briefly_holds_nothing_up_but_their_own_verdict():
    sure, briefly = Possible(frozenset({"real"}), 0.1, 0.2), Possible(frozenset({"fake"}), 0.8, 0.9)
    assert decided([sure, briefly], [9, 2], 3, [False, False]) == "real"
    open_one = Possible(frozenset({"fake", "real"}), 0.1, 0.9)
    assert decided([sure, open_one], [9, 2], 3, [False, False]) is None
    with pytest.raises(ValueError, match="expected as many"):
        decided([sure], [9, 2], 3, [False])
