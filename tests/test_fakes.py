"""Fakes of real crops on disk: their rows say who is in them, and the same run makes the same."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from tiny_people import real_scene, row

from awarenet.errors import SettingsError
from trainer.extraction.crops import read_crop
from trainer.manifest import Row
from trainer.portraits.fakes import make_fakes
from trainer.portraits.forge import MADE_OF_ITSELF
from trainer.settings import ForgeSettings

PEOPLE = ("astronaut", "hopper")


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("run")


@pytest.fixture(scope="module")
def reals(folder) -> list[Row]:
    rows = []
    for name in PEOPLE:
        image, points = real_scene(name, 96)
        cv2.imwrite(str(folder / f"{name}.png"), cv2.cvtColor(image, cv2.COLOR_RGB2BGR))
        sha256 = hashlib.sha256(image.tobytes()).hexdigest()
        rows.append(replace(row(name, mesh=points, people=(name,)), sha256=sha256))
    return rows


@pytest.mark.parametrize("kind", sorted(MADE_OF_ITSELF.values()))
def test_a_fake_made_of_one_face_shows_one_person(kind, folder, reals):
    settings = ForgeSettings(kinds={kind: 1.0}, fakes_per_person=2)
    made = list(make_fakes(reals, folder, settings, workers=0))
    assert [(fake.method, fake.label) for fake in made] == [(kind, 1)] * 4
    assert [fake.identities for fake in made] == [(name,) for name in PEOPLE for _ in range(2)]
    assert len({fake.sha256 for fake in made}) == 4
    for fake, real in zip(made, [real for real in reals for _ in range(2)], strict=True):
        assert fake.source_clip == real.clip
        crops = [read_crop(folder, each.path) for each in (fake, real)]
        assert hashlib.sha256(crops[0].tobytes()).hexdigest() == fake.sha256
        assert 0 < np.abs(crops[0].astype(int) - crops[1]).mean() < 40
    again = make_fakes(reals, folder, settings, workers=0)
    assert [fake.sha256 for fake in again] == [fake.sha256 for fake in made]


def test_a_swap_shows_two(folder, reals):
    settings = ForgeSettings(kinds={"matched_swap": 1.0}, fakes_per_person=1)
    made = make_fakes(reals, folder, settings, workers=0)
    assert [fake.identities for fake in made] == [PEOPLE, PEOPLE[::-1]]


def test_people_who_are_tested_on_get_one_fake_of_each_kind_and_the_unseen_one(folder, reals):
    tested = [replace(real, split="test") for real in reals]
    settings = ForgeSettings(kinds={"warped": 0.2, "poisson_swap": 0.8})
    made = list(make_fakes(tested, folder, settings, workers=0))
    assert [fake.method for fake in made] == ["warped", "poisson_swap", "pyramid_swap"] * 2


@pytest.mark.parametrize("change", [{"kinds": {"dream": 1.0}}, {"held_out": "dream"}])
def test_an_unknown_kind_is_refused_before_anything_is_made(change, tmp_path, reals):
    told = "no kind of fake 'dream'; there are self_blended, warped, matched_swap"
    with pytest.raises(SettingsError, match=told):
        list(make_fakes(reals, tmp_path, ForgeSettings(**change), workers=0))
