"""Predictions: kept exactly, and judged as the detector judges."""

import math
from dataclasses import fields, replace
from functools import partial
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny_people import row

from awarenet.combine import create_combiner
from awarenet.ensemble import judge
from awarenet.errors import AwareNetError
from awarenet.scoring import track_score
from trainer.ensembles.scorers import parts, two_tiers
from trainer.evaluation.predictions import Predictions

WEIGHTS = np.array([0.7, 0.3])
SCORERS = {"two tiers": two_tiers(WEIGHTS), **parts(("wide", "deep"), 3)}

names = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=8)
logits = st.floats(-80, 80, width=32)


@st.composite
def predictions(draw) -> Predictions:
    """Any number of crops of any shape; the label of a clip is that of its name's length."""
    count, families, members = draw(st.integers(0, 6)), draw(st.integers(1, 3)), draw(
        st.integers(1, 3)
    )  # fmt: skip
    clips = draw(st.lists(names, min_size=count, max_size=count))
    values = draw(
        st.lists(logits, min_size=count * families * members, max_size=count * families * members)
    )

    def column(strategy, kind) -> np.ndarray:
        return np.array(draw(st.lists(strategy, min_size=count, max_size=count)), kind)

    return Predictions(
        clip=np.array(clips, np.str_),
        frame=column(st.integers(0, 2**31 - 1), np.int32),
        label=np.array([len(clip) % 2 for clip in clips], np.int8),
        method=column(names, np.str_),
        dataset=column(names, np.str_),
        identities=tuple(
            tuple(draw(st.lists(names.filter(len), min_size=1, max_size=3))) for _ in clips
        ),
        compression=column(names, np.str_),
        face_px=column(st.floats(0, 4096, width=32), np.float32),
        split=column(names, np.str_),
        logits=np.array(values, np.float32).reshape(count, families, members),
        families=tuple(f"family {number}" for number in range(families)),
    )


def two_clips() -> Predictions:
    """A real clip of three crops and a fake one of two, their rows mixed; 2 families, 3 members."""
    rows = [
        replace(row("b", label=1, people=("ann", "bob")), frame=0, face_px=90.0),
        replace(row("a", people=("cid",)), frame=0, face_px=50.0),
        replace(row("b", label=1, people=("ann", "bob")), frame=8, face_px=110.0),
        replace(row("a", people=("cid",)), frame=4, face_px=70.0),
        replace(row("a", people=("cid",)), frame=8, face_px=200.0),
    ]
    scored = np.random.default_rng(0).normal(0, 3, (5, 2, 3))
    return Predictions.of(rows, scored, ("wide", "deep"))


@given(predictions())
@settings(max_examples=60, deadline=None)
def test_what_is_written_is_read_exactly(tmp_path_factory, found):
    path = tmp_path_factory.getbasetemp() / "predictions.parquet"
    found.write(path)
    again = Predictions.read(path)
    for field in fields(Predictions):
        before, after = getattr(found, field.name), getattr(again, field.name)
        if isinstance(before, np.ndarray):
            np.testing.assert_array_equal(before, after, strict=before.dtype.kind != "U")
            assert before.dtype.kind == after.dtype.kind
        else:
            assert before == after


def test_the_file_is_one_row_a_crop_for_any_reader(tmp_path):
    found = two_clips()
    found.write(tmp_path / "p.parquet")
    table = pq.read_table(tmp_path / "p.parquet")
    assert table["identity"].to_pylist() == ["ann", "cid", "ann", "cid", "cid"]
    assert table["identities"].to_pylist()[0] == ["ann", "bob"]
    first = table["logits"].to_pylist()[0]
    assert first == pytest.approx(found.logits[0].ravel().tolist())
    assert table.schema.metadata[b"families"] == b'["wide", "deep"]'
    assert [path.name for path in tmp_path.iterdir()] == ["p.parquet"]


def test_a_missing_file_and_one_of_another_kind_are_told_apart(tmp_path):
    with pytest.raises(AwareNetError, match="run the stage `evaluate` first"):
        Predictions.read(tmp_path / "none.parquet")
    path = tmp_path / "other.parquet"
    pq.write_table(pq.read_table(written(tmp_path)).drop_columns(["logits"]), path)
    with pytest.raises(AwareNetError, match="expected those of scored crops; delete it"):
        Predictions.read(path)


def written(folder: Path) -> Path:
    two_clips().write(folder / "p.parquet")
    return folder / "p.parquet"


def test_rows_of_the_manifest_become_columns():
    found = two_clips()
    assert found.clip.tolist() == ["b", "a", "b", "a", "a"]
    assert found.label.tolist() == [1, 0, 1, 0, 0]
    assert found.method.tolist() == ["poisson_swap", "real", "poisson_swap", "real", "real"]
    assert found.identity.tolist() == ["ann", "cid", "ann", "cid", "cid"]
    assert (found.logits.dtype, found.logits.shape) == (np.float32, (5, 2, 3))


def test_every_scorer_judges_every_crop():
    found = two_clips()
    scores = found.scores(SCORERS)
    families = (1 / (1 + np.exp(-found.logits.astype(float)))).mean(axis=2)
    np.testing.assert_allclose(scores["two tiers"], families @ WEIGHTS, rtol=1e-6)
    np.testing.assert_allclose(scores["wide"], families[:, 0])
    np.testing.assert_allclose(scores["deep"], families[:, 1])
    single = 1 / (1 + math.exp(-float(found.logits[3, 1, 2])))
    assert scores["deep-2"][3] == pytest.approx(single)
    members = {f"{family}-{number}" for family in ("wide", "deep") for number in range(3)}
    assert scores.keys() == {"two tiers", "wide", "deep"} | members


def test_a_clip_is_judged_as_the_detector_judges_a_person():
    found = two_clips()
    scores, combiner = found.scores(SCORERS), SCORERS["two tiers"].combiner
    for number, name in enumerate("ab"):
        expected = track_score(found.logits[found.clip == name], partial(judge, combiner))
        for scorer, value in (
            ("two tiers", expected.probability),
            ("deep", expected.families[1]),
            ("wide-2", expected.members[0, 2]),
        ):
            odds = found.by_clip(scores[scorer])[number]
            assert 1 / (1 + math.exp(-odds)) == pytest.approx(value, abs=1e-6)


def test_a_clip_of_votes_is_judged_as_the_detector_judges_a_person():
    found = two_clips()
    vote = create_combiner("hard", [0.5, 0.5])
    odds = found.by_clip(judge(vote, found.logits), vote.pooling)
    for number, name in enumerate("ab"):
        own = found.logits[found.clip == name]
        expected = track_score(own, partial(judge, vote), pooling=vote.pooling).probability
        assert 1 / (1 + math.exp(-odds[number])) == pytest.approx(expected, abs=1e-12)


def test_clips_know_what_their_crops_know():
    clips = two_clips().clips()
    assert len(clips) == 2
    assert clips.name.tolist() == ["a", "b"]
    assert clips.label.tolist() == [0, 1]
    assert clips.identity.tolist() == ["cid", "ann"]
    assert clips.face_px.tolist() == [70, 100]  # medians
    assert clips.crops.tolist() == [3, 2]


def test_some_crops_can_be_taken():
    found = two_clips()
    taken = found.take(found.clip == "a")
    assert taken.frame.tolist() == [0, 4, 8]
    assert taken.identities == (("cid",),) * 3
    np.testing.assert_array_equal(taken.logits, found.logits[[1, 3, 4]])
    assert found.take(np.array([4, 0])).clip.tolist() == ["a", "b"]


def test_a_member_that_diverged_is_named_by_clip_and_frame():
    found = two_clips()
    bad = found.logits.copy()
    bad[2, 1, 1] = np.nan
    with pytest.raises(AwareNetError, match="frame 8 of b is not a finite number"):
        replace(found, logits=bad)


def test_a_clip_is_real_or_fake():
    with pytest.raises(AwareNetError, match="b has real and fake crops"):
        replace(two_clips(), label=np.array([1, 0, 0, 0, 0], np.int8))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"logits": np.zeros((5, 3, 3), np.float32)}, "expected .N, F, K., F names"),
        ({"frame": np.zeros(4, np.int32)}, "as many of each"),
        ({"label": np.full(5, 2, np.int8)}, "labels of 0"),
        ({"identities": ((),) * 5}, "an identity each"),
    ],
)
def test_columns_that_do_not_fit_are_refused(change, said):
    with pytest.raises(ValueError, match=said):
        replace(two_clips(), **change)
