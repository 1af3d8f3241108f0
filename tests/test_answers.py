"""Answers worked out ahead: what they hold, what they count for, and that those that ship fit."""

import shutil

import numpy as np
import pytest

import awarenet
from awarenet.answers import EXAMPLES, FOLDER, find_answer, write_answer
from awarenet.panels.answer import kept_note
from awarenet.settings import load_settings
from page.controls import chosen, find_examples
from page.runner import Answer, Runner

SETTINGS = {"sampling": {"frames": 6}, "explain": {"enabled": True, "frames": 1}}


@pytest.fixture(scope="module")
def tuned(detector):
    return detector.with_settings(**SETTINGS)


@pytest.fixture(scope="module")
def ahead(tuned, clips, tmp_path_factory):
    """A folder with the answer on a clip."""
    folder = tmp_path_factory.mktemp("ahead")
    write_answer(folder, clips / "two.mp4", tuned)
    return folder


@pytest.fixture(scope="module")
def shipped():
    """The ensemble that ships, with the settings that the page starts with."""
    settings = load_settings()
    start = chosen(settings.sampling.frames, True, False, False, 0)
    return awarenet.load_detector(settings=settings).with_settings(**start)


def test_an_answer_holds_what_an_analysis_gives(ahead, tuned, clips, tmp_path):
    copied = shutil.copy(clips / "two.mp4", tmp_path)  # as Gradio copies an example
    expected, found = tuned.examine(clips / "two.mp4"), find_answer(ahead, copied, tuned)
    for field in ("verdict", "probability", "interval", "people", "families", "explanation"):
        assert getattr(found.report, field) == getattr(expected.report, field)
    assert found.faces.keys() == expected.faces.keys() and len(found.faces) == 2
    for person, crops in expected.faces.items():
        assert found.faces[person].shape == crops.shape
        away = found.faces[person].astype(float) - crops
        assert np.sqrt((away**2).mean()) < 12  # of 255
    assert [(o.person, o.frame, o.family) for o in found.overlays] == [
        (o.person, o.frame, o.family) for o in expected.overlays
    ]
    drawn = {overlay.frame for overlay in found.overlays}
    assert found.previews.keys() == expected.previews.keys() and len(drawn) < len(found.previews)
    for frame, preview in expected.previews.items():
        smaller = 1 if frame in drawn else 2
        assert found.previews[frame].scale == preview.scale / smaller
        height, width = preview.image().shape[:2]
        assert found.previews[frame].image().shape == (height // smaller, width // smaller, 3)


@pytest.mark.parametrize(
    "other", [{"sampling": {"frames": 5}}, {"verdict": {"threshold": 0.3}}], ids=str
)
def test_it_counts_for_no_other_settings(ahead, tuned, clips, other):
    assert find_answer(ahead, clips / "two.mp4", tuned.with_settings(**other)) is None


def test_it_counts_for_no_other_file_or_bundle(ahead, tuned, clips, tmp_path, monkeypatch):
    altered = tmp_path / "two.mp4"
    altered.write_bytes((clips / "two.mp4").read_bytes() + b"\0")
    assert find_answer(ahead, altered, tuned) is None
    assert find_answer(ahead, clips / "one.mp4", tuned) is None
    assert find_answer(ahead / "missing", clips / "two.mp4", tuned) is None
    object.__setattr__(other := type(tuned.bundle)(**vars(tuned.bundle)), "sha256", "0" * 64)
    monkeypatch.setattr(tuned, "bundle", other)
    assert find_answer(ahead, clips / "two.mp4", tuned) is None


def test_one_that_is_broken_counts_as_none(ahead, tuned, clips, tmp_path, caplog):
    whole = (ahead / "two.zip").read_bytes()
    (tmp_path / "two.zip").write_bytes(whole[: len(whole) // 2])
    assert find_answer(tmp_path, clips / "two.mp4", tuned) is None
    assert "cannot be read" in caplog.text


def test_the_page_gives_it_without_asking_the_networks(ahead, detector, clips, tmp_path):
    unasked = detector.with_settings()
    unasked.runtime = None  # with_settings shares what stands here
    runner = Runner(unasked, tmp_path / "kept", 10**9, ahead)
    (answer,) = runner.analyze(str(clips / "two.mp4"), SETTINGS, "somebody")
    assert isinstance(answer, Answer) and answer.at_once
    assert runner.kept().get(answer.key).report == answer.analysis.report
    made = answer.analysis.report.created
    assert f"Worked out on {made[:10]} {made[11:16]} UTC" in kept_note(answer.analysis.report)


def test_every_example_that_ships_has_an_answer_of_the_bundle_and_settings_that_ship(shipped):
    """Where this fails, `python -m awarenet.answers` writes them anew."""
    examples, answers = find_examples(EXAMPLES), sorted((EXAMPLES / FOLDER).iterdir())
    assert [path.stem for path in answers] == [path.stem for path in examples]
    assert sum(path.stat().st_size for path in answers) < 5_000_000
    verdicts = {}
    for path in examples:
        answer = find_answer(EXAMPLES / FOLDER, path, shipped)
        assert answer is not None, path.name
        assert answer.report.model.sha256 == shipped.bundle.sha256
        verdicts[path.stem] = answer.report.verdict
    assert verdicts == {
        "genuine": "real", "swapped": "fake", "two_people": "fake",
        "rendered": "real", "rendered_swapped": "inconclusive",
    }  # fmt: skip


@pytest.mark.slow
def test_an_answer_that_ships_is_what_the_networks_say_now(shipped):
    path = EXAMPLES / "two_people.mp4"
    stored = find_answer(EXAMPLES / FOLDER, path, shipped).report
    fresh = shipped.with_settings(explain={"enabled": False}).analyze(path)
    assert (fresh.verdict, fresh.decided_by) == (stored.verdict, stored.decided_by)
    for now, then in zip(fresh.people, stored.people, strict=True):
        assert now.probability == pytest.approx(then.probability, abs=1e-3)
        assert now.interval == pytest.approx(then.interval, abs=5e-3)
        assert [m.frame for m in now.timeline] == [m.frame for m in then.timeline]
