"""A run whose stages have left everything behind, without any training: what the report reads."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np

from tests.fitted import fitted_on
from tests.tiny_people import row
from trainer.ensembles.scorers import read
from trainer.ensembles.voting import shipped
from trainer.evaluation.calibration import compare
from trainer.evaluation.datasets import clip_auc, measure_dataset
from trainer.evaluation.predictions import Predictions
from trainer.experiments import Experiment, experiments
from trainer.json_files import write_json
from trainer.manifest import Row, write_manifest
from trainer.settings import TrainerSettings

FAMILIES = ("efficientnet_lite0", "mobilenet_v2")
WEIGHTS = {"efficientnet_lite0": 0.6, "mobilenet_v2": 0.4}
SETS = ("faceforensics", "celebdf_v2")
NASTY = "<script>alert('x')</script>"  # a method of fakes, as a folder might be called
PEOPLE, FRAMES = 20, 3
GRID = {"grid": {"data": ("faceforensics",), "recipes": ("none", "aware_net")}}  # two of the four


def report_settings(run: Path, **sections: dict) -> TrainerSettings:
    """Settings of a grid of four: two data sets, with and without augmentation."""
    values = {
        "data": {"run": str(run), "sets": {name: f"data/{name}" for name in SETS}},
        "grid": {"data": ("each",), "recipes": ("none", "aware_net")},
        "ensemble": {"families": FAMILIES, "members": 2},
        "evaluate": {"resamples": 40},
    }
    for section, keys in sections.items():
        values[section] = {**values.get(section, {}), **keys}
    return TrainerSettings.model_validate(values)


def crops_of(dataset: str) -> list[Row]:
    """Crops of the test part: of each person one real and two fake clips."""
    rows = []
    for person in range(PEOPLE):
        for method in ("real", "Deepfakes", NASTY):
            clip = f"{dataset}-{person:02d}-{method}"
            label = int(method != "real")
            one = row(clip, label=label, split="test", people=[f"p{person}"], method=method)
            rows += [
                dataclasses.replace(
                    one, path=f"{clip}-{frame}.png", frame=frame, dataset=dataset,
                    compression="c23" if person % 2 else "c40", face_px=70.0 + 20 * (person % 5),
                )
                for frame in range(FRAMES)
            ]  # fmt: skip
    return rows


def predict(rows: list[Row], *, skill: float, seed: int) -> Predictions:
    """Logits of members that know something: `skill` apart, noise of one."""
    rng = np.random.default_rng(seed)
    labels = np.array([one.label for one in rows])
    _, clips = np.unique([one.clip for one in rows], return_inverse=True)
    noise = rng.normal(0, 1, (clips.max() + 1, 1, 1))[clips]
    own = rng.normal(0, 0.7, (len(rows), len(FAMILIES), 2))
    return Predictions.of(rows, (2 * labels - 1)[:, None, None] * skill + noise + own, FAMILIES)


def write_training(experiment: Experiment) -> None:
    """Learning curves of every member."""
    for number, (family, index) in enumerate(experiment.members):
        folder = experiment.member_folder(family, index)
        folder.mkdir(parents=True)
        lines = [
            {
                "step": step, "epoch": step / 100, "loss": 0.7 * np.exp(-step / 500),
                "validation_loss": 0.7 * np.exp(-step / 700) + 0.02 * number,
                "validation_auc": 1 - 0.5 * np.exp(-step / 400) - 0.01 * number,
                "learning_rate": 1e-4 * (1 - step / 1000), "images_a_second": 20.5, "seconds": step,
            }
            for step in range(100, 901, 100)
        ]  # fmt: skip
        (folder / "log.jsonl").write_text("".join(f"{json.dumps(line)}\n" for line in lines))


def write_figures(experiment: Experiment, seed: int) -> None:
    """fit.json, metrics.json and predictions of every data set."""
    validation = predict(crops_of("validation"), skill=0.9, seed=seed)
    own = experiment.settings.ensemble
    fitted = fitted_on(validation, WEIGHTS, ships=shipped(own.combiner, own.choose))
    scorer = read(fitted["ensembles"][fitted["ships"]], FAMILIES)
    odds = validation.by_clip(scorer.crops(validation.logits), scorer.combiner.pooling)
    clips = validation.clips()
    fitted |= {
        **fitted["calibrations"][fitted["ships"]], "calibration": "platt",
        "fitted_on": "20 genuine and 40 fake clips of 20 people",
        "comparison": compare("platt", odds, clips.label, clips.identity),
        "table": [{"threshold": 0.5, "false_alarm_rate": 0.05, "detection_rate": 0.9}],
    }  # fmt: skip
    write_json(experiment.folder / "fit.json", fitted)
    sets = {}
    for place, name in enumerate(SETS):
        skill = 1.2 if name == experiment.data else 0.5
        found = predict(crops_of(name), skill=skill, seed=seed + place + 1)
        found.write(experiment.folder / f"predictions-{name}.parquet")
        sets[name] = measure_dataset(
            found, fitted, resamples=40, learned_from=name == experiment.data, protocol="identity"
        )
        auc = clip_auc(found, scorer, resamples=40)
        sets[name]["robustness"] = {
            "jpeg": [{"level": "none", "auc": auc}, {"level": "quality 30", "auc": auc}],
            "h264": [{"level": "none", "auc": auc}, {"level": "CRF 40", "auc": auc}],
        }
    metrics = {"crops": {}, "members": {}, "clips": {}, "sets": sets,
               "calibration": fitted["comparison"]}  # fmt: skip
    write_json(experiment.folder / "metrics.json", metrics)


def write_run(run: Path, **sections: dict) -> TrainerSettings:
    """Write a whole run; gives back its settings."""
    settings = report_settings(run, **sections)
    rows = [one for name in SETS for one in crops_of(name)]
    rows += [dataclasses.replace(row(f"t{i}", people=[f"t{i}"]), dataset=SETS[0]) for i in range(3)]
    run.mkdir(parents=True, exist_ok=True)
    notes = {"protocol": "identity", "split_warnings": "Person p1 <b>may</b> be p2."}
    write_manifest(rows, run / "manifest.parquet", notes)
    write_json(
        run / "run.json", {"command": "train", "commit": "abc123", "versions": {"torch": "2"}}
    )
    for number, experiment in enumerate(experiments(settings)):
        write_training(experiment)
        write_figures(experiment, 100 * number)
    return settings
