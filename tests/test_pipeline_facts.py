"""What a report says beside its verdict, worked out of the same faces in another way."""

from functools import partial

import numpy as np
import pytest
from stepwise import codes, cut_out, decider, sampled, scored, scored_logits, which
from tiny_detector import SkinFinder, frames_of_one

from awarenet.explain import ENSEMBLE, deletion, find_regions, heat_maps
from awarenet.quantization import read_quantization
from awarenet.settings import Settings
from trainer.portraits.clips import write_clip


def test_judging_faces_early_changes_no_answer(detector, clips):
    clip = clips / "two.mp4"
    report = detector.with_settings(sampling={"frames": 12}).analyze(clip)
    for person in report.people:
        place = which(person)
        crops = cut_out(clip, 12, lambda faces, place=place: sorted(faces, key=_left)[place])
        score = scored(detector, crops)
        close = partial(pytest.approx, abs=1e-5)
        assert person.probability == close(score.probability)
        assert person.interval == close(score.interval)
        assert np.array(person.members) == close(score.members)
        assert [m.probability for m in person.timeline] == close(score.frames)
        assert np.array([m.interval for m in person.timeline]) == close(score.frame_intervals)
    assert [each.members for each in report.families.values()] == decider(report).members


def _left(face) -> float:
    return face.box[0]


def test_other_votes_are_worked_out_of_the_same_faces(detector, clips):
    report = detector.analyze(clips / "two.mp4")
    decides = decider(report)
    said = np.array([moment.members for moment in decides.timeline])
    logits = (np.log(said / (1 - said)) + 0.25) / 1.5  # undo the calibration

    def calibrated(odds: float) -> float:
        return 1 / (1 + np.exp(-(1.5 * odds - 0.25)))

    share = (1 / (1 + np.exp(-logits))).mean(axis=(1, 2))
    votes = (logits > 0).mean()
    expected = {
        "mean": calibrated(np.log(share / (1 - share)).mean()),
        "hard": calibrated(np.log((votes * 6 + 0.5) / ((1 - votes) * 6 + 0.5))),  # six frames
    }
    assert {vote.name: vote.probability for vote in report.other_votes} == {
        name: pytest.approx(value, abs=1e-4) for name, value in expected.items()
    }
    assert not any(vote.calibrated for vote in report.other_votes)


def test_the_worth_of_a_face_is_measured_where_it_is(detector, clips):
    report = detector.analyze(clips / "two.mp4")
    lumas = {0: [], 1: []}
    for frame in sampled(clips / "two.mp4", 6):
        for place, face in enumerate(sorted(SkinFinder().find(frame.image), key=_left)):
            x0, y0, x1, y1 = (int(edge) for edge in face.box)
            lumas[place].append(frame.image[y0:y1, x0:x1] @ [0.299, 0.587, 0.114] / 255)
    for person in report.people:
        drawn = lumas[which(person)]
        quality = person.quality
        assert quality.face_px == np.median([moment.face_px for moment in person.timeline])
        assert quality.light == pytest.approx(np.median([x.mean() for x in drawn]), abs=0.02)
        assert quality.contrast == pytest.approx(np.median([x.std() for x in drawn]), abs=0.02)
        assert quality.turned_deg == pytest.approx(0, abs=1)


def test_a_coarsely_compressed_clip_is_told_by_its_own_word(detector, tmp_path):
    clips = [tmp_path / "fine.mp4", tmp_path / "coarse.mp4"]
    for path, crf in zip(clips, (16, 51), strict=True):
        write_clip(path, list(frames_of_one(8)), 8, crf=crf)
    fine, coarse = (detector.analyze(path) for path in clips)
    assert fine.input.quantization < 10 < 25 < coarse.input.quantization
    assert "strongly_compressed" not in codes(fine) and "strongly_compressed" in codes(coarse)


def test_the_same_file_is_always_as_coarse(tmp_path):
    clip = tmp_path / "clip.mp4"
    write_clip(clip, list(frames_of_one(8)), 8, crf=45)
    # decoded by several threads, it had another figure every second time
    assert len({read_quantization(clip, Settings().limits) for _ in range(10)}) == 1


def test_a_picture_that_says_nothing_of_its_compression_gets_no_figure(detector, clips):
    assert detector.analyze(clips / "photo.png").input.quantization is None


def test_provenance_stands_in_the_report_unless_switched_off(detector, clips):
    asked = detector.analyze(clips / "one.mp4")
    assert asked.provenance.container["encoder"].startswith("Lavf")
    assert any("camera" in remark for remark in asked.provenance.remarks)
    silent = detector.with_settings(provenance={"enabled": False}).analyze(clips / "one.mp4")
    assert silent.provenance is None
    assert (silent.probability, silent.people) == (asked.probability, asked.people)


def test_heat_maps_are_put_to_the_test(detector, clips):
    tuned = detector.with_settings(explain={"enabled": True, "frames": 1})
    analysis = tuned.examine(clips / "one.mp4")
    report = analysis.report
    (found,) = report.explanation.frames
    place = [moment.frame for moment in report.people[0].timeline].index(found.frame)
    crop = analysis.faces[found.person][place]
    maps = {name: heat[0] for name, heat in heat_maps(tuned.runtime, crop[None]).items()}
    families = [maps[name].ravel() for name in report.families]
    assert found.agreement == pytest.approx(np.corrcoef(families)[0, 1], abs=1e-4)
    masks = find_regions(crop, 0.6)
    for name, shares in found.regions.items():
        assert sum(shares.values()) == pytest.approx(1, abs=1e-4)
        for region, share in shares.items():
            heat = maps[name][masks[region]].sum() / maps[name].sum()
            assert share == pytest.approx(heat, abs=1e-4)
    assert set(found.regions) == {ENSEMBLE, *report.families}
    assert found.areas == {
        name: pytest.approx(mask.mean(), abs=1e-6) for name, mask in masks.items()
    }
    expected = deletion(
        tuned.runtime,
        lambda logits: np.array([scored_logits(tuned, row[None]).probability for row in logits]),
        crop,
        maps[ENSEMBLE],
        within=~masks["outside"],
    )
    assert found.deletion.hottest == pytest.approx(expected.hottest, abs=1e-4) != 0
    assert found.deletion.random == pytest.approx(expected.random, abs=1e-4)


def test_the_deletion_test_can_be_left_out(detector, clips):
    tuned = detector.with_settings(explain={"enabled": True, "frames": 1, "deletion": False})
    (found,) = tuned.analyze(clips / "one.mp4").explanation.frames
    assert found.deletion is None and found.regions is not None and found.agreement is not None
