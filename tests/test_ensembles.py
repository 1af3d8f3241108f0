"""The six ensembles of Stronger Together and their like: who votes, how, and who is measured."""

import json

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from sklearn.ensemble import RandomForestRegressor
from sklearn.metrics import roc_auc_score

from trainer.ensembles import scorers
from trainer.ensembles.fitting import fit_all
from trainer.ensembles.voting import choose, fit_ensembles, shipped
from trainer.ensembles.weights import search_weights
from trainer.measure import ScoredClip

FAMILIES = ("capsule", "dsp_fwa", "ictu_oculi", "xceptionnet")
ACCURACIES = {"capsule": 0.7, "dsp_fwa": 0.9, "ictu_oculi": 0.6, "xceptionnet": 0.8}
SIZES = {"capsule": 16, "dsp_fwa": 95, "ictu_oculi": 537, "xceptionnet": 83}  # MB, as published


def crops(count: int = 120, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Logits of four families of one member, in rising order of skill but the third; labels."""
    rng = np.random.default_rng(seed)
    labels = (rng.random(count) < 0.5).astype(np.int64)
    signal = (2 * labels - 1)[:, None] * np.array([0.3, 1.2, 0.1, 0.8])
    return (signal + rng.normal(0, 1, (count, 4)))[:, :, None], labels


@pytest.fixture(scope="module")
def ensembles() -> dict[str, dict]:
    logits, labels = crops()
    return fit_ensembles(
        FAMILIES, logits, labels,
        two_tier=[0.1, 0.5, 0.1, 0.3], accuracies=ACCURACIES, sizes=SIZES,
    )  # fmt: skip


def test_the_two_best_and_the_two_smallest_and_all_of_them_vote(ensembles):
    assert {name: tuple(one["families"]) for name, one in ensembles.items()} == {
        "two tiers": FAMILIES,
        "plain mean": FAMILIES,
        "best two, hard": ("dsp_fwa", "xceptionnet"),
        "best two, soft": ("dsp_fwa", "xceptionnet"),
        "two smallest, hard": ("capsule", "xceptionnet"),
        "two smallest, soft": ("capsule", "xceptionnet"),
        "all, hard": FAMILIES,
        "all, soft": FAMILIES,
        "all, stack": FAMILIES,
    }
    assert "dsp_fwa 0.900, xceptionnet 0.800" in ensembles["best two, hard"]["chosen_by"]


def test_hard_votes_are_counted_by_hand(ensembles):
    logits = np.array([
        [[2.0], [1.0], [-1.0], [0.5]],
        [[-2.0], [1.0], [-1.0], [0.5]],
        [[-2.0], [-1.0], [-1.0], [0.5]],
    ])  # fmt: skip
    votes = {name: scorers.read(one, FAMILIES).crops(logits) for name, one in ensembles.items()}
    assert votes["all, hard"].tolist() == [0.75, 0.5, 0.25]
    assert votes["best two, hard"].tolist() == [1, 1, 0.5]
    assert votes["two smallest, hard"].tolist() == [1, 0.5, 0.5]


def test_soft_votes_are_the_weighted_mean_that_was_best_of_those_drawn(ensembles):
    logits, labels = crops()
    shares = 1 / (1 + np.exp(-logits[:, :, 0]))
    weights = ensembles["all, soft"]["weights"]
    found = scorers.read(ensembles["all, soft"], FAMILIES).crops(logits)
    expected = shares @ [weights[family] for family in FAMILIES]
    np.testing.assert_allclose(found, expected, rtol=1e-6)
    again = search_weights(torch.from_numpy(logits), torch.from_numpy(labels))
    assert list(weights.values()) == pytest.approx(again.tolist())
    area = roc_auc_score(labels, found)
    drawn = np.random.default_rng(0).dirichlet(np.ones(4), 300)
    assert area >= max(roc_auc_score(labels, shares @ one) for one in drawn) - 2e-3


def test_the_stack_is_scikit_learns_forest_on_probabilities_that_are_not_rounded(ensembles):
    logits, labels = crops()
    shares = 1 / (1 + np.exp(-logits[:, :, 0]))
    forest = RandomForestRegressor(100, max_depth=3, random_state=1).fit(shares, labels)
    fresh = crops(seed=9)[0]
    expected = forest.predict(1 / (1 + np.exp(-fresh[:, :, 0])))
    found = scorers.read(ensembles["all, stack"], FAMILIES).crops(fresh)
    np.testing.assert_allclose(found, expected, atol=1e-12)


def test_an_ensemble_is_the_same_after_it_was_written_down(ensembles):
    logits = crops(seed=4)[0]
    for name, one in ensembles.items():
        kept = json.loads(json.dumps(one))
        expected = scorers.read(one, FAMILIES).crops(logits)
        np.testing.assert_array_equal(scorers.read(kept, FAMILIES).crops(logits), expected, name)


@given(
    accuracies=st.lists(st.floats(0, 1), min_size=1, max_size=6),
    choice=st.sampled_from(["best", "smallest", "all"]),
)
def test_nobody_who_is_better_is_left_out(accuracies, choice):
    families = [f"family {number}" for number in range(len(accuracies))]
    known = dict(zip(families, accuracies, strict=True))
    sizes = {family: round(1000 * (1 - share)) for family, share in known.items()}
    chosen, _ = choose(choice, families, known, sizes)
    assert len(chosen) == (len(families) if choice == "all" else min(2, len(families)))
    assert chosen == [family for family in families if family in chosen]
    left = [family for family in families if family not in chosen]
    if choice == "best":
        assert all(known[one] >= known[other] for one in chosen for other in left)
    if choice == "smallest":
        assert all(sizes[one] <= sizes[other] for one in chosen for other in left)


@pytest.mark.parametrize(
    ("combiner", "choice", "name"),
    [
        ("two_tier", "all", "two tiers"),
        ("mean", "all", "plain mean"),
        ("hard", "best", "best two, hard"),
        ("soft", "smallest", "two smallest, soft"),
        ("stack", "all", "all, stack"),
    ],
)
def test_settings_name_the_ensemble_that_ships(combiner, choice, name, ensembles):
    assert shipped(combiner, choice) == name
    assert name in ensembles


def test_the_best_member_is_the_one_with_most_clips_right_and_everybody_is_calibrated():
    rng = np.random.default_rng(2)
    clips = [
        ScoredClip(f"clip {n}", n % 2, "swap", f"person {n}", "a", "x",
                   ((2 * (n % 2) - 1) * np.array([[0.2, 0.4], [0.6, 3.0]])
                    + rng.normal(0, 1, (5, 2, 2))))
        for n in range(40)
    ]  # fmt: skip
    labels = np.array([clip.label for clip in clips])
    logits = np.stack([clip.logits[0] for clip in clips])
    found = fit_all(
        ("small", "large"), logits, labels, clips,
        two_tier=[0.5, 0.5], sizes={"small": 1, "large": 2},
    )  # fmt: skip
    right = {
        f"{family}-{index}": np.mean(
            [(clip.logits[:, place, index].mean() > 0) == clip.label for clip in clips]
        )
        for place, family in enumerate(("small", "large"))
        for index in range(2)
    }
    assert found["best_member"]["member"] == max(right, key=right.get) == "large-1"
    for name, share in right.items():
        assert found["best_member"]["accuracy"][name] == pytest.approx(share)
    everybody = {*found["ensembles"], "small", "large", *right}
    assert found["calibrations"].keys() == everybody
    assert all(one["scale"] > 0 for one in found["calibrations"].values())


def test_everybody_is_calibrated_in_the_way_that_was_asked_for():
    rng = np.random.default_rng(5)
    clips = [
        ScoredClip(f"clip {n}", n % 2, "swap", f"p{n}", "a", "x",
                   rng.normal(2 * (n % 2) + 1.0, 1, (4, 2, 1)))
        for n in range(30)
    ]  # fmt: skip
    labels = np.array([clip.label for clip in clips])
    logits = np.stack([clip.logits[0] for clip in clips])
    offsets = {}
    for method in ("platt", "temperature"):
        found = fit_all(
            ("one", "other"), logits, labels, clips,
            two_tier=[0.5, 0.5], sizes={"one": 1, "other": 1}, calibration=method,
        )  # fmt: skip
        offsets[method] = [one["offset"] for one in found["calibrations"].values()]
    assert not any(offsets["temperature"])  # a temperature does not shift
    assert all(offset < -0.5 for offset in offsets["platt"])  # genuine clips lie around 1, not 0


def test_a_scorer_that_has_it_the_wrong_way_round_keeps_its_own_numbers(caplog):
    clips = [
        ScoredClip(f"clip {n}", n % 2, "swap", f"p{n}", "a", "x",
                   np.full((3, 2, 1), 1.0 - 2 * (n % 2)) * [[[1.0], [-2.0]]])
        for n in range(10)
    ]  # fmt: skip
    labels = np.array([clip.label for clip in clips])
    logits = np.stack([clip.logits[0] for clip in clips])
    found = fit_all(
        ("wrong", "right"), logits, labels, clips,
        two_tier=[0.5, 0.5], sizes={"wrong": 1, "right": 1},
    )  # fmt: skip
    assert found["calibrations"]["wrong"] == {"scale": 1.0, "offset": 0.0}
    assert found["calibrations"]["right"]["scale"] > 0
    assert "wrong keeps its own numbers" in caplog.text
