"""Early exit in whole analyses: the verdict of all networks, from fewer of them."""

import hashlib
import json

import numpy as np
import pytest
from tiny_detector import make_detector, one_person, two_people

from awarenet.__main__ import main
from awarenet.pipeline import Detector
from awarenet.runtime import Observed

EARLY = {"verdict": {"early_exit": True}}


@pytest.fixture
def opinionated(saved, monkeypatch):
    """Give a detector whose networks say what a seed makes them say of a crop, and how often."""

    def make(seed: int, mean: float, spread: float) -> tuple[Detector, list[int]]:
        detector, passes = make_detector(saved), []

        def observe(crops: np.ndarray, _: object = None, wanted: object = None) -> Observed:
            said = []
            for crop in crops:
                digest = hashlib.sha256(crop.tobytes() + bytes([seed])).digest()
                drawn = np.random.default_rng(int.from_bytes(digest[:8], "big")).normal(size=(2, 2))
                said.append(mean + spread * drawn)
            logits = np.array(said, np.float32)
            wanted = np.ones((2, 2), bool) if wanted is None else wanted
            passes.append(int(wanted.sum()) * len(crops))
            return Observed(np.where(wanted, logits, np.nan).astype(np.float32), {})

        monkeypatch.setattr(detector.runtime, "observe", observe)
        return detector, passes

    return make


@pytest.mark.parametrize(("mean", "threshold"), [(-6, 0.9), (-1, 0.6), (0.5, 0.6), (6, 0.1)])
def test_verdicts_are_those_of_all_networks_whatever_they_say(
    opinionated, tmp_path, mean, threshold
):
    clips = [one_person(tmp_path / "one.mp4"), two_people(tmp_path / "two.mp4")]
    left_out = 0
    for seed in range(4):
        detector, passes = opinionated(seed, mean, spread=1.0)
        detector = detector.with_settings(verdict={"threshold": threshold})
        for clip in clips:
            full, in_full = detector.analyze(clip), sum(passes)
            passes.clear()
            early = detector.with_settings(**EARLY).analyze(clip)
            assert early.verdict == full.verdict
            assert {each.id: each.verdict for each in early.people} == {
                each.id: each.verdict for each in full.people
            }
            assert full.early_exit is None
            if early.early_exit is None:
                assert (early.probability, early.interval) == (full.probability, full.interval)
            else:
                left_out += 1
                assert early.early_exit.passes == sum(passes) < in_full
                assert early.early_exit.passes_in_full == in_full
                low, high = early.interval
                assert low <= early.probability <= high
            passes.clear()
    assert left_out or abs(mean) < 6  # where all agree, there is something to leave out


def test_where_the_first_faces_settle_nothing_the_next_ones_are_shown_to_all(opinionated, tmp_path):
    clip = one_person(tmp_path / "one.mp4")
    for mean, per_face in ((0.0, 4), (-6.0, 2)):  # two families of two members
        detector, passes = opinionated(0, mean, 0.5)
        chosen = {"verdict": {"early_exit": True, "threshold": 0.9}, "sampling": {"frames": 12}}
        report = detector.with_settings(**chosen).analyze(clip)
        assert (report.early_exit is None) == (per_face == 4)
        left = [4 * 2] if per_face == 4 else []
        assert passes == [4 * 2, 8 * per_face, *left]


def test_a_report_says_which_families_ran_and_nothing_of_the_others(opinionated, tmp_path):
    detector, _ = opinionated(0, -6.0, 0.5)
    sure = {"verdict": {"early_exit": True, "threshold": 0.9}}
    report = detector.with_settings(**sure).analyze(one_person(tmp_path / "one.mp4"))
    (ran,) = report.early_exit.families
    (left,) = set(report.families) - {ran}
    assert report.families[left].probability is None and not report.families[left].members
    assert report.families[ran].probability is not None
    (person,) = report.people
    assert list(person.families) == [ran] and len(person.members) == 1
    assert all(list(moment.families) == [ran] for moment in person.timeline)
    assert report.other_votes == []


@pytest.mark.parametrize("asked", ["explain", "stability"])
def test_who_asks_for_more_than_a_verdict_gets_every_network(opinionated, tmp_path, asked):
    detector, _ = opinionated(0, -6.0, 0.5)
    tuned = detector.with_settings(**EARLY, **{asked: {"enabled": True}})
    assert tuned.analyze(one_person(tmp_path / "one.mp4")).early_exit is None


def test_a_number_that_a_network_did_not_give_is_an_error_here_too(opinionated, tmp_path):
    detector, _ = opinionated(0, np.nan, 1.0)
    report = detector.with_settings(**EARLY).analyze(one_person(tmp_path / "one.mp4"))
    assert (report.status, report.verdict) == ("error", None)


def test_the_command_line_leaves_networks_out_in_a_scan_unless_it_shall_be_full(
    saved, tmp_path, capsys
):
    clips = [str(one_person(tmp_path / name)) for name in ("a.mp4", "b.mp4")]
    wishes = {}
    for name, call in {
        "one": clips[:1],
        "scan": clips,
        "full": [*clips, "--full"],
        "folder": [str(tmp_path)],
        "typed": [*clips, "--set", "verdict.early_exit=false"],
    }.items():
        assert main([*call, "--model", str(saved), "--frames", "2", "--json", "-", "--quiet"]) == 0
        lines = capsys.readouterr().out.splitlines()
        wishes[name] = json.loads(lines[0])["settings"]["verdict"]["early_exit"]
    assert wishes == {"one": False, "scan": True, "full": False, "folder": True, "typed": False}
