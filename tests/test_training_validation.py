"""Validation: which crops, how many, and what is measured on them."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
import torch
from accelerate import Accelerator
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import log_loss, roc_auc_score
from tiny_people import row, write_patterns
from torch import nn
from training_runs import Small, experiment_in, small_validation

from awarenet.errors import AwareNetError
from trainer.manifest import read_manifest
from trainer.training import validation
from trainer.training.losses import member_loss
from trainer.training.scoring import outputs
from trainer.training.validation import choose, make_validation, validate


def rows_of(*kinds: tuple[int, str, int, int]) -> list:
    """Rows of (label, method, clips, crops a clip)."""
    return [
        row(f"{method}-{clip}", label=label, method=method, split="validation")
        for label, method, clips, crops in kinds
        for clip in range(clips)
        for _ in range(crops)
    ]


def counts(rows) -> Counter:
    return Counter(row.method for row in rows)


@pytest.fixture(scope="module")
def manifest(tmp_path_factory):
    return write_patterns(tmp_path_factory.mktemp("run"), {"train": 1, "validation": 3}, side=96)


@pytest.fixture
def experiment(manifest, tmp_path):
    return experiment_in(tmp_path, manifest)


def test_few_crops_are_all_taken_as_they_come():
    rows = rows_of((0, "real", 3, 2), (1, "swap", 2, 1))
    assert choose(rows, 8) == rows


def test_half_are_real_and_every_kind_of_fake_has_as_many():
    rows = rows_of((0, "real", 100, 2), (1, "a", 50, 8), (1, "b", 50, 2), (1, "c", 4, 1))
    assert counts(choose(rows, 100)) == {"real": 50, "a": 23, "b": 23, "c": 4}


def test_every_clip_gives_a_crop_before_any_gives_two():
    rows = rows_of((0, "real", 30, 20), (1, "swap", 10, 40))
    chosen = Counter(row.clip for row in choose(rows, 60) if row.label == 0)
    assert len(chosen) == 30
    assert set(chosen.values()) == {1}
    assert set(Counter(row.clip for row in choose(rows, 60) if row.label).values()) == {3}


@given(st.lists(st.tuples(st.integers(1, 9), st.integers(1, 9)), min_size=2, max_size=5),
       st.integers(2, 60))  # fmt: skip
def test_never_more_than_asked_and_the_same_every_time(sizes, count):
    rows = rows_of(*((int(n > 0), f"kind-{n}", *size) for n, size in enumerate(sizes)))
    chosen = choose(rows, count)
    assert len(chosen) == min(count, len(rows))
    assert chosen == choose(rows, count)
    labels = [row.label for row in chosen]
    if len(rows) > count:
        few = min(count // 2, sum(row.label == 0 for row in rows), sum(r.label for r in rows))
        assert min(labels.count(0), labels.count(1)) >= few


def test_processes_share_the_crops_and_lose_none(experiment, manifest):
    rows = experiment.rows(read_manifest(manifest), "validation")
    whole = make_validation(experiment, rows, 32)
    parts = [make_validation(experiment, rows, 32, process=n, processes=2) for n in (0, 1)]
    assert whole.crops.shape == (9, 32, 32, 3)
    assert [len(part.labels) for part in parts] == [5, 4]
    both = np.concatenate([part.crops for part in parts])
    assert sorted(map(bytes, both)) == sorted(map(bytes, whole.crops))
    assert sum(part.labels.sum() for part in parts) == whole.labels.sum() == 6


def test_portraits_are_degraded_and_data_sets_are_not(experiment, manifest, monkeypatch):
    seen = {}

    def draw(rows, root, regime, **_):
        seen["drawn"] = ([r.dataset for r in rows], regime)
        return np.zeros((len(rows), 8, 8, 3), np.uint8), np.arange(len(rows))

    def plain(rows, root, **_):
        seen["plain"] = [r.dataset for r in rows]
        return np.zeros((len(rows), 8, 8, 3), np.uint8)

    monkeypatch.setattr(validation, "draw_crops", draw)
    monkeypatch.setattr(validation, "plain_crops", plain)
    data = experiment.settings.data.model_copy(update={"photos": ("some/where/faces",)})
    settings = experiment.settings.model_copy(update={"data": data})
    rows = [replace(one, dataset="faces") for one in rows_of((0, "real", 2, 1), (1, "a", 1, 1))]
    rows += rows_of((0, "real", 1, 1), (1, "a", 2, 1))
    found = make_validation(replace(experiment, settings=settings), rows, 8)
    assert seen == {"drawn": (["faces"] * 3, "training"), "plain": ["drawn"] * 3}
    assert found.labels.tolist() == [0, 0, 1, 0, 1, 1]


@pytest.mark.parametrize("label", [0, 1])
def test_crops_of_one_class_only_are_refused(experiment, label):
    with pytest.raises(AwareNetError, match=r"3 validation crops, real and fake expected; raise"):
        make_validation(experiment, rows_of((label, "kind", 3, 1)), 32)
    with pytest.raises(AwareNetError, match="0 validation crops"):
        make_validation(experiment, [], 32)


def test_loss_and_auc_are_those_of_scikit_learn():
    torch.manual_seed(0)
    module, crops = Small(), small_validation()
    logits = outputs(module, crops.crops, batch=7)
    loss, auc = validate(module, crops, member_loss, Accelerator(cpu=True), batch=5)
    shares = 1 / (1 + np.exp(-logits.astype(np.float64)))
    assert loss == pytest.approx(log_loss(crops.labels, shares), rel=1e-5)
    assert auc == pytest.approx(roc_auc_score(crops.labels, logits))


def test_a_network_is_left_as_it_was():
    torch.manual_seed(0)
    module = Small(dropout=0.5).train()
    module.body.eval()
    state = {key: value.clone() for key, value in module.state_dict().items()}
    outputs(module, small_validation().crops)
    assert [module.training, module.body[1].training, module.drop.training] == [True, False, True]
    assert all(torch.equal(value, state[key]) for key, value in module.state_dict().items())


def test_outputs_that_are_not_finite_have_no_loss():
    module = Small()
    nn.init.constant_(module.fc.bias, float("nan"))
    loss, auc = validate(module, small_validation(), member_loss, Accelerator(cpu=True), batch=5)
    assert np.isnan([loss, auc]).all()
