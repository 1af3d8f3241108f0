"""Figures on people that nothing was trained, fitted or calibrated on.

Crops: AUC for each kind of fake, at the clean and at the hard end, for held-out people of the
training sources and for people of other sources. Clips: false alarms on genuine ones, detection of
swapped ones, at the threshold that ships. Every figure has a 95 % bootstrap interval over people.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from awarenet.scoring import Calibration, track_score, verdict
from trainer.atomic import read_json, write_json
from trainer.clips import make_clips
from trainer.fit import crop_side, member_hashes
from trainer.loader import draw_crops
from trainer.manifest import Row, read_manifest
from trainer.measure import (
    ScoredClip,
    clip_log_odds,
    crop_logits,
    frame_log_odds,
    portrait_clips,
    score_clips,
)
from trainer.metrics import Figure, auc, auc_with_interval, rate_with_interval
from trainer.settings import TrainerSettings
from trainer.stamps import content_hash, is_made

log = logging.getLogger(__name__)


def evaluate(settings: TrainerSettings) -> dict:
    """Measure the fitted ensemble; writes and returns metrics.json.

    Raises:
        AwareNetError: Nothing was fitted yet.
    """
    run = Path(settings.data.run)
    out = run / "metrics.json"
    made_of = {
        "fit": content_hash(run / "fit.json", "ensemble"),
        "members": member_hashes(settings),
        "evaluate": settings.evaluate.model_dump(mode="json"),
        "verdict": settings.verdict.model_dump(mode="json"),
    }
    if is_made(out, made_of, again=True):
        log.info("evaluate: %s is there, skipped", out)
        return read_json(out)
    fitted = read_json(run / "fit.json")
    weights = np.array([fitted["weights"][family] for family in settings.ensemble.families])
    rows = [row for row in read_manifest(run / "manifest.parquet") if row.split == "test"]
    own = [row for row in rows if row.dataset not in settings.data.test_photos]
    result: dict = {"crops": {}, "members": {}, "clips": {}}
    for regime in ("clean", "hard"):
        logits = _logits(settings, own, run, regime)
        result["crops"][f"own sources, {regime}"] = by_kind(own, logits, weights, settings)
        result["members"][regime] = compare_members(own, logits, weights, settings)
    for name in settings.data.test_photos:
        other = [row for row in rows if row.dataset == name]
        logits = _logits(settings, other, run, "clean")
        result["crops"][f"{name}, clean"] = by_kind(other, logits, weights, settings)
    portraits = portrait_clips(settings, own, run, "training", crop_side(settings))
    result["clips"]["portraits"] = judge(portraits, weights, fitted, settings)
    clips = [clip for clip in make_clips(settings) if clip.part == "test"]
    scored = score_clips(settings, clips, run / "raw", run / "scored.json")
    result["clips"]["video"] = judge(scored, weights, fitted, settings)
    by_person = {person: [c for c in scored if c.person == person] for person in
                 sorted({clip.person for clip in scored})}  # fmt: skip
    for person, theirs in by_person.items():
        result["clips"][f"video, {person}"] = judge(theirs, weights, fitted, settings)
    write_json(out, result)
    log.info("evaluate: %s", json.dumps(result["crops"]))
    return result


def by_kind(
    rows: Sequence[Row], logits: np.ndarray, weights: np.ndarray, settings: TrainerSettings
) -> dict[str, Figure]:
    """AUC of the ensemble for each kind of fake against all real crops, and for all kinds."""
    scores = frame_log_odds(logits, weights)
    labels = np.array([row.label for row in rows])
    methods = np.array([row.method for row in rows])
    people = np.array([row.identities[0] for row in rows])
    figures = {}
    for kind in [*sorted(set(methods) - {"real"}), "all kinds"]:
        at = (methods == "real") | (methods == kind) | (kind == "all kinds")
        figures[kind] = auc_with_interval(
            labels[at], scores[at], people[at], resamples=settings.evaluate.resamples
        )
    return figures


def compare_members(
    rows: Sequence[Row], logits: np.ndarray, weights: np.ndarray, settings: TrainerSettings
) -> dict[str, float]:
    """AUC over all kinds of every member alone, of each family, the plain mean and two tiers."""
    labels = np.array([row.label for row in rows])
    shares = 1 / (1 + np.exp(-logits.astype(np.float64)))
    scores = {"two tiers": frame_log_odds(logits, weights), "plain mean": shares.mean(axis=(1, 2))}
    for position, family in enumerate(settings.ensemble.families):
        scores[family] = shares[:, position].mean(axis=1)
        for index in range(logits.shape[2]):
            scores[f"{family}-{index}"] = logits[:, position, index]
    return {name: round(auc(labels, values), 4) for name, values in scores.items()}


def judge(
    clips: Sequence[ScoredClip], weights: np.ndarray, fitted: dict, settings: TrainerSettings
) -> dict:
    """Verdicts on clips as the page would give them; clips without an answer are counted apart."""
    answered = [clip for clip in clips if clip.status == "ok"]
    calibration = Calibration(fitted["scale"], fitted["offset"])
    verdicts, probabilities = [], []
    for clip in answered:
        score = track_score(
            clip.logits, weights, calibration,
            confidence=settings.verdict.confidence, resamples=settings.verdict.resamples,
            seed=settings.verdict.seed,
        )  # fmt: skip
        verdicts.append(verdict(score.probability, score.interval, fitted["threshold"]))
        probabilities.append(score.probability)
    labels = np.array([clip.label for clip in answered])
    flagged = np.array(probabilities) >= fitted["threshold"]
    words, people = np.array(verdicts), np.array([clip.person for clip in answered])
    result: dict = {"without an answer": len(clips) - len(answered)}
    for label, name in ((0, "genuine"), (1, "fake")):
        at = labels == label
        if not at.any():
            continue
        result[name] = {
            "clips": int(at.sum()),
            "flagged": rate_with_interval(
                flagged[at], people[at], resamples=settings.evaluate.resamples
            ),
            **{word: int((words[at] == word).sum()) for word in ("fake", "inconclusive", "real")},
        }
    if len(np.unique(labels)) == 2:
        result["auc"] = auc_with_interval(
            labels, clip_log_odds(answered, weights), people, resamples=settings.evaluate.resamples
        )
    return result


def _logits(settings: TrainerSettings, rows: Sequence[Row], run: Path, regime: str) -> np.ndarray:
    crops, _ = draw_crops(
        rows, run, regime, draws=1, margin=settings.train.margin, side=crop_side(settings), seed=2
    )
    return crop_logits(settings, crops)
