"""Bundles of every combiner, and of families that are fed in different ways."""

import json
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from tiny_bundle import golden_crops, refusal, save, tiny_ensemble

import awarenet
from awarenet.bundle import load_bundle
from awarenet.bundle.config import Crop
from awarenet.combine import COMBINERS, Combiner, create_combiner
from awarenet.ensemble import Ensemble, judge
from awarenet.scoring import Calibration, track_score
from awarenet.settings import load_settings
from awarenet.zoo import adapt_spec, create_model, get_spec
from trainer.ensembles.weights import grow_forest

CLIP = Path(__file__).resolve().parent.parent / "assets" / "examples" / "two_people.mp4"


def combiner_of(name: str) -> Combiner:
    """A combiner over two families, fitted where it can be."""
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(60, 2, 2, generator=generator)
    labels = (logits[:, 0].mean(dim=1) > 0).float()
    if name == "stack":
        forest, heeded = grow_forest(logits, labels)
        return create_combiner(name, heeded, forest)
    weights = [0.7, 0.3] if name in ("two_tier", "soft") else [0.5, 0.5]
    return create_combiner(name, weights)


@pytest.mark.parametrize("name", sorted(COMBINERS))
def test_every_combiner_comes_back_from_a_bundle(name, tmp_path):
    ensemble = tiny_ensemble()
    ensemble.combiner = combiner_of(name)
    config = save(tmp_path / "bundle", ensemble)
    found = load_bundle(tmp_path / "bundle").ensemble
    assert config.combiner.name == name
    assert (config.combiner.forest is not None) == (name == "stack")
    assert found.combiner.pooling == ensemble.combiner.pooling
    assert found.weights == pytest.approx(ensemble.weights, abs=1e-6)
    logits = np.random.default_rng(1).normal(0, 2, (40, 2, 2))
    expected = judge(ensemble.combiner, logits)
    np.testing.assert_allclose(judge(found.combiner, logits), expected, atol=1e-6)


def test_a_forest_that_was_cut_down_is_refused(tmp_path):
    ensemble = tiny_ensemble()
    ensemble.combiner = combiner_of("stack")
    save(tmp_path / "bundle", ensemble)
    path = tmp_path / "bundle" / "config.json"
    config = json.loads(path.read_text("utf-8"))
    config["combiner"]["forest"]["leaves"].pop()
    path.write_text(json.dumps(config), "utf-8")
    assert "forest of shapes" in refusal(tmp_path / "bundle")


@pytest.fixture(scope="module")
def mixed(tmp_path_factory) -> Path:
    """Networks of three kinds: capsules at 64 px, a BGR network's, ten views, and one of timm's."""
    torch.manual_seed(1)
    specs = {
        "capsule": adapt_spec(get_spec("capsule"), side=64),
        "dsp_fwa": adapt_spec(get_spec("dsp_fwa"), side=64, views=4),
        "mobilenet_v2": adapt_spec(get_spec("mobilenet_v2"), side=64),
    }
    members = {family: [create_model(family)] for family in specs}
    for family, [network] in members.items():
        network.train()(torch.randn(4, 3, specs[family].side, specs[family].side))
    combiner = create_combiner("soft", [0.5, 0.2, 0.3])
    ensemble = Ensemble(members, combiner, specs).eval()
    folder = tmp_path_factory.mktemp("mixed") / "bundle"
    save(
        folder,
        ensemble,
        seeds={family: [number] for number, family in enumerate(specs)},
        crop=Crop(detector="retinaface-mobilenet", margin=0.15, side=80),
        golden_crops=golden_crops(),
    )
    return folder


def test_families_that_are_fed_differently_live_in_one_bundle(mixed):
    found = load_bundle(mixed)
    views = {family.name: family.views for family in found.config.families}
    assert views == {"capsule": 1, "dsp_fwa": 4, "mobilenet_v2": 1}
    assert {family: spec.side for family, spec in found.ensemble.specs.items()} == dict.fromkeys(
        views, 64
    )
    described = json.loads((mixed / "capsule-0" / "config.json").read_text("utf-8"))
    assert described["architecture"] == "capsule"


def test_a_mixed_bundle_judges_a_clip_and_shows_where_each_family_looked(mixed):
    settings = load_settings(overrides=["sampling.frames=6", "explain.enabled=true"])
    detector = awarenet.load_detector(mixed, settings)
    report = detector.analyze(CLIP)
    assert report.status == "ok"
    assert set(report.families) == {"capsule", "dsp_fwa", "mobilenet_v2"}
    assert report.families["capsule"].weight == pytest.approx(0.5)
    assert set(report.explanation.layers) == set(report.families)
    [first, *_] = report.people
    moments = [np.array(moment.members) for moment in first.timeline]
    logits = np.log(np.stack(moments) / (1 - np.stack(moments)))  # calibrated once more below
    assert logits.shape[1:] == (3, 1)
    combiner = load_bundle(mixed).ensemble.combiner
    calibration = detector.bundle.config.calibration
    own = (logits - calibration.offset) / calibration.scale
    fitted = Calibration(calibration.scale, calibration.offset)
    score = track_score(own, partial(judge, combiner), fitted)
    assert score.probability == pytest.approx(first.probability, abs=1e-4)
