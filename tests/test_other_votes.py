"""What the verdict would be if the networks voted in another way."""

import json
import shutil
from functools import partial

import numpy as np
import pytest
from fitted import ENSEMBLES
from tiny_bundle import refusal, save, tiny_ensemble

from awarenet.bundle import load_bundle
from awarenet.bundle.votes import Calibration, Combiner, OtherVote
from awarenet.combine import Mean
from awarenet.ensemble import judge
from awarenet.other_votes import other_votes
from awarenet.scoring import Calibration as Scale
from awarenet.scoring import track_score
from trainer.bundles.assemble import other_votes as describe_votes
from trainer.ensembles.voting import fit_ensembles, short_name

CALIBRATION = Calibration(scale=2.0, offset=-0.5, fitted_on="nothing: a test")
VOTES = (
    OtherVote(
        name="soft_all",
        combiner=Combiner(name="soft", weights={"test_resnet": 0.9, "mobilenet_v2": 0.1}),
        calibration=CALIBRATION,
    ),
    OtherVote(
        name="hard_best",
        combiner=Combiner(name="hard", weights={"mobilenet_v2": 1.0}),
        calibration=CALIBRATION,
    ),
)


@pytest.fixture(scope="module")
def voting(tmp_path_factory):
    """The tiny bundle with two more ways to vote."""
    folder = tmp_path_factory.mktemp("bundles") / "voting"
    save(folder, other_votes=VOTES)
    return folder


def logits_of(resnet: float, mobilenet: float) -> np.ndarray:
    """(6, 2, 2) logits, those of each family near a number."""
    rng = np.random.default_rng(0)
    return np.array([[resnet], [mobilenet]]) + rng.normal(0, 0.1, (6, 2, 2))


def test_each_vote_has_its_own_families_weights_and_calibration(voting):
    bundle, logits = load_bundle(voting), logits_of(2.0, -3.0)
    soft, hard = other_votes(bundle, logits, 0.5)
    assert (soft.name, hard.name) == ("soft_all", "hard_best")
    assert soft.calibrated and hard.calibrated
    shares = (1 / (1 + np.exp(-logits))).mean(axis=2) @ [0.9, 0.1]  # by hand
    odds = np.log(shares / (1 - shares)).mean()
    assert soft.probability == pytest.approx(1 / (1 + np.exp(-(2 * odds - 0.5))), abs=1e-5)
    # nobody of mobilenet_v2 says fake: half a frame of 6 is added on each side
    odds = np.log(0.5 / 6.5)
    assert hard.probability == pytest.approx(1 / (1 + np.exp(-(2 * odds - 0.5))), abs=1e-5)
    assert (soft.verdict, hard.verdict) == ("fake", "real")


def test_a_verdict_is_that_of_the_votes_own_interval(voting):
    bundle = load_bundle(voting)
    undecided = np.array([2.0, -2.0] * 6).reshape(6, 1, 2).repeat(2, axis=1)  # members disagree
    soft = other_votes(bundle, undecided, 0.4)[0]
    own = bundle.config.other_votes[0].combiner.build(["test_resnet", "mobilenet_v2"])
    expected = track_score(undecided, partial(judge, own), Scale(2.0, -0.5))
    assert soft.probability == pytest.approx(expected.probability, abs=1e-6)
    assert expected.interval[0] < 0.4 < expected.interval[1]
    assert soft.verdict == "inconclusive"


def test_an_older_bundle_is_asked_for_a_mean_and_a_hard_vote_that_are_not_calibrated(saved):
    mean, hard = other_votes(load_bundle(saved), logits_of(2.0, 1.0), 0.6)
    assert (mean.name, hard.name) == ("mean", "hard")
    assert not mean.calibrated and not hard.calibrated
    expected = track_score(logits_of(2.0, 1.0), partial(judge, Mean(2)), Scale(1.5, -0.25))
    assert mean.probability == pytest.approx(expected.probability, abs=1e-6)


def test_an_older_bundles_own_way_is_not_among_the_others(tmp_path):
    ensemble = tiny_ensemble()
    ensemble.combiner = Mean(2)
    save(tmp_path / "mean", ensemble, calibration=None)
    found = other_votes(load_bundle(tmp_path / "mean"), logits_of(2.0, 1.0), 0.6)
    assert [vote.name for vote in found] == ["hard"]


@pytest.mark.parametrize(
    ("keys", "value", "words"),
    [
        ((0, "combiner", "weights"), {"xception": 1.0}, "other_votes: soft_all: weights of"),
        ((0, "combiner", "weights"), {"test_resnet": 0.7}, "sum to 1"),
        ((0, "combiner", "name"), "median", "no combiner 'median'"),
        ((1, "name"), "soft_all", "stands twice"),
        ((1, "name"), "../x", "other_votes.1.name"),
        ((1, "calibration", "scale"), -1, "other_votes.1.calibration.scale"),
    ],
)
def test_votes_that_cannot_be_are_refused(voting, tmp_path, keys, value, words):
    folder = shutil.copytree(voting, tmp_path / "bundle")
    config = json.loads((folder / "config.json").read_text("utf-8"))
    place = config["other_votes"]
    for key in keys[:-1]:
        place = place[key]
    place[keys[-1]] = value
    (folder / "config.json").write_text(json.dumps(config), "utf-8")
    assert words in refusal(folder)


def fitted(families: list[str]) -> dict:
    """What fit.json holds, of noise."""
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 2, 80)
    logits = rng.normal(0, 1, (80, len(families), 2)) + labels[:, None, None]
    ensembles = fit_ensembles(
        families, logits, labels, two_tier=[1 / len(families)] * len(families),
        accuracies={name: place for place, name in enumerate(families)},
        sizes={name: place for place, name in enumerate(families)},
    )  # fmt: skip
    calibrations = {name: {"scale": 1.5, "offset": place} for place, name in enumerate(ensembles)}
    return {
        "ships": "two tiers",
        "ensembles": ensembles,
        "calibrations": calibrations,
        "fitted_on": "noise",
    }


def test_the_trainer_hands_on_every_vote_but_the_one_that_ships():
    families = ["xception", "test_resnet", "mobilenet_v2"]
    found = {vote.name: vote for vote in describe_votes(fitted(families), families)}
    assert set(found) == {short_name(name) for name in ENSEMBLES} - {"two_tier", "stack_all"}
    assert set(found["hard_best"].combiner.weights) == {"test_resnet", "mobilenet_v2"}
    assert set(found["soft_smallest"].combiner.weights) == {"xception", "test_resnet"}
    assert found["mean"].calibration.offset == 1


def test_votes_that_need_a_family_the_bundle_lacks_or_say_the_same_are_left_out():
    families = ["xception", "test_resnet", "mobilenet_v2"]
    some = fitted(families) | {"ships": "best two, hard"}
    assert {vote.name for vote in describe_votes(some, families[1:])} == {"soft_best"}
    two = fitted(families[:2])  # the best two are all there are
    names = {vote.name for vote in describe_votes(two, families[:2])}
    assert names == {"mean", "hard_best", "soft_best"}
