"""Put trained members under a combiner, and write the bundle that holds them.

A raw bundle, without calibration, lets the page's own pipeline score clips while there is nothing
else yet; the finished one carries what was fitted and measured, and its model card.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path

import cv2
import matplotlib
import numpy as np

from awarenet.bundle import save_bundle
from awarenet.bundle.config import Crop, ThresholdRow, Thresholds, TrainedOn
from awarenet.bundle.votes import Calibration, OtherVote, describe_combiner
from awarenet.bundle.votes import Combiner as CombinerConfig
from awarenet.combine import Combiner
from awarenet.damage import jpeg
from awarenet.ensemble import Ensemble
from awarenet.faces import create_face_finder, crop_face
from trainer.bundles.card import model_card
from trainer.competence import read_fitted
from trainer.ensembles.scorers import read
from trainer.ensembles.voting import short_name
from trainer.experiments import Experiment
from trainer.json_files import read_json
from trainer.prepare import manifest_hash
from trainer.stamps import needed
from trainer.training.scoring import load_member

log = logging.getLogger(__name__)


def write_bundle(experiment: Experiment) -> Path:
    """Write the bundle of an experiment that is trained, fitted and evaluated; replaces an older.

    Returns:
        The bundle's folder.

    Raises:
        AwareNetError: Something was not fitted or not measured yet.
    """
    settings, target = experiment.settings, experiment.bundle
    fitted = read_json(needed(experiment.folder / "fit.json", "ensemble"))
    metrics = read_json(needed(experiment.folder / "metrics.json", "evaluate"))
    scorer = read(fitted["ensembles"][fitted["ships"]], experiment.families)
    families = [experiment.families[column] for column in scorer.columns]
    save_bundle(
        target,
        build_ensemble(experiment, scorer.combiner, families),
        name=settings.ensemble.name,
        seeds={family: experiment.seeds[family] for family in families},
        calibration=Calibration(
            scale=fitted["scale"], offset=fitted["offset"], fitted_on=fitted["fitted_on"]
        ),
        thresholds=Thresholds(
            default=fitted["threshold"],
            table=tuple(ThresholdRow(**row) for row in fitted["table"]),
            fitted_on=fitted["fitted_on"],
        ),
        crop=crop_config(experiment),
        trained_on=TrainedOn(
            text=settings.card.summary,
            datasets=tuple(experiment.datasets),
            split_sha256=manifest_hash(experiment.manifest),
        ),
        metrics=metrics,
        golden_crops=golden_crops(experiment),
        readme=model_card(experiment, fitted, metrics),
        other_votes=other_votes(fitted, families),
        competence=read_fitted(experiment, fitted.get("competence"), families),
    )
    size = sum(path.stat().st_size for path in target.rglob("*") if path.is_file())
    log.info("bundle: %s, %.1f MB", target, size / 1e6)
    return target


def other_votes(fitted: dict, families: Sequence[str]) -> list[OtherVote]:
    """Put every ensemble that does not ship into the bundle's words, each calibrated by itself.

    Args:
        fitted: What fit.json holds.
        families: Of the bundle; an ensemble that needs another one is left out, and so is one
            that is the same as an earlier one, as the best two may be the two smallest, and a
            forest: its 2,200 numbers would be most of config.json.
    """
    found: dict[str, OtherVote] = {}
    ensembles = fitted["ensembles"]
    known = [_votes_of(ensembles[fitted["ships"]], families)]
    for name, described in ensembles.items():
        if "forest" in described or not set(described["families"]) <= set(families):
            continue
        combiner = _votes_of(described, families)
        if combiner not in known:
            known.append(combiner)
            own = fitted["calibrations"][name]
            people = fitted["fitted_on"].partition(";")[0]  # not those of the threshold
            calibration = Calibration(**own, fitted_on=people)
            short = short_name(name)
            found[short] = OtherVote(name=short, combiner=combiner, calibration=calibration)
    return list(found.values())


def _votes_of(described: dict, families: Sequence[str]) -> CombinerConfig:
    """An ensemble's combiner in the bundle's words."""
    own = [family for family in families if family in described["families"]]
    return describe_combiner(read(described, own).combiner, own)


def write_raw_bundle(experiment: Experiment, combiner: Combiner) -> Path:
    """A bundle without calibration, for scoring calibration and test clips by the real pipeline."""
    folder = experiment.folder / "raw"
    save_bundle(
        folder,
        build_ensemble(experiment, combiner, experiment.families),
        name=f"{experiment.settings.ensemble.name}-raw",
        seeds=experiment.seeds,
        calibration=None,
        thresholds=Thresholds(default=0.5, fitted_on="nothing"),
        crop=crop_config(experiment),
        trained_on=TrainedOn(text="see the finished bundle", datasets=(), split_sha256="0" * 64),
        metrics={},
        golden_crops=golden_crops(experiment),
        readme="Not calibrated; made by the trainer for its own use.",
    )
    return folder


def build_ensemble(experiment: Experiment, combiner: Combiner, families: Sequence[str]) -> Ensemble:
    """Put all trained members of some families under a combiner of these."""
    count = experiment.settings.ensemble.members
    members = {
        family: [load_member(experiment, family, index) for index in range(count)]
        for family in families
    }
    return Ensemble(members, combiner, {family: experiment.spec(family) for family in members})


def crop_config(experiment: Experiment) -> Crop:
    """How faces were cut out, for the bundle."""
    settings = experiment.settings
    return Crop(
        detector=settings.faces.detector, margin=settings.train.margin, side=experiment.side
    )


def golden_crops(experiment: Experiment) -> np.ndarray:
    """Four crops that any clone can make again: a public-domain portrait, as it is and degraded.

    Returns:
        (4, S, S, 3) uint8 RGB. Source: matplotlib's sample_data/grace_hopper.jpg (US Navy).
    """
    path = Path(matplotlib.get_data_path()) / "sample_data" / "grace_hopper.jpg"
    image = cv2.imread(str(path), cv2.IMREAD_COLOR_RGB)
    own = experiment.settings
    face = max(create_face_finder(own.faces).find(image), key=lambda face: face.side_px)
    crop = crop_face(image, face.box, margin=own.train.margin, side=experiment.side)
    noise = np.random.default_rng(0).integers(0, 256, crop.shape, dtype=np.uint8)
    return np.stack([crop, jpeg(crop, 40), cv2.GaussianBlur(crop, (0, 0), 3), noise])
