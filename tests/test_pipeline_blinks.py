"""Blinks in a report: of the person who decides, beside the verdict and never in it."""

import jsonschema
import pytest
from blinking import film
from tiny_detector import SkinFinder, make_detector

import awarenet.pipeline
from awarenet.__main__ import main
from awarenet.errors import Canceled
from awarenet.faces import create_face_finder
from awarenet.pipeline import Analysis, Progress
from awarenet.report import report_schema

BLINKS = {"enabled": True, "frames_per_second": 12}


@pytest.fixture(scope="module")
def blinking(tmp_path_factory):
    """Six seconds with two blinks; not to be altered."""
    return film(tmp_path_factory.mktemp("blinks") / "talk.mp4", (1.6, 4.0), seconds=6)


@pytest.fixture(scope="module")
def real(saved):
    """The tiny networks behind the real face finder."""
    detector = make_detector(saved)
    detector.finder = create_face_finder(detector.settings.faces)
    return detector


def codes(report) -> set[str]:
    return {warning.code for warning in report.warnings}


def test_blinks_stand_beside_a_verdict_that_they_do_not_change(real, blinking):
    plain = real.analyze(blinking)
    *events, last = real.with_settings(blinks=BLINKS).run(blinking)
    steps = [event for event in events if isinstance(event, Progress)]
    assert isinstance(last, Analysis)
    report = last.report
    (person,) = report.people
    found = [blink.time_s for blink in person.blinks.blinks]
    assert found == pytest.approx([1.7, 4.1], abs=0.11)
    assert "no part of the probability" in person.blinks.indication
    assert person.model_copy(update={"blinks": None}) == plain.people[0]
    assert (report.probability, report.interval) == (plain.probability, plain.interval)
    assert codes(report) == codes(plain)
    assert report.timing_s.blinks > 0 == plain.timing_s.blinks
    jsonschema.Draft202012Validator(report_schema()).validate(report.to_dict())
    stages = list(dict.fromkeys(step.stage for step in steps))
    assert stages == ["decode", "detect", "score", "blinks"]
    done = [step.done for step in steps if step.stage == "blinks"]
    assert done == list(range(1, 6 * 12 + 1))
    assert {step.total for step in steps if step.stage == "blinks"} == {6 * 12}


def test_nobody_counts_blinks_unless_asked_to(detector, clips):
    report = detector.analyze(clips / "one.mp4")
    assert all(person.blinks is None for person in report.people)
    assert not any(code.startswith("blinks") for code in codes(report))


@pytest.mark.parametrize(
    ("name", "code"),
    [("photo.png", "blinks_need_video"), ("two.mp4", "blinks_too_short")],
)
def test_where_blinks_cannot_be_counted_the_report_says_why(detector, clips, name, code):
    report = detector.with_settings(blinks=BLINKS).analyze(clips / name)
    assert report.status == "ok"
    assert all(person.blinks is None for person in report.people)
    assert code in codes(report)


def test_a_clip_without_a_face_is_not_watched_a_second_time(detector, clips):
    report = detector.with_settings(blinks=BLINKS).analyze(clips / "wall.mp4")
    assert (report.status, codes(report), report.timing_s.blinks) == ("no_face", {"no_face"}, 0)


def test_stopping_ends_the_second_pass_too(real, blinking):
    reached = []
    with pytest.raises(Canceled):
        real.with_settings(blinks=BLINKS).analyze(
            blinking,
            on_progress=lambda event: reached.append(event.stage),
            should_stop=lambda: "blinks" in reached,
        )
    assert reached.count("blinks") == 1


@pytest.mark.parametrize("asked", [True, False])
def test_the_command_line_counts_blinks_when_asked_to(
    asked, saved, clips, blinking, monkeypatch, capsys
):
    if not asked:
        monkeypatch.setattr(awarenet.pipeline, "create_face_finder", lambda *_: SkinFinder())
    words = [str(blinking if asked else clips / "one.mp4"), "--model", str(saved), "--frames", "4"]
    words += ["--set", "runtime.device=cpu", "--set", "faces.min_face_px=20"]
    assert main([*words, *["--blinks"][: int(asked)]]) == 0
    assert ("2 blinks in 6 s" in capsys.readouterr().out) is asked
