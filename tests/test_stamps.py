"""No stage builds on something that was made of something else."""

import hashlib

import pytest

from awarenet.errors import AwareNetError
from trainer.stamps import content_hash, is_made, needed, stamp_path

STEPS = {"train": {"steps": 600, "seed": 0}}


def test_what_is_not_there_is_to_be_made_and_what_is_there_is_not(tmp_path):
    product = tmp_path / "fit.json"
    assert not is_made(product, STEPS, again=False)
    assert not is_made(product, STEPS, again=False)  # it was killed before it wrote anything
    product.write_text("{}")
    assert is_made(product, STEPS, again=False)
    assert is_made(product, {"train": {"seed": 0, "steps": 600}}, again=True)


def test_what_is_cheap_is_made_again_when_its_parts_changed(tmp_path):
    product = tmp_path / "fit.json"
    is_made(product, STEPS, again=True)
    product.write_text("old")
    assert not is_made(product, {"train": {"steps": 800, "seed": 0}}, again=True)
    assert not product.exists()
    product.write_text("new")
    assert is_made(product, {"train": {"steps": 800, "seed": 0}}, again=True)


def test_what_was_dear_is_kept_and_the_change_named(tmp_path):
    product = tmp_path / "model.safetensors"
    is_made(product, STEPS, again=False)
    product.write_text("hours of work")
    with pytest.raises(AwareNetError, match=r"train\.steps = 600, now it is 800; set data\.run"):
        is_made(product, {"train": {"steps": 800, "seed": 0}}, again=False)
    assert product.read_text() == "hours of work"
    assert is_made(product, STEPS, again=False)


def test_a_half_made_product_of_something_else_is_not_gone_on_with(tmp_path):
    product = tmp_path / "model.safetensors"
    is_made(product, STEPS, again=False)  # killed: a checkpoint lies beside it, no product
    with pytest.raises(AwareNetError, match="now it is 1"):
        is_made(product, {"train": {"steps": 600, "seed": 1}}, again=False)


def test_a_product_without_a_stamp_is_of_unknown_making(tmp_path):
    product = tmp_path / "manifest.parquet"
    product.write_text("from an older version")
    with pytest.raises(AwareNetError, match=r"train = null, now it is"):
        is_made(product, STEPS, again=False)


def test_a_broken_stamp_is_no_stamp(tmp_path):
    product = tmp_path / "fit.json"
    stamp_path(product).write_text('{"train": {"st')
    assert not is_made(product, STEPS, again=True)
    product.write_text("{}")
    assert is_made(product, STEPS, again=True)


def test_what_is_needed_and_missing_names_the_stage_that_makes_it(tmp_path):
    with pytest.raises(AwareNetError, match="run the stage `train` first"):
        needed(tmp_path / "model.safetensors", "train")
    (tmp_path / "fit.json").write_bytes(b"abc")
    expected = hashlib.sha256(b"abc").hexdigest()
    assert content_hash(tmp_path / "fit.json", "ensemble") == expected
