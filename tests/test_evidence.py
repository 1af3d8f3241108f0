"""The steps of an analysis: progress, stopping, heat maps, thumbnails, what is left behind."""

import tempfile
import weakref

import numpy as np
import pytest
from tiny_detector import (
    SKINS,
    SkinFinder,
    one_person,
)

from awarenet.cage import OpenedFile
from awarenet.errors import Canceled
from awarenet.explain import ENSEMBLE
from awarenet.faces import crop_face
from awarenet.pipeline import Analysis, Interim, Progress
from awarenet.scoring import Calibration, track_score
from awarenet.settings import Settings
from awarenet.video import probe, sample_frames


def test_a_clips_score_is_the_one_computed_step_by_step(detector, clips):
    path, limits = clips / "one.mp4", Settings().limits
    crops = [
        crop_face(frame.image, SkinFinder().find(frame.image)[0].box, margin=0.6, side=80)
        for frame in sample_frames(path, probe(path, limits), 6, limits)
    ]
    logits = detector.runtime.logits(np.stack(crops))
    weights = np.array(list(detector.bundle.ensemble.weights.values()))

    def mix(logits: np.ndarray) -> np.ndarray:
        return (1 / (1 + np.exp(-logits))).mean(axis=2) @ weights

    score = track_score(logits, mix, Calibration(1.5, -0.25))
    report = detector.analyze(path)
    assert report.probability == pytest.approx(score.probability, abs=1e-5)
    assert report.interval == pytest.approx(score.interval, abs=1e-5)
    assert [m.probability for m in report.people[0].timeline] == pytest.approx(
        score.frames, abs=1e-5
    )
    assert report.people[0].timeline[2].members == pytest.approx(score.frame_members[2], abs=1e-5)


def test_progress_goes_through_the_stages_in_order_and_ends_with_the_analysis(detector, clips):
    tuned = detector.with_settings(explain={"enabled": True, "frames": 1})
    events = tuned.run(clips / "one.mp4")
    *steps, last = (event for event in events if not isinstance(event, Interim))
    assert isinstance(last, Analysis)
    assert all(isinstance(step, Progress) and 0 <= step.done <= step.total for step in steps)
    stages = list(dict.fromkeys(step.stage for step in steps))
    assert stages == ["decode", "detect", "score", "explain"]
    for stage in stages[1:]:
        done = [step.done for step in steps if step.stage == stage]
        assert done == sorted(done)
        assert done[-1] == [step.total for step in steps if step.stage == stage][-1]


@pytest.mark.parametrize("stage", ["detect", "score", "explain"])
def test_stopping_ends_an_analysis_at_any_stage(detector, clips, stage):
    tuned = detector.with_settings(explain={"enabled": True})
    reached = []
    with pytest.raises(Canceled):
        tuned.analyze(
            clips / "two.mp4",
            on_progress=lambda event: reached.append(event.stage),
            should_stop=lambda: stage in reached,
        )
    assert reached[-1] == stage


def test_leaving_midway_closes_the_file(detector, clips, monkeypatch):
    closed, sample = [], OpenedFile.sample

    def sampled(*args: object):
        try:
            yield from sample(*args)
        finally:
            closed.append(True)

    monkeypatch.setattr(OpenedFile, "sample", sampled)
    running = detector.run(clips / "one.mp4")
    while next(running).stage != "detect":
        pass
    assert not closed
    running.close()
    assert closed


def test_the_most_suspicious_frames_of_each_person_are_explained(detector, clips):
    tuned = detector.with_settings(explain={"enabled": True, "frames": 2})
    analysis = tuned.examine(clips / "two.mp4")
    report, explanation = analysis.report, analysis.report.explanation
    assert explanation.method == "gradcam"
    assert explanation.layers == {"test_resnet": "layer4", "mobilenet_v2": "blocks.4"}
    for person in report.people:
        ranked = sorted(person.timeline, key=lambda moment: -moment.probability)
        frames = [each for each in explanation.frames if each.person == person.id]
        assert [each.frame for each in frames] == [moment.frame for moment in ranked[:2]]
        for each, moment in zip(frames, ranked, strict=False):
            assert each.strength == {ENSEMBLE: moment.probability, **moment.families}
    assert [(o.person, o.frame) for o in analysis.overlays[::3]] == [
        (each.person, each.frame) for each in explanation.frames
    ]
    assert {o.family for o in analysis.overlays} == {"test_resnet", "mobilenet_v2", ENSEMBLE}
    assert all(o.image.shape == (120, 320, 3) for o in analysis.overlays)


def test_explaining_changes_nothing_of_the_verdict(detector, clips):
    plain = detector.analyze(clips / "two.mp4")
    explained = detector.with_settings(explain={"enabled": True}).analyze(clips / "two.mp4")
    assert plain.people == explained.people
    assert (plain.probability, plain.interval) == (explained.probability, explained.interval)


def test_an_overlay_lies_on_the_frame_that_it_names(detector, clips):
    tuned = detector.with_settings(explain={"enabled": True, "frames": 1, "alpha": 0.0})
    shown = tuned.examine(clips / "one.mp4").overlays[0]
    limits = Settings().limits
    frames = sample_frames(clips / "one.mp4", probe(clips / "one.mp4", limits), 6, limits)
    differences = {
        frame.index: np.abs(frame.image.astype(int) - shown.image).mean() for frame in frames
    }
    assert min(differences, key=differences.get) == shown.frame
    assert differences[shown.frame] < 2  # what JPEG costs


def test_thumbnails_show_each_person_where_the_face_is_largest(detector, clips):
    analysis = detector.examine(clips / "two.mp4")
    assert sorted(analysis.thumbnails) == [1, 2]
    for person in analysis.report.people:
        face = analysis.thumbnails[person.id]
        skin = SKINS[0] if person.box_of_best[0] < 160 else SKINS[1]
        assert face.shape == (80, 80, 3)
        assert np.abs(face[30, 40].astype(int) - skin).max() < 40


def test_an_analysis_leaves_no_files(detector, clips, tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    before = sorted(clips.iterdir())
    detector.with_settings(explain={"enabled": True}).analyze(clips / "one.mp4")
    detector.analyze(clips / "wall.mp4")
    assert list(tmp_path.iterdir()) == []
    assert sorted(clips.iterdir()) == before


def test_frames_are_let_go_of_as_soon_as_their_faces_are_cut_out(detector, tmp_path, monkeypatch):
    given, alive, sample = [], [], OpenedFile.sample

    def sampled(*args: object):
        for frame in sample(*args):
            given.append(weakref.ref(frame.image))
            alive.append(sum(image() is not None for image in given))
            yield frame
            del frame

    monkeypatch.setattr(OpenedFile, "sample", sampled)
    tuned = detector.with_settings(sampling={"frames": 30}, explain={"enabled": True, "frames": 1})
    tuned.analyze(one_person(tmp_path / "long.mp4", 40))
    assert len(given) == 30
    assert max(alive) <= 2
