"""The head of the model card: what the Hub reads there, and nothing that was not measured."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml
from huggingface_hub import ModelCard, metadata_load

from trainer.bundles.card_metadata import card_metadata
from trainer.settings import TrainerSettings

AUC = {"value": 0.91, "low": 0.8512, "high": 0.9498, "people": 34, "count": 120}
LOW = {"value": 0.61, "low": 0.5, "high": 0.7, "people": 9, "count": 30}
SETS = {
    "ffpp": {
        "protocol": "test part, split identity (nobody is in two parts)",
        "learned_from": True,
        "clips_level": {"two tiers": {"auc": AUC, "eer": LOW}, "plain mean": {"auc": LOW}},
    },
    "Celeb-DF v2": {
        "protocol": "test part of a data set that was not learned from; split identity",
        "learned_from": False,
        "clips_level": {"two tiers": {"auc": LOW}},
    },
    "too_small": {
        "protocol": "x", "learned_from": False, "clips_level": {"two tiers": {"auc": None}}
    },
}  # fmt: skip
CLIPS = {
    "portraits": {"auc": AUC, "genuine": {"clips": 3}},
    "video": {"genuine": {"clips": 3}},
    "video, anna": {"auc": {**LOW, "people": 1}},
}


def settings_of(tmp_path: Path, **sections: dict) -> TrainerSettings:
    own = {"data": {"run": str(tmp_path), "sets": {"ffpp": "a", "Celeb-DF v2": "b"}}}
    return TrainerSettings.model_validate(own | sections)


def read(text: str) -> ModelCard:
    return ModelCard(f"{text}# Tiny\n", ignore_metadata_errors=False)


def test_the_block_is_yaml_that_the_client_reads_as_a_cards_metadata(tmp_path):
    text = card_metadata(settings_of(tmp_path), {"sets": SETS, "clips": CLIPS})
    (tmp_path / "README.md").write_text(f"{text}# Tiny\n", "utf-8")
    found = metadata_load(tmp_path / "README.md")
    assert found == yaml.safe_load(text.strip("-\n"))
    assert (text[:4], text[-5:]) == ("---\n", "\n---\n")
    assert found["license"] == "mit"
    assert found["library_name"] == "timm"
    assert found["pipeline_tag"] == "video-classification"


def test_every_measured_set_has_its_figure_with_interval_and_protocol(tmp_path):
    data = read(card_metadata(settings_of(tmp_path), {"sets": SETS, "clips": CLIPS})).data
    found = {result.dataset_type: result for result in data.eval_results}
    assert data.model_name == "awarenet-demo"
    assert set(found) == {"ffpp", "celeb-df-v2", "portraits"}  # what has no figure is left out
    ffpp = found["ffpp"]
    assert (ffpp.metric_type, ffpp.metric_value) == ("roc_auc", 0.91)
    assert ffpp.dataset_name == "ffpp (test part, split identity (nobody is in two parts))"
    assert ffpp.metric_name == "AUC on clips; 95 % interval 0.851 to 0.950 over 34 people"
    assert found["celeb-df-v2"].metric_value == 0.61
    assert "not learned from" in found["celeb-df-v2"].dataset_name


def test_the_demos_own_figures_are_valid_metadata(tmp_path):
    demo = Path(__file__).resolve().parent.parent / "assets" / "demo" / "config.json"
    metrics = json.loads(demo.read_text("utf-8"))["metrics"]
    results = read(card_metadata(settings_of(tmp_path), metrics)).data.eval_results
    found = {result.dataset_type: result.metric_value for result in results}
    areas = {name: one.get("auc") for name, one in metrics["clips"].items()}
    assert found == {name: auc["value"] for name, auc in areas.items() if auc and auc["people"] > 1}
    assert "video" in found


def test_without_figures_no_result_is_claimed(tmp_path):
    found = yaml.safe_load(card_metadata(settings_of(tmp_path), {}).strip("-\n"))
    assert not {"model-index", "metrics", "training_hours"} & set(found)


def test_base_models_are_those_on_the_hub_that_training_started_from(tmp_path):
    families = ["res2net101", "xception", "efficientnet_lite0"]  # Hub; not on it; a package
    own = settings_of(tmp_path, ensemble={"families": families})
    found = yaml.safe_load(card_metadata(own, {}).strip("-\n"))
    assert found["base_model"] == ["timm/res2net101_26w_4s.in1k"]
    random = settings_of(tmp_path, ensemble={"families": families}, train={"start": "random"})
    assert "base_model" not in yaml.safe_load(card_metadata(random, {}).strip("-\n"))


def test_data_sets_are_those_of_the_grid_or_those_that_were_named(tmp_path):
    def of(own: TrainerSettings, **named: list[str]) -> list[str]:
        return yaml.safe_load(card_metadata(own, {}, **named).strip("-\n"))["datasets"]

    assert of(settings_of(tmp_path)) == ["ffpp", "celeb-df-v2"]
    assert of(settings_of(tmp_path, grid={"data": ["ffpp"]})) == ["ffpp"]
    assert of(settings_of(tmp_path), datasets=["Celeb-DF v2"]) == ["celeb-df-v2"]


def test_time_and_hardware_stand_there_once_they_were_measured(tmp_path):
    machine = {"cpu": "Some CPU", "cores": 2, "memory_gib": 8.0, "gpus": []}
    record = {"stages": {"train": 6930.0}, "hardware": machine}
    (tmp_path / "run.json").write_text(json.dumps(record), "utf-8")
    found = yaml.safe_load(card_metadata(settings_of(tmp_path), {}).strip("-\n"))
    assert found["training_hours"] == pytest.approx(1.925, abs=0.006)
    assert found["training_hardware"] == "2 cores of Some CPU, no GPU"
    assert not any("co2" in key for key in found)  # nobody measured that
