"""Calibration and threshold on scores made by hand, where the right answer is known."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression

from awarenet.errors import AwareNetError
from trainer import measure
from trainer.ensembles.scorers import two_tiers
from trainer.experiments import experiments
from trainer.fit import LOWEST_THRESHOLD, calibrate
from trainer.measure import ScoredClip, clip_log_odds, score_clips
from trainer.portraits.clips import MadeClip
from trainer.settings import EnsembleSettings, TrainerSettings

ONE = two_tiers([1.0])  # over a single family
ROWS = ("threshold", "false_alarm_rate", "detection_rate")


def clip(odds: float, label: int, person: str = "ann") -> ScoredClip:
    """A clip of two frames of one member; their mean log-odds are those given."""
    logits = np.array([odds - 0.25, odds + 0.25]).reshape(2, 1, 1)
    return ScoredClip(f"clip {odds}", label, "swap" if label else "real", person, "a", "x", logits)


def clips_of(odds: np.ndarray, labels: np.ndarray) -> list[ScoredClip]:
    return [clip(float(o), int(label)) for o, label in zip(odds, labels, strict=True)]


def trainer(**ensemble: object) -> TrainerSettings:
    return TrainerSettings(ensemble=EnsembleSettings(**ensemble))


def trainer_of_photos() -> TrainerSettings:
    return TrainerSettings.model_validate({"data": {"photos": ["somewhere/photos"]}})


def drawn(scale: float, offset: float, count: int = 4000) -> tuple[np.ndarray, np.ndarray]:
    """Log-odds whose true probability of a fake is sigmoid(scale * odds + offset)."""
    rng = np.random.default_rng(0)
    odds = rng.normal(-offset / scale, 2, count)
    return odds, (rng.random(count) < 1 / (1 + np.exp(-(scale * odds + offset)))).astype(int)


@pytest.mark.parametrize(("scale", "offset"), [(0.5, 0.0), (1.5, -1.0), (1.0, 0.8)])
def test_platt_scaling_finds_the_line_that_made_the_labels(scale, offset):
    odds, labels = drawn(scale, offset)  # as many real as fake
    found = calibrate(clips_of(odds, labels), [], ONE, trainer())
    assert found["scale"] == pytest.approx(scale, rel=0.12)
    assert found["offset"] == pytest.approx(offset, abs=0.15)


def test_platt_scaling_is_scikit_learns_and_at_the_bottom_of_its_loss():
    odds, labels = drawn(0.7, 0.2, 60)
    found = calibrate(clips_of(odds, labels), [], ONE, trainer())
    model = LogisticRegression(class_weight="balanced").fit(odds[:, None], labels)
    assert found["scale"] == pytest.approx(float(model.coef_[0, 0]), rel=1e-3)
    assert found["offset"] == pytest.approx(float(model.intercept_[0]), abs=1e-3)
    # by hand: both classes weigh the same, and the squared scale, halved, is added
    weights = np.where(labels == 1, 30 / labels.sum(), 30 / (1 - labels).sum())
    p = 1 / (1 + np.exp(-(found["scale"] * odds + found["offset"])))
    assert (weights * (p - labels)).sum() == pytest.approx(0, abs=0.02)
    assert (weights * (p - labels) * odds).sum() + found["scale"] == pytest.approx(0, abs=0.02)


def test_separable_clips_do_not_make_the_ensemble_certain():
    odds = np.array([-3, -2.5, -2, 2, 2.5, 3])
    found = calibrate(clips_of(odds, odds > 0), [], ONE, trainer())
    assert 0.5 < found["scale"] < 3
    assert found["offset"] == pytest.approx(0, abs=0.05)
    assert found["threshold"] == pytest.approx(LOWEST_THRESHOLD + 1e-3)


@given(
    st.lists(st.floats(-4, 2), min_size=1, max_size=60),
    st.lists(st.floats(-4, 2), max_size=60),
    st.sampled_from([0.02, 0.04, 0.1, 0.3]),
)
@settings(max_examples=40, deadline=None)
def test_genuine_clips_are_flagged_no_more_often_than_asked(videos, portraits, rate):
    real = clips_of(np.array(videos), np.zeros(len(videos)))
    fakes = clips_of(np.linspace(2.5, 4, 10), np.ones(10))
    still = clips_of(np.array(portraits), np.zeros(len(portraits)))
    found = calibrate([*real, *fakes], [*still, clip(9, 1)], ONE, trainer(false_alarms=rate))
    for group in filter(None, (real, still)):
        odds = found["scale"] * clip_log_odds(group, ONE) + found["offset"]
        flagged = 1 / (1 + np.exp(-odds)) >= found["threshold"]
        assert flagged.mean() <= rate + 1e-9
    assert found["threshold"] >= LOWEST_THRESHOLD


def test_the_threshold_is_no_higher_than_it_has_to_be():
    odds = np.linspace(-2, 2, 101)  # 4 of 101 may be flagged
    videos = [*clips_of(odds, np.zeros(101)), *clips_of(odds + 1, np.ones(101))]
    found = calibrate(videos, [], ONE, trainer(false_alarms=0.04))
    p = 1 / (1 + np.exp(-(found["scale"] * odds + found["offset"])))
    assert (p >= found["threshold"] - 2e-3).sum() == 5
    assert (p >= found["threshold"]).sum() == 4


def test_portraits_raise_the_threshold_but_do_not_move_the_calibration():
    videos = clips_of(np.array([-2, -1, -1.5, 1, 2, 1.5]), np.array([0, 0, 0, 1, 1, 1]))
    without = calibrate(videos, [], ONE, trainer())
    portraits = [*clips_of(np.full(20, 1.2), np.zeros(20)), clip(-5, 1)]
    found = calibrate(videos, portraits, ONE, trainer())
    assert (found["scale"], found["offset"]) == (without["scale"], without["offset"])
    assert found["threshold"] > without["threshold"]


def test_the_table_says_what_each_threshold_does():
    videos = clips_of(np.array([-2, -1, 1.0, -0.5, 1, 2]), np.array([0, 0, 0, 1, 1, 1]))
    found = calibrate(videos, [clip(-3, 0), clip(3, 1)], ONE, trainer())
    table = np.array([[row[key] for key in ROWS] for row in found["table"]])
    assert table[:, 0].tolist() == pytest.approx(np.linspace(0.05, 0.95, 19).round(3).tolist())
    assert (np.diff(table[:, 1:], axis=0) <= 0).all()

    def p(*odds: float) -> np.ndarray:
        return 1 / (1 + np.exp(-(found["scale"] * np.array(odds) + found["offset"])))

    for threshold, alarms, detected in table:
        assert alarms == pytest.approx((p(-2, -1, 1, -3) >= threshold).mean(), abs=1e-4)
        assert detected == pytest.approx((p(-0.5, 1, 2) >= threshold).mean(), abs=1e-4)


def test_no_source_of_genuine_clips_is_flagged_more_often_than_asked():
    def source(name: str, odds: np.ndarray, label: int) -> list[ScoredClip]:
        made = clips_of(odds, np.full(len(odds), label))
        return [replace(one, source=name, part="validation") for one in made]

    many, few = np.linspace(-4, -2, 400), np.linspace(-1, 1, 20)
    fakes = source("large", np.linspace(1, 4, 50), 1)
    found = calibrate(
        [*source("large", many, 0), *source("small", few, 0), *fakes], [], ONE,
        trainer(false_alarms=0.1),
    )  # fmt: skip
    p = 1 / (1 + np.exp(-(found["scale"] * few + found["offset"])))
    assert (p >= found["threshold"]).mean() <= 0.1  # of all 420 they would be 20


def test_the_words_say_how_many_clips_and_people_there_were():
    videos = [clip(-1, 0, "ann"), clip(-2, 0, "bob"), clip(1, 1, "ann")]
    found = calibrate(videos, [clip(-1, 0), clip(2, 1)], ONE, trainer())
    expected = "2 genuine and 1 fake clips of 2 people; threshold also on 1 validation portraits"
    assert found["fitted_on"] == expected


@pytest.mark.parametrize("label", [0, 1])
def test_calibration_on_one_class_is_refused(label):
    with pytest.raises(AwareNetError, match="calibration needs real and fake clips of people"):
        calibrate([clip(0.5, label)] * 3, [], ONE, trainer())


def test_members_that_have_it_the_wrong_way_round_are_refused():
    videos = clips_of(np.array([2, 1.5, -2, -1.5]), np.array([0, 0, 1, 1]))
    with pytest.raises(AwareNetError, match="fakes score lower than genuine clips"):
        calibrate(videos, [], ONE, trainer())


def moments(*shares: float) -> list[SimpleNamespace]:
    return [SimpleNamespace(members=[[share]]) for share in shares]


@pytest.fixture
def asked(monkeypatch) -> list[str]:
    """Names of the clips that a stand-in for the detector was asked about."""
    names = []
    people = [  # the most suspicious first; the second one was seen for long enough to decide
        SimpleNamespace(id=7, timeline=moments(0.9)),
        SimpleNamespace(id=3, timeline=moments(0.5, 0.25)),
    ]

    class Stub:
        def __init__(self, bundle, settings):
            assert not settings.explain.enabled

        def analyze(self, path: Path) -> SimpleNamespace:
            names.append(path.name)
            if path.name == "wall.mp4":
                return SimpleNamespace(status="no_face", people=[], decided_by=None)
            return SimpleNamespace(status="ok", people=people, decided_by=3)

    monkeypatch.setattr(measure, "Detector", Stub)
    monkeypatch.setattr(measure, "load_bundle", lambda folder: folder)
    return names


def test_a_clip_is_scored_once_by_the_same_members_and_anew_by_others(tmp_path, asked):
    config = tmp_path / "config.json"
    config.write_text('{"families": [{"members": [{"sha256": "one"}]}]}')
    clips = [MadeClip(name, 0, "real", "ann", name, "test") for name in ("a.mp4", "wall.mp4")]

    def score() -> list[ScoredClip]:
        [experiment] = experiments(trainer_of_photos())
        return score_clips(experiment, clips, tmp_path, tmp_path / "scored.json")

    found = score()
    assert asked == ["a.mp4", "wall.mp4"]
    assert [clip.status for clip in found] == ["ok", "no_face"]
    assert found[0].logits == pytest.approx(np.log([1, 1 / 3]).reshape(2, 1, 1))
    assert len(found[1].logits) == 0
    again = score()
    assert len(asked) == 2
    assert np.array_equal(again[0].logits, found[0].logits)
    config.write_text('{"families": [{"members": [{"sha256": "two"}]}]}')
    score()
    assert asked == ["a.mp4", "wall.mp4"] * 2
