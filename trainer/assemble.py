"""The last stage: the finished bundle, with its model card and its golden check."""

from __future__ import annotations

import logging
from pathlib import Path

import cv2
import matplotlib
import numpy as np

from awarenet.bundle import save_bundle
from awarenet.bundle_config import Calibration, ThresholdRow, Thresholds, TrainedOn
from awarenet.combine import create_combiner
from awarenet.faces import create_face_finder, crop_face
from trainer.atomic import read_json
from trainer.card import model_card
from trainer.codecs import jpeg
from trainer.fit import build_ensemble, crop_config, crop_side, seeds
from trainer.prepare import manifest_hash
from trainer.settings import TrainerSettings
from trainer.stamps import needed

log = logging.getLogger(__name__)


def write_bundle(settings: TrainerSettings) -> Path:
    """Write the bundle of a run that is trained, fitted and evaluated; replaces an older one.

    Returns:
        The bundle's folder.

    Raises:
        AwareNetError: Something was not fitted or not measured yet.
    """
    run = Path(settings.data.run)
    fitted = read_json(needed(run / "fit.json", "ensemble"))
    metrics = read_json(needed(run / "metrics.json", "evaluate"))
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
            text=settings.card.summary,
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
