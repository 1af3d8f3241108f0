"""Tier 2, calibration and threshold, none of them on anybody who is trained or tested on.

- Family weights: validation people's faces, by the likelihood of the mixed probability.
- Calibration (Platt): real clips of calibration people, as they are and swapped.
- Threshold: so that few genuine clips are flagged, of real clips and of validation portraits alike.
"""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import torch
from sklearn.linear_model import LogisticRegression

from awarenet.bundle import save_bundle
from awarenet.bundle_config import Crop, Thresholds, TrainedOn
from awarenet.combine import fit_two_tier
from awarenet.ensemble import Ensemble
from awarenet.errors import AwareNetError
from awarenet.zoo import get_spec
from trainer.atomic import read_json, write_json
from trainer.clips import make_clips
from trainer.engine import load_member, member_folder, member_seed
from trainer.loader import draw_crops
from trainer.manifest import read_manifest
from trainer.measure import ScoredClip, clip_log_odds, crop_logits, portrait_clips, score_clips
from trainer.settings import TrainerSettings
from trainer.stamps import content_hash, is_made

log = logging.getLogger(__name__)

PRIOR = 0.02  # pull of the tier-2 weights toward equal shares; see `fit_two_tier`
LOWEST_THRESHOLD = 0.5


def fit(settings: TrainerSettings) -> dict:
    """Fit everything that stands on top of the members; writes and returns fit.json.

    Raises:
        AwareNetError: A member is missing, or the calibration clips hold one class only.
    """
    run = Path(settings.data.run)
    out = run / "fit.json"
    clips = [clip for clip in make_clips(settings) if clip.part == "calibration"]
    if is_made(out, _made_of(settings), again=True):
        log.info("ensemble: %s is there, skipped", out)
        return read_json(out)
    side = crop_side(settings)
    rows = [row for row in read_manifest(run / "manifest.parquet") if row.split == "validation"]
    rows = [row for row in rows if row.method != settings.forge.held_out]
    crops, index = draw_crops(
        rows, run, "training", draws=settings.ensemble.draws, margin=settings.train.margin,
        side=side, seed=1,
    )  # fmt: skip
    labels = np.array([rows[i].label for i in index])
    logits = crop_logits(settings, crops)
    combiner = fit_two_tier(torch.from_numpy(logits), torch.from_numpy(labels), prior=PRIOR)
    weights = combiner.weights.numpy().astype(np.float64)
    named = dict(zip(settings.ensemble.families, weights.tolist(), strict=True))
    log.info("ensemble: family weights %s", {k: round(v, 3) for k, v in named.items()})
    write_raw_bundle(settings, combiner, crops[:4])
    scored = score_clips(settings, clips, run / "raw", run / "scored.json")
    scored = [clip for clip in scored if clip.status == "ok"]
    portraits = portrait_clips(settings, rows, run, "training", side)
    result = {"weights": named, **calibrate(scored, portraits, weights, settings)}
    write_json(out, result)
    return result


def _made_of(settings: TrainerSettings) -> dict:
    """Everything that fit.json depends on."""
    run = Path(settings.data.run)
    return {
        "members": member_hashes(settings),
        "clips": content_hash(run / "clips.json", "ensemble"),
        "ensemble": settings.ensemble.model_dump(mode="json", exclude={"name", "bundle"}),
        "frames": [settings.sampling.frames, settings.evaluate.frames],
        "faces": settings.faces.model_dump(mode="json"),
    }


def member_hashes(settings: TrainerSettings) -> dict[str, str]:
    """Name of each member -> SHA-256 of its weights."""
    folders = [
        member_folder(settings, family, index)
        for family in settings.ensemble.families
        for index in range(settings.ensemble.members)
    ]
    return {f.name: content_hash(f / "model.safetensors", "train") for f in folders}


def calibrate(
    videos: list[ScoredClip],
    portraits: list[ScoredClip],
    weights: np.ndarray,
    settings: TrainerSettings,
) -> dict:
    """Platt scaling on clips, and the threshold with its table.

    Returns:
        scale, offset, threshold, table (rows of threshold, false_alarm_rate, detection_rate) and
        fitted_on, in words.

    Raises:
        AwareNetError: Real or fake clips are missing.
    """
    labels = np.array([clip.label for clip in videos])
    if len(np.unique(labels)) < 2:
        raise AwareNetError("calibration needs real and swapped clips; check [data] videos")
    odds = clip_log_odds(videos, weights)
    model = LogisticRegression(C=1.0, class_weight="balanced").fit(odds[:, None], labels)
    scale, offset = float(model.coef_[0, 0]), float(model.intercept_[0])
    if scale <= 0:
        raise AwareNetError("fakes score lower than genuine clips; train longer, look at the data")

    def probability(clips: list[ScoredClip]) -> np.ndarray:
        return 1 / (1 + np.exp(-(scale * clip_log_odds(clips, weights) + offset)))

    groups = [[c for c in group if c.label == 0] for group in (videos, portraits)]
    genuine = [probability(group) for group in groups if group]
    # "higher": between two of a few clips, interpolation would let the upper one be flagged
    quantiles = [
        np.quantile(p, 1 - settings.ensemble.false_alarms, method="higher") for p in genuine
    ]
    highest = max(LOWEST_THRESHOLD, *map(float, quantiles))
    threshold = min(highest + 1e-3, (highest + 1) / 2)  # above it, and below 1
    everyone, fakes = np.concatenate(genuine), probability([c for c in videos if c.label == 1])
    table = [
        {
            "threshold": round(float(t), 3),
            "false_alarm_rate": round(float((everyone >= t).mean()), 4),
            "detection_rate": round(float((fakes >= t).mean()), 4),
        }
        for t in np.linspace(0.05, 0.95, 19)
    ]
    people = {clip.person for clip in videos}
    return {
        "scale": scale,
        "offset": offset,
        "threshold": threshold,
        "table": table,
        "fitted_on": f"{int((labels == 0).sum())} genuine and {int(labels.sum())} swapped clips of "
        f"{len(people)} people; threshold also on {len(groups[1])} validation portraits",
    }


def crop_side(settings: TrainerSettings) -> int:
    """Side of the crops that are cut once for all families: the largest that one of them takes."""
    return max(get_spec(family).side for family in settings.ensemble.families)


def build_ensemble(settings: TrainerSettings, combiner: torch.nn.Module) -> Ensemble:
    """All trained members under a combiner."""
    members = {
        family: [load_member(settings, family, i) for i in range(settings.ensemble.members)]
        for family in settings.ensemble.families
    }
    return Ensemble(members, combiner, {f: get_spec(f).side for f in members})


def seeds(settings: TrainerSettings) -> dict[str, list[int]]:
    """Seed of every member, by family."""
    return {
        family: [member_seed(settings, family, i) for i in range(settings.ensemble.members)]
        for family in settings.ensemble.families
    }


def crop_config(settings: TrainerSettings) -> Crop:
    """How faces were cut out, for the bundle."""
    return Crop(
        detector=settings.faces.detector, margin=settings.train.margin, side=crop_side(settings)
    )


def write_raw_bundle(
    settings: TrainerSettings, combiner: torch.nn.Module, golden: np.ndarray
) -> None:
    """A bundle without calibration, for scoring calibration and test clips by the real pipeline."""
    save_bundle(
        Path(settings.data.run) / "raw",
        build_ensemble(settings, combiner),
        name=f"{settings.ensemble.name}-raw",
        seeds=seeds(settings),
        calibration=None,
        thresholds=Thresholds(default=0.5, fitted_on="nothing"),
        crop=crop_config(settings),
        trained_on=TrainedOn(text="see the finished bundle", datasets=(), split_sha256="0" * 64),
        metrics={},
        golden_crops=golden,
        readme="Not calibrated; made by the trainer for its own use.",
    )
