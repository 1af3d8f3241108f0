"""Faces unlike the training data: no verdict on them, and none hidden behind them."""

import numpy as np
import pytest
import tiny_bundle
from clips import write_clip
from seams import faces, frames_of_two, knowing_ensemble, known_faces
from stepwise import codes, decider, which
from tiny_detector import make_detector

LIMIT = 2.5  # a person who is known is 0.8 off at most, the other one 5.9 or more


@pytest.fixture(scope="module")
def gated(tmp_path_factory):
    """Two detectors; each knows one of the two people only."""
    place, ensemble, (crops, _) = tmp_path_factory.mktemp("gated"), knowing_ensemble(), faces()
    for person in (0, 1):
        known = known_faces(ensemble, crops[person::2], limit=LIMIT)
        tiny_bundle.save(place / str(person), ensemble, competence=known, calibration=None)
    return [make_detector(place / str(person)) for person in (0, 1)]


@pytest.mark.parametrize("known", [0, 1])
def test_faces_unlike_the_training_data_get_no_verdict_however_sure_the_networks(
    gated, clips, known
):
    detector = gated[known]
    analysis = detector.with_settings(stability={"enabled": True, "frames": 2}).examine(
        clips / "two.mp4"
    )
    report = analysis.report
    for person in report.people:
        features = detector.runtime.observe(analysis.faces[person.id]).features
        distance = float(np.median(detector.bundle.competence.distances(features)))
        assert person.competence.distance == pytest.approx(distance, abs=1e-4)
        assert person.competence.outside == (distance > LIMIT) == (which(person) != known)
        assert person.interval[1] < report.threshold  # all on one side
        assert person.verdict == ("real" if which(person) == known else "inconclusive")
    decides = decider(report)
    assert decides is report.people[0]  # nobody is called fake: the most suspicious decides
    outside = decides.competence.outside
    assert ("outside_training" in codes(report)) is outside
    assert report.verdict == ("inconclusive" if outside else "real")
    verdicts = {each.verdict for each in (*report.other_votes, *report.stability.scores)}
    assert verdicts == {report.verdict}


def test_the_warning_names_the_distance_and_its_limit(gated, clips):
    report = gated[1].analyze(clips / "one.mp4")
    (warning,) = [each for each in report.warnings if each.code == "outside_training"]
    (person,) = report.people
    assert warning.values == {"distance": person.competence.distance, "limit": LIMIT}
    assert f"{person.competence.distance:.3g}" in warning.message


def test_a_face_that_the_networks_do_not_know_hides_no_fake(gated, tmp_path):
    clip, first = write_clip(tmp_path / "both.mp4", frames_of_two((True, True))), []
    for known in (0, 1):
        report = gated[known].analyze(clip)
        assert {which(person): person.verdict for person in report.people} == {
            known: "fake", 1 - known: "inconclusive",
        }  # fmt: skip
        assert report.verdict == "fake" and which(decider(report)) == known
        assert "outside_training" not in codes(report)
        first.append(which(report.people[0]))
    assert first[0] == first[1]  # so one of the two hides behind a number that means nothing


def test_a_fake_that_was_seen_too_briefly_still_decides_nothing(gated, tmp_path):
    clip = write_clip(tmp_path / "both.mp4", frames_of_two((True, True), leaves=1))
    report = gated[1].analyze(clip)
    seen = {which(person): (person.verdict, person.frames_seen) for person in report.people}
    assert seen == {0: ("inconclusive", 6), 1: ("fake", 2)}
    assert report.verdict == "inconclusive" and which(decider(report)) == 0
