"""The grid: which ensembles there are, what each learns from, and where it lies."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from tiny_people import row

from awarenet.errors import SettingsError
from awarenet.zoo import SPECS
from trainer.experiments import experiments
from trainer.settings import TrainerSettings

DATA = {
    "sets": {"faceforensics": "/a", "celebdf_v2": "/b"},
    "photos": ["data/portraits"],
    "test_photos": {"others": "data/others"},
    "run": "runs/here",
}


def settings(data=(), recipes=("camera",), **sections: dict) -> TrainerSettings:
    grid = {"data": list(data) or ["all"], "recipes": list(recipes)}
    return TrainerSettings.model_validate({"data": DATA, "grid": grid, **sections})


def test_the_grid_is_every_data_set_times_every_recipe():
    grid = experiments(settings(["faceforensics", "celebdf_v2"], ["none", "dfdc"]))
    names = [one.name for one in grid]
    sets = ("faceforensics", "celebdf_v2")
    assert names == [f"{one}-{recipe}" for one in sets for recipe in ("none", "dfdc")]
    assert len({one.folder for one in grid}) == len({one.bundle for one in grid}) == 4
    assert {one.manifest for one in grid} == {Path("runs/here/manifest.parquet")}


def test_each_is_an_ensemble_for_everything_there_is():
    grid = experiments(settings(["each"]))
    assert [one.data for one in grid] == ["faceforensics", "celebdf_v2", "portraits"]


def test_the_only_ensemble_s_bundle_is_the_folder_that_was_asked_for():
    [only] = experiments(settings(ensemble={"bundle": "assets/mine"}))
    assert only.bundle == Path("assets/mine")


@pytest.mark.parametrize(
    ("data", "recipes", "said"),
    [
        (["dfdc"], ["none"], r"no 'dfdc' to learn from; there are all, faceforensics, celebdf_v2"),
        (["all", "all"], ["none"], "none of them twice"),
        (["all"], [], "expected one or more of each"),
    ],
)
def test_a_grid_without_a_meaning_is_refused(data, recipes, said):
    with pytest.raises(SettingsError, match=said):
        experiments(settings(data, recipes))


def test_a_run_without_any_data_says_how_to_name_it():
    with pytest.raises(SettingsError, match="nothing to learn from; add --data NAME=PATH"):
        experiments(TrainerSettings.model_validate({"grid": {"data": ["each"]}}))


def test_nothing_is_learned_from_people_who_are_only_tested_on():
    rows = [
        replace(row(name, split=part), dataset=name)
        for name in ("faceforensics", "celebdf_v2", "portraits", "others")
        for part in ("train", "test")
    ]
    everything, one = experiments(settings(["all", "celebdf_v2"]))
    learned = [found.dataset for found in everything.rows(rows, "train")]
    assert learned == ["faceforensics", "celebdf_v2", "portraits"]
    assert [found.dataset for found in one.rows(rows, "train")] == ["celebdf_v2"]
    assert everything.datasets == ["faceforensics", "celebdf_v2", "portraits"]
    assert [found.dataset for found in rows if everything.is_portrait(found)] == [
        "portraits", "portraits", "others", "others",
    ]  # fmt: skip


def test_the_kind_that_is_held_out_is_in_the_test_part_alone():
    rows = [
        replace(row(f"{part}-{kind}", label=1, split=part, method=kind), dataset="portraits")
        for part in ("train", "validation", "test")
        for kind in ("pyramid_swap", "matched_swap")
    ]
    [only] = experiments(settings())
    assert [len(only.rows(rows, part)) for part in ("train", "validation", "test")] == [1, 1, 2]


def test_every_member_has_a_seed_of_its_own():
    families = ["test_resnet", "test_efficientnet"]
    [only] = experiments(
        settings(ensemble={"families": families, "members": 3}, train={"seed": 40})
    )
    assert only.seeds == {"test_resnet": [40, 41, 42], "test_efficientnet": [43, 44, 45]}
    first = [member for member in only.members if member[1] == 0]
    assert only.members[:2] == first  # one of each family before the second of any


def test_a_family_is_fed_as_the_settings_say():
    ensemble = {"families": ["xception", "efficientnet_b7"]}
    [own] = experiments(settings(ensemble=ensemble))
    assert own.spec("xception") == SPECS["xception"]
    assert own.side == 299
    [paper] = experiments(settings(ensemble={**ensemble, "side": 224, "normalization": "imagenet"}))
    assert paper.side == paper.spec("xception").side == 224
    assert paper.spec("xception").mean == SPECS["efficientnet_b7"].mean
