"""What is measured of an ensemble on a data set, and how ensembles and data sets are compared."""

import functools
import json
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
from fitted import ENSEMBLES, fitted_on
from plain_bootstrap import with_interval
from sklearn.metrics import accuracy_score, f1_score, roc_auc_score
from tiny_people import row

from awarenet.ensemble import judge
from awarenet.errors import AwareNetError
from awarenet.scoring import Calibration, track_score
from trainer.datasets import DATASETS
from trainer.ensembles.scorers import read, two_tiers
from trainer.evaluation.datasets import clip_auc, count_flagged, measure_dataset
from trainer.evaluation.metrics import FIGURES
from trainer.evaluation.predictions import Predictions
from trainer.evaluation.published import PUBLISHED, SETS

WEIGHTS = {"wide": 0.6, "deep": 0.4}
THRESHOLD = 0.55
SCORERS = [*ENSEMBLES, "wide", "deep", "wide-0", "wide-1", "deep-0", "deep-1"]


def faces(people: int = 24, *, fakes: bool = True, seed: int = 0) -> Predictions:
    """Three crops of every person's genuine clip, and of two swaps of it by two methods."""
    rng = np.random.default_rng(seed)
    rows, means = [], []
    for number in range(people):
        who, other = f"ann-{number:02d}", f"bob-{number % 5}"
        size = (40, 80, 100, 150)[number % 4]
        for method in ("real", "Deepfakes", "Face2Face") if fakes else ("real",):
            mean = rng.normal({"real": -1, "Deepfakes": 2, "Face2Face": 0.3}[method], 1.5)
            for frame in range(3):
                one = row(
                    f"{method}-{number:02d}",
                    label=int(method != "real"),
                    people=(who,) if method == "real" else (who, other),
                    method=method,
                    split="test",
                )
                compression = "c40" if number % 3 else "c23"
                rows.append(replace(one, frame=frame, face_px=float(size), compression=compression))
                means.append(mean)
    logits = np.array(means)[:, None, None] + rng.normal(0, 1, (len(rows), 2, 2))
    order = rng.permutation(len(rows))
    return Predictions.of([rows[at] for at in order], logits[order], ("wide", "deep"))


@functools.cache
def fitted() -> dict:
    return fitted_on(faces(seed=1), WEIGHTS, threshold=THRESHOLD)


def figures(found: Predictions, *, ships: str = "two tiers", **changes) -> dict:
    settings = {"resamples": 60, "learned_from": True, "protocol": "identity"}
    return measure_dataset(found, {**fitted(), "ships": ships}, **{**settings, **changes})


@pytest.fixture(scope="module")
def measured() -> dict:
    return figures(faces())


def clips_by_hand(
    found: Predictions, ensemble: str = "two tiers"
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Label, calibrated probability and person of each clip, one detector's track at a time."""
    calibration = Calibration(**fitted()["calibrations"][ensemble])
    combiner = read(fitted()["ensembles"][ensemble], found.families).combiner
    rows = []
    for name in sorted(set(found.clip.tolist())):
        at = np.flatnonzero(found.clip == name)
        score = track_score(
            found.logits[at], partial(judge, combiner), calibration, pooling=combiner.pooling
        )
        rows.append((found.label[at[0]], score.probability, found.identities[at[0]][0]))
    return tuple(np.array(column) for column in zip(*rows, strict=True))


def test_clips_are_measured_as_the_detector_would_judge_them(measured):
    labels, probabilities, people = clips_by_hand(faces())
    own = measured["clips_level"]["two tiers"]
    plain = with_interval(
        lambda at: roc_auc_score(labels[at], probabilities[at]), people, resamples=60
    )
    assert own["auc"] == plain
    flagged = probabilities >= THRESHOLD
    assert own["f1"]["value"] == round(f1_score(labels, flagged), 4)
    assert own["all_fake_f1"]["value"] == 0.8  # two fakes to a genuine clip
    assert (own["auc"]["people"], own["auc"]["count"]) == (24, 72)


def test_frames_are_single_crops(measured):
    found = faces()
    own = measured["frames"]["deep-1"]["auc"]
    assert own["value"] == round(roc_auc_score(found.label, found.logits[:, 1, 1]), 4)
    assert (own["people"], own["count"]) == (24, 216)


def test_every_scorer_has_every_figure_that_so_few_clips_can_tell(measured):
    for level, missing in (
        ("frames", {"tpr_at_fpr_1"}),  # 72 genuine crops
        ("clips_level", {"tpr_at_fpr_1"}),  # 24 genuine clips
    ):
        assert list(measured[level]) == SCORERS
        for found in measured[level].values():
            assert found.keys() == FIGURES.keys() - missing
    assert "tpr_at_fpr_1 of clips left out" in " ".join(measured["notes"])
    assert "24 genuine clips" in " ".join(measured["notes"])


def test_rows_are_clip_auc_of_those_clips_alone(measured):
    found = faces()
    labels, probabilities, people = clips_by_hand(found)
    clips = found.clips()
    groups = {
        "by_method": {
            name: (clips.method == name) | (labels == 0) for name in ("Deepfakes", "Face2Face")
        },
        "by_compression": {name: clips.compression == name for name in ("c23", "c40")},
        "by_face_px": {
            "0-64": clips.face_px == 40,
            "64-96": clips.face_px == 80,
            "96-128": clips.face_px == 100,
            "128-192": clips.face_px == 150,
        },
    }
    for title, expected in groups.items():
        assert measured[title].keys() == expected.keys()
        for name, chosen in expected.items():
            labels_of, scores = labels[chosen], probabilities[chosen]
            plain = with_interval(
                lambda at, y=labels_of, s=scores: roc_auc_score(y[at], s[at]),
                people[chosen],
                resamples=60,
            )
            assert measured[title][name] == plain


def test_rows_of_too_few_clips_are_left_out_with_a_note():
    found = faces(people=8)
    gone = [f"Deepfakes-{number:02d}" for number in range(4)]
    result = figures(found.take((found.method != "Face2Face") & ~np.isin(found.clip, gone)))
    assert result["by_method"] == {}
    note = "by_method Deepfakes left out: 8 genuine and 4 fake clips; expected 5 of each"
    assert note in result["notes"]
    assert result["clips_level"]["two tiers"]["auc"]["count"] == 12


def test_tier_two_is_paired_with_every_other_scorer(measured):
    assert [pair["against"] for pair in measured["paired"]] == SCORERS[1:]
    assert {pair["of"] for pair in measured["paired"]} == {"two tiers"}
    own = measured["clips_level"]
    for pair in measured["paired"]:
        assert pair["of"] == "two tiers"
        difference = pair["auc difference"]
        expected = own["two tiers"]["auc"]["value"] - own[pair["against"]]["auc"]["value"]
        assert difference["value"] == pytest.approx(expected, abs=1.01e-4)
        assert difference["low"] <= difference["value"] <= difference["high"]
        assert 0 <= difference["above_zero"] <= 1


def test_thresholds_are_counted_by_clip(measured):
    labels, probabilities, _ = clips_by_hand(faces())
    rows = measured["thresholds"]
    assert [one["threshold"] for one in rows[:2]] == [0.05, 0.1]
    assert THRESHOLD in [one["threshold"] for one in rows]
    for one in rows:
        flagged = probabilities >= one["threshold"]
        assert one["flagged_genuine"] == (flagged & (labels == 0)).sum()
        assert one["flagged_fake"] == (flagged & (labels == 1)).sum()
        assert (one["genuine"], one["fake"]) == (24, 48)


def test_the_threshold_that_ships_has_its_own_row():
    rows = count_flagged(np.array([0, 1]), np.array([0.2, 0.913]), threshold=0.9129)
    assert len(rows) == 20
    (own,) = [one for one in rows if one["threshold"] == 0.9129]
    assert (own["flagged_genuine"], own["flagged_fake"]) == (0, 1)


def test_what_was_measured_is_said_and_can_be_written(measured):
    assert measured["crops"] == 216 and measured["people"] == 24
    assert measured["clips"] == {"real": 24, "fake": 48}
    assert measured["learned_from"] is True
    assert measured["protocol"] == "test part, split identity (nobody is in two parts)"
    assert measured["robustness"] == {}
    assert json.loads(json.dumps(measured)) == measured
    away = figures(faces(8), learned_from=False, protocol="frame", resamples=10)
    assert "was not learned from" in away["protocol"]
    assert "leaks" in figures(faces(8), protocol="frame", resamples=10)["protocol"]


def test_a_data_set_of_one_class_is_refused_by_name():
    with pytest.raises(AwareNetError, match="test part of drawn has 24 clips, all of one class"):
        figures(faces(fakes=False))


def test_the_auc_for_robustness_is_that_of_the_table(measured):
    own = measured["clips_level"]["two tiers"]["auc"]
    assert clip_auc(faces(), two_tiers([0.6, 0.4]), resamples=60) == own


def test_published_rows_say_all_that_a_reader_needs():
    assert len(PUBLISHED) == 6 + 4 * 4
    for one in PUBLISHED:
        assert one.tested_on in DATASETS and one.tested_on in SETS
        assert 0.5 < one.auc <= 1 and (one.f1 is None or 0.5 < one.f1 <= 1)
        assert one.level == "frame" and one.split and one.trained_on
        assert one.source.startswith("https://")
    by = {(one.system, one.tested_on): one.auc for one in PUBLISHED}
    assert by["DeepfakeBench Xception", "dfdc"] == 0.7077
    assert by["DeepfakeBench FWA (Xception)", "celebdf_v2"] == 0.6680
    assert by["AWARE-NET", "faceforensics"] == 0.7252


@pytest.mark.parametrize("ensemble", ["all, hard", "all, soft", "all, stack"])
def test_what_ships_is_judged_as_its_detector_would(ensemble):
    found = faces()
    labels, probabilities, _ = clips_by_hand(found, ensemble)
    own = figures(found, ships=ensemble)
    flagged = probabilities >= THRESHOLD
    assert own["clips_level"][ensemble]["f1"]["value"] == round(f1_score(labels, flagged), 4)
    [row] = [one for one in own["thresholds"] if one["threshold"] == THRESHOLD]
    assert row["flagged_fake"] == (flagged & (labels == 1)).sum()
    assert {pair["of"] for pair in own["paired"]} == {ensemble}


def test_ranks_hold_every_scorer_against_the_best_member_on_validation_clips(measured):
    ranks, best = measured["ranks"], fitted()["best_member"]
    assert ranks["best_member"] == best["member"]
    assert best["accuracy"][best["member"]] == max(
        best["accuracy"][name] for name in ("wide-0", "wide-1", "deep-0", "deep-1")
    )
    kinds = {row["scorer"]: row["kind"] for row in ranks["rows"]}
    assert list(kinds) == sorted(kinds, key=lambda name: -auc_of(measured, name))
    assert {name for name, kind in kinds.items() if kind == "ensemble"} == set(ENSEMBLES)
    assert (kinds["wide"], kinds["wide-0"]) == ("family", "member")
    rows = {row["scorer"]: row for row in ranks["rows"]}
    alone = rows[best["member"]]
    assert alone["auc difference"]["value"] == alone["auc difference"]["high"] == 0
    for name in ("two tiers", "all, hard"):
        labels, probabilities, _ = clips_by_hand(faces(), name)
        right = accuracy_score(labels, probabilities >= 0.5)
        assert rows[name]["accuracy"]["value"] == pytest.approx(right, abs=1e-4)
        gained = rows[name]["auc"]["value"] - alone["auc"]["value"]
        assert rows[name]["auc difference"]["value"] == pytest.approx(gained, abs=2e-4)


def auc_of(measured: dict, scorer: str) -> float:
    return measured["clips_level"][scorer]["auc"]["value"]
