"""A family's own recipe: what it may say, and whose weights it decides."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from tiny_people import write_patterns
from training_runs import FAMILIES, curve, experiment_in

from awarenet.errors import AwareNetError, SettingsError
from awarenet.settings import load_settings
from awarenet.zoo import SPECS
from trainer import grid
from trainer.experiments import Experiment
from trainer.settings import TrainerSettings, TrainSettings
from trainer.training.member import train_member

ONE, OTHER = FAMILIES
PRESETS = sorted((Path(__file__).resolve().parent.parent / "trainer" / "presets").glob("*.toml"))


@pytest.fixture(autouse=True)
def on_the_cpu(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)


@pytest.fixture(scope="module")
def manifest(tmp_path_factory) -> Path:
    return write_patterns(tmp_path_factory.mktemp("run"), {"train": 3, "validation": 2}, side=96)


def loaded(*overrides: str, file: Path | None = None) -> TrainSettings:
    return load_settings(file, overrides, TrainerSettings).train


def test_a_family_trains_by_its_own_recipe_and_for_the_rest_by_that_of_all(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text(
        "[train]\nbatch = 8\nlearning_rate = 0.5\n"
        "[train.families.capsule]\nbatch = 64\nbetas = [0.5, 0.9]\ninput = 'rows'\n"
    )
    train = loaded(file=path)
    own, rest = train.of("capsule"), train.of("xception")
    assert (own.batch, own.betas, own.input, own.learning_rate) == (64, (0.5, 0.9), "rows", 0.5)
    assert (rest.batch, rest.betas, rest.input) == (8, (0.9, 0.999), "pairs")
    assert own.families == rest.families == {}
    changed = {"batch": 64, "betas": (0.5, 0.9), "input": "rows"}
    assert own == rest.model_copy(update=changed)


def test_one_key_of_one_family_can_be_set_from_outside(tmp_path, monkeypatch):
    path = tmp_path / "mine.toml"
    path.write_text("[train.families.capsule]\nepochs = 25\nbatch = 64\n")
    train = loaded("train.families.capsule.epochs=1", "train.families.xception.batch=2", file=path)
    assert train.families == {"capsule": {"epochs": 1, "batch": 64}, "xception": {"batch": 2}}
    monkeypatch.setenv("AWARENET_TRAIN__FAMILIES__CAPSULE__EPOCHS", "3")
    assert loaded(file=path).of("capsule").epochs == 3
    assert loaded("train.families.capsule.epochs=4", file=path).of("capsule").epochs == 4
    assert loaded("train.families={}", file=path).families.keys() == {"capsule"}  # environment
    monkeypatch.undo()
    assert loaded("train.families={}", file=path).families == {}


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("a.epoch=1", r"families\.a: no setting 'epoch'; did you mean 'epochs'\?"),
        ("a.qqqq=1", r"families\.a: no setting 'qqqq'; any key of \[train\] expected"),
        ("a.batch=1", r"families\.a\.batch = 1; expected greater than or equal to 2"),
        ('a.batch="8"', r"families\.a\.batch = \"8\"; expected a valid integer"),
        ("a.margin=0", r"families\.a: margin is one for all families; set it in \[train\] itself"),
        ("a.families={}", "families is one for all families"),
        ("a.workers=1", "workers is one for all families"),
        ("a=5", r"no setting 'families\.a'"),
        ("a.b.c=5", r"no setting 'families\.a\.b\.c'"),
    ],
)
def test_a_slip_in_a_recipe_is_told_in_one_line(override, said):
    with pytest.raises(SettingsError, match=said) as caught:
        loaded(f"train.families.{override}")
    assert "\n" not in str(caught.value)


def test_a_recipe_of_a_network_that_there_is_not_is_refused_before_anything_is_trained(tmp_path):
    settings = TrainerSettings.model_validate(
        {
            "data": {"run": str(tmp_path), "photos": ["faces"]},
            "train": {"start": "random", "families": {"xceptoin": {"batch": 4}}},
        }
    )
    with pytest.raises(SettingsError, match=r"no model 'xceptoin'.*Did you mean 'xception'\?"):
        grid.train_grid(settings)


def test_an_experiment_gives_each_family_its_recipe(manifest, tmp_path):
    recipe = {"families": {ONE: {"optimizer": "sgd", "steps": 3}}}
    experiment = experiment_in(tmp_path, manifest, **recipe)
    assert (experiment.train(ONE).optimizer, experiment.train(ONE).steps) == ("sgd", 3)
    assert (experiment.train(OTHER).optimizer, experiment.train(OTHER).steps) == ("adamw", 5)
    broken = experiment.settings.train.model_copy(update={"families": {ONE: {"batch": 0}}})
    settings = experiment.settings.model_copy(update={"train": broken})
    with pytest.raises(SettingsError, match=rf"^\[train\] families\.{ONE}\.batch = 0"):
        Experiment(settings, "all", "none").train(ONE)


def test_members_are_trained_by_the_recipe_of_their_family(manifest, tmp_path):
    recipe = {"steps": 3, "check_every": 1, "optimizer": "sgd", "schedule": "constant",
              "warmup": 0.0, "learning_rate": 0.003, "input": "rows", "batch": 6}  # fmt: skip
    by_family = experiment_in(tmp_path / "family", manifest, families={ONE: recipe})
    by_all = experiment_in(tmp_path / "all", manifest, **recipe)
    paths = [train_member(each, ONE, 0) for each in (by_family, by_all)]
    found, expected = map(load_file, paths)
    assert all(torch.equal(value, expected[name]) for name, value in found.items())
    records = curve(paths[0].parent)
    assert [record["step"] for record in records] == [1, 2, 3]
    assert [record["learning_rate"] for record in records] == pytest.approx([0.003] * 3)
    other = train_member(by_family, OTHER, 0)
    assert [record["step"] for record in curve(other.parent)] == [2, 4, 5]


def test_changing_one_familys_recipe_makes_no_other_member_stale(manifest, tmp_path):
    train_member(experiment_in(tmp_path, manifest, steps=1), ONE, 0)
    for name, value in (("learning_rate", 0.5), ("batch", 2), ("betas", (0.5, 0.9))):
        changed = experiment_in(tmp_path, manifest, steps=1, families={OTHER: {name: value}})
        train_member(changed, ONE, 0)  # skipped, not refused
        stale = experiment_in(tmp_path, manifest, steps=1, families={ONE: {name: value}})
        with pytest.raises(AwareNetError, match=rf"was made with train\.{name} = .*; set data"):
            train_member(stale, ONE, 0)
    same = {ONE: {"steps": 1}}  # says what [train] said
    train_member(experiment_in(tmp_path, manifest, steps=9, families=same), ONE, 0)


def test_how_often_is_validated_decides_the_weights_of_a_plateau(manifest, tmp_path):
    options = {"steps": 1, "schedule": "plateau", "keep": "last"}
    train_member(experiment_in(tmp_path, manifest, **options), ONE, 0)
    with pytest.raises(AwareNetError, match=r"train\.check_every = 2, now it is 1"):
        train_member(experiment_in(tmp_path, manifest, **options, check_every=1), ONE, 0)


@pytest.mark.parametrize("path", PRESETS, ids=lambda path: path.stem)
def test_every_preset_names_networks_that_there_are_and_recipes_that_can_be(path):
    settings = load_settings(path, (), TrainerSettings)
    assert {*settings.ensemble.families, *settings.train.families} <= SPECS.keys()
    for family in settings.ensemble.families:
        assert settings.train.of(family).margin <= settings.prepare.margin


def test_the_four_are_trained_again_as_in_the_thesis():
    [path] = [one for one in PRESETS if one.stem == "stronger_together"]
    settings = load_settings(path, (), TrainerSettings)
    found = {
        family: (own.optimizer, own.learning_rate, own.betas, own.weight_decay, own.schedule,
                 own.epochs, own.batch, own.patience)
        for family in settings.ensemble.families
        for own in [settings.train.of(family)]
    }  # fmt: skip
    usual = (0.9, 0.999)
    assert found == {
        "capsule": ("adam", 5e-4, usual, 0, "constant", 25, 64, 0),
        "dsp_fwa": ("sgd", 1e-4, usual, 1e-3, "plateau", 20, 56, 10),
        "ictu_oculi": ("sgd", 1e-4, usual, 1e-3, "plateau", 100, 40, 0),
        "xceptionnet": ("adam", 1e-5, (0.5, 0.999), 0, "constant", 18, 40, 0),
    }
    for own in map(settings.train.of, found):
        assert (own.keep, own.watch, own.input, own.warmup, own.ema) == (
            "best",
            "loss",
            "rows",
            0,
            0,
        )
        assert (own.label_smoothing, own.clip_norm, own.head_factor) == (0, 0, 1)
        if own.schedule == "plateau":
            assert (own.plateau_factor, own.plateau_patience, own.lowest) == (0.9, 10, 0)
    split, prepare = settings.split, settings.prepare
    assert (split.protocol, split.shares, settings.grid.recipes) == (
        "video",
        (0.8, 0.1, 0.1),
        ("none",),
    )
    assert (prepare.every_s, prepare.margin, settings.train.margin) == (0.5, 0, 0)
