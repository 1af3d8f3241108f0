"""What an analysis says before it is done, and whether its answer stands."""

from functools import partial

import numpy as np
import pytest
from clips import write_clip
from stepwise import codes, cut_out, decider, largest, scored
from tiny_detector import frames_of_one, frames_of_two

from awarenet.errors import Canceled
from awarenet.pipeline import Analysis, Interim, Progress
from awarenet.quality import sharpness
from awarenet.runtime import Observed
from awarenet.stability import DAMAGES, check

CHECKED = {"stability": {"enabled": True, "frames": 3}, "explain": {"enabled": True, "frames": 1}}


@pytest.fixture(scope="module")
def long(tmp_path_factory):
    """Two people for 24 frames; not to be altered."""
    return write_clip(tmp_path_factory.mktemp("long") / "long.mp4", frames_of_two(24))


def test_an_opinion_forms_before_all_frames_were_seen(detector, long):
    tuned = detector.with_settings(sampling={"frames": 20})
    steps = [step for step in tuned.run(long) if isinstance(step, Progress)]
    formed = [step for step in steps if step.partial]
    # of two people: four faces are judged, then eight and eight; the largest of a frame count
    assert [step.partial.faces for step in formed] == [2, 6, 10, 14, 18]
    assert {step.stage for step in formed} == {"detect"}
    assert formed[0].done == 2  # with the second frame, not later
    crops = cut_out(long, 20, largest)
    for step in formed:
        rests_on = scored(detector, crops[: step.partial.faces])
        assert step.partial.probability == pytest.approx(rests_on.probability, abs=1e-5)


def test_frames_without_a_face_are_no_part_of_an_opinion(detector, tmp_path):
    wall = [np.full((120, 160, 3), 60, np.uint8)] * 5
    drawn = list(frames_of_one(8))
    clip = write_clip(tmp_path / "clip.mp4", wall + drawn[:4] + wall + drawn[4:])
    tuned = detector.with_settings(sampling={"frames": 18})
    steps = [step for step in tuned.run(clip) if isinstance(step, Progress)]
    assert [(step.done, step.partial.faces) for step in steps if step.partial] == [(9, 4)]


def test_a_verdict_comes_before_the_checks_and_stays(detector, long):
    events = list(detector.with_settings(**CHECKED).run(long))
    kinds = [
        event.stage if isinstance(event, Progress) else type(event).__name__ for event in events
    ]
    assert list(dict.fromkeys(kinds)) == [
        "decode", "detect", "score", "Interim", "stability", "explain", "Analysis",
    ]  # fmt: skip
    assert kinds.count("Interim") == kinds.count("Analysis") == 1
    early = next(event for event in events if isinstance(event, Interim)).analysis
    late = events[-1]
    assert isinstance(late, Analysis)
    same = ("verdict", "probability", "interval", "decided_by", "people", "families", "other_votes")
    for name in same:
        assert getattr(early.report, name) == getattr(late.report, name)
    # and what came later did not creep into what was handed out
    assert early.report.stability is None and early.report.explanation.frames == []
    assert early.overlays == () and late.report.explanation.frames
    assert sorted(early.faces) == sorted(late.faces) == [1, 2]


def test_without_checks_there_is_nothing_to_wait_for(detector, long):
    assert not any(isinstance(event, Interim) for event in detector.run(long))


def test_the_faces_of_who_decides_are_damaged_and_scored_again(detector, long):
    tuned = detector.with_settings(stability={"enabled": True, "frames": 3})
    events = list(tuned.run(long))
    steps = [step for step in events if isinstance(step, Progress) and step.stage == "stability"]
    total = len(DAMAGES)
    assert [(step.done, step.total) for step in steps] == [(n, total) for n in range(total + 1)]
    report = events[-1].report
    found = report.stability
    assert (found.person, found.frames) == (report.decided_by, 3)
    crops = events[-1].faces[report.decided_by]
    assert len(crops) == 6
    untouched = scored(detector, crops[[1, 3, 5]])  # the middle of each third
    assert found.untouched == pytest.approx(untouched.probability, abs=1e-5)
    *_, expected = check(
        crops,
        [moment.box for moment in decider(report).timeline],
        partial(scored, detector),
        margin=0.6,
        person=report.decided_by,
        threshold=report.threshold,
        frames=3,
    )
    assert [each.damage for each in found.scores] == list(DAMAGES)
    for one, other in zip(found.scores, expected.scores, strict=True):
        assert one.probability == pytest.approx(other.probability, abs=1e-5)
        assert one.verdict == other.verdict
    assert report.timing_s.stability > 0
    assert "flips" not in codes(report)


def test_an_answer_that_turns_around_under_damage_is_warned_of(detector, long, monkeypatch):
    """Networks that take fine detail for a fake are fooled by whatever takes it away."""

    def looks_for_detail(crops: np.ndarray, _: object = None) -> np.ndarray:
        sharp = np.array([sharpness(crop) for crop in crops])
        spread = np.array([[0.1, -0.1], [0.1, -0.1]])
        return (np.where(sharp > 150, 3.0, -3.0)[:, None, None] + spread).astype(np.float32)

    def observes_detail(crops: np.ndarray, *_: object) -> Observed:
        return Observed(looks_for_detail(crops), {})

    monkeypatch.setattr(detector.runtime, "logits", looks_for_detail)
    monkeypatch.setattr(detector.runtime, "observe", observes_detail)
    report = detector.with_settings(stability={"enabled": True}).analyze(long)
    assert report.verdict == "fake"
    found = report.stability
    verdicts = {each.damage: each.verdict for each in found.scores}
    assert verdicts["blur"] == "real" and verdicts["jpeg_70"] == "fake"
    assert found.flips_under == [name for name, said in verdicts.items() if said == "real"]
    assert found.low < report.threshold < found.untouched <= found.high
    (warning,) = [warning for warning in report.warnings if warning.code == "flips"]
    assert warning.values["codes"] == found.flips_under
    assert DAMAGES["blur"].words in warning.message
    assert DAMAGES["jpeg_70"].words not in warning.message


@pytest.mark.parametrize("stage", ["stability", "explain"])
def test_stopping_between_two_steps_of_a_check_ends_it_there(detector, long, stage):
    tuned, reached = detector.with_settings(**CHECKED), []
    with pytest.raises(Canceled):
        for event in tuned.run(long, should_stop=lambda: reached.count(stage) == 2):
            reached.append(getattr(event, "stage", "Interim"))
    assert reached.count(stage) == 2 and reached[-1] == stage


@pytest.mark.parametrize(("stage", "crops"), [("stability", 8), ("explain", 10)])
def test_stopping_within_a_step_of_a_check_ends_before_the_next_batch(
    detector, long, monkeypatch, stage, crops
):
    """Stop is wished for while the networks are busy with the second step of a stage."""
    seen, busy_with = [], []
    own = detector.runtime.logits

    def watched(crops: np.ndarray, should_stop: object) -> np.ndarray:
        found = own(crops, should_stop)
        if seen.count(stage) == 2:
            busy_with.append(len(crops))
        return found

    monkeypatch.setattr(detector.runtime, "logits", watched)
    tuned = detector.with_settings(
        sampling={"frames": 10},
        stability={"enabled": True, "frames": 10},
        explain={"enabled": True, "frames": 2},
    )
    with pytest.raises(Canceled):
        for event in tuned.run(long, should_stop=lambda: bool(busy_with)):
            seen.append(getattr(event, "stage", "Interim"))
    assert busy_with == [crops]  # ten faces in batches of eight; one blanked in ten ways
    assert seen.count(stage) <= 3
