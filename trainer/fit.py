"""Ensembles, calibration, threshold, and how far an ensemble may be asked; none on test people.

- Weights of every ensemble: validation people's faces; see `ensembles.voting`.
- Calibration: clips of validation people of the data sets, and real clips of calibration people
  ([data] videos), as they are and swapped.
- Competence: how far a face lies from the training data; its limit on the same people.
- Threshold: so that few genuine clips are flagged, of each of these and of validation portraits.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence

import numpy as np
import torch

from awarenet.combine import Mean
from awarenet.errors import AwareNetError
from trainer.batches.samples import draw_crops
from trainer.bundles.assemble import write_raw_bundle
from trainer.competence import fit_competence
from trainer.ensembles.fitting import fit_all
from trainer.ensembles.scorers import Scorer, read
from trainer.ensembles.voting import shipped
from trainer.ensembles.weights import fit_two_tier
from trainer.evaluation.calibration import choose, compare
from trainer.experiments import Experiment
from trainer.json_files import read_json, write_json
from trainer.manifest import read_manifest
from trainer.measure import (
    ScoredClip,
    clip_log_odds,
    crop_logits,
    dataset_clips,
    member_hashes,
    portrait_clips,
    predict,
    score_clips,
)
from trainer.portraits.clips import make_clips
from trainer.settings import TrainerSettings
from trainer.stamps import content_hash, is_made
from trainer.training.scoring import weights_path
from trainer.training.together import read_together

log = logging.getLogger(__name__)

PRIOR = 0.02  # pull of the tier-2 weights toward equal shares; see `fit_two_tier`
LOWEST_THRESHOLD = 0.5
VALIDATION_FILE = "predictions-validation.parquet"


def fit(experiment: Experiment) -> dict:
    """Fit everything that stands on top of the members; writes and returns fit.json.

    Raises:
        AwareNetError: A member is missing, or the calibration clips hold one class only.
    """
    settings, folder = experiment.settings, experiment.folder
    out = folder / "fit.json"
    clips = [clip for clip in make_clips(settings) if clip.part == "calibration"]
    if is_made(out, _made_of(experiment), again=True):
        log.info("ensemble: %s is there, skipped", out)
        return read_json(out)
    everyone = read_manifest(experiment.manifest)
    rows = experiment.rows(everyone, "validation")
    portraits = [row for row in rows if experiment.is_portrait(row)]
    others = [row for row in rows if not experiment.is_portrait(row)]
    if {row.label for row in rows} != {0, 1}:
        raise AwareNetError(
            f"{experiment.name}: {len(rows)} validation crops, real and fake expected; "
            "raise the second of [split] shares"
        )
    logits, labels, scored = [], [], []
    if portraits:
        crops, index = draw_crops(
            portraits, experiment.run, "training", draws=settings.ensemble.draws,
            margin=settings.train.margin, side=experiment.side, seed=1,
        )  # fmt: skip
        logits.append(crop_logits(experiment, [crops]))
        labels.append(np.array([portraits[i].label for i in index]))
    if others:
        found = predict(experiment, others, folder / VALIDATION_FILE)
        logits.append(found.logits)
        labels.append(found.label)
        scored += dataset_clips(found, "validation")
    if clips:
        # every member stands in it; how they are combined does not matter to their scores
        write_raw_bundle(experiment, Mean(len(experiment.families)))
        videos = score_clips(experiment, clips, folder / "raw", folder / "scored.json")
        scored += [clip for clip in videos if clip.status == "ok"]
    genuine = portrait_clips(experiment, portraits, "training") if portraits else []
    together, truth = np.concatenate(logits), np.concatenate(labels)
    found = fit_all(
        experiment.families, together, truth, scored,
        two_tier=_two_tiers(experiment, together, truth), sizes=_sizes(experiment),
        calibration=settings.ensemble.calibration,
    )  # fmt: skip
    name = shipped(settings.ensemble.combiner, settings.ensemble.choose)
    scorer = read(found["ensembles"][name], experiment.families)
    competence = fit_competence(
        experiment, [experiment.families[column] for column in scorer.columns],
        experiment.rows(everyone, "train"), rows, clips,
    )  # fmt: skip
    result = {
        **found,
        "ships": name,
        **calibrate(scored, genuine, scorer, settings),
        "competence": competence.model_dump(mode="json") if competence else None,
    }
    log.info("ensemble: family weights %s", {k: round(v, 3) for k, v in result["weights"].items()})
    write_json(out, result)
    return result


def _two_tiers(experiment: Experiment, logits: np.ndarray, labels: np.ndarray) -> list[float]:
    """Tier-2 weights: fitted here, or those that were learned together with the members."""
    if experiment.settings.ensemble.tier_2 == "end_to_end":
        learned = read_together(experiment)
        return [learned[family] for family in experiment.families]
    fitted = fit_two_tier(torch.from_numpy(logits), torch.from_numpy(labels), prior=PRIOR)
    return fitted.weights.double().tolist()


def _sizes(experiment: Experiment) -> dict[str, int]:
    """Family -> bytes of its members' files."""
    own = experiment.settings.ensemble
    return {
        family: sum(
            weights_path(experiment, family, index, own.tier_2 == "end_to_end").stat().st_size
            for index in range(own.members)
        )
        for family in experiment.families
    }


def _made_of(experiment: Experiment) -> dict:
    """Everything that fit.json depends on."""
    settings = experiment.settings
    return {
        "members": member_hashes(experiment),
        "clips": content_hash(experiment.run / "clips.json", "ensemble"),
        "ensemble": settings.ensemble.model_dump(mode="json", exclude={"name", "bundle"}),
        "frames": [settings.sampling.frames, settings.evaluate.frames],
        "faces": settings.faces.model_dump(mode="json"),
        "augment": settings.augment.model_dump(mode="json"),  # as the faces that it knows were
    }


def calibrate(
    clips: Sequence[ScoredClip],
    portraits: Sequence[ScoredClip],
    scorer: Scorer,
    settings: TrainerSettings,
) -> dict:
    """Scale and offset of log-odds, and the threshold with its table.

    Args:
        clips: Of people whom nothing was trained on: data sets' and our own, mixed.
        portraits: Clips made of validation portraits; the threshold is held against them too.
        scorer: The ensemble that ships.
        settings: [ensemble] is read.

    Returns:
        calibration (its method), scale, offset, threshold, table (rows of threshold,
        false_alarm_rate, detection_rate), fitted_on, in words, and comparison of calibrations.

    Raises:
        AwareNetError: Real or fake clips are missing, or fakes score lower than genuine clips.
    """
    if len({clip.label for clip in clips}) < 2:
        raise AwareNetError(
            "calibration needs real and fake clips of people who are not trained on; "
            "check [data] videos, or raise the second of [split] shares"
        )
    labels = np.array([clip.label for clip in clips])
    odds = clip_log_odds(clips, scorer)
    who = [clip.person for clip in clips]
    method, scale, offset = choose(settings.ensemble.calibration, odds, labels, who)

    def probability(some: Sequence[ScoredClip]) -> np.ndarray:
        return 1 / (1 + np.exp(-(scale * clip_log_odds(some, scorer) + offset)))

    # each source on its own, so that a large one does not hide what a small one suffers
    groups: dict[str, list[ScoredClip]] = {}
    for clip in clips:
        groups.setdefault(clip.source if clip.part == "validation" else "", []).append(clip)
    groups["portraits"] = list(portraits)
    genuine = [
        probability(found)
        for group in groups.values()
        if (found := [clip for clip in group if clip.label == 0])
    ]
    # "higher": between two of a few clips, interpolation would let the upper one be flagged
    quantiles = [
        np.quantile(p, 1 - settings.ensemble.false_alarms, method="higher") for p in genuine
    ]
    highest = max(LOWEST_THRESHOLD, *map(float, quantiles))
    threshold = min(highest + 1e-3, (highest + 1) / 2)  # above it, and below 1
    everyone, fakes = np.concatenate(genuine), probability([c for c in clips if c.label == 1])
    table = [
        {
            "threshold": round(float(t), 3),
            "false_alarm_rate": round(float((everyone >= t).mean()), 4),
            "detection_rate": round(float((fakes >= t).mean()), 4),
        }
        for t in np.linspace(0.05, 0.95, 19)
    ]
    also = f"; threshold also on {sum(c.label == 0 for c in portraits)} validation portraits"
    return {
        "calibration": method,
        "scale": scale,
        "offset": offset,
        "threshold": threshold,
        "table": table,
        "fitted_on": f"{int((labels == 0).sum())} genuine and {int(labels.sum())} fake clips of "
        f"{len(set(who))} people{also if portraits else ''}",
        "comparison": _compare(settings, odds, labels, who),
    }


def _compare(
    settings: TrainerSettings, odds: np.ndarray, labels: np.ndarray, people: Sequence[str]
) -> dict | None:
    """Ways to calibrate, compared on left-out people; None where there are too few for that."""
    try:
        return compare(settings.ensemble.calibration, odds, labels, people)
    except AwareNetError as error:
        log.warning("ensemble: calibrations are not compared: %s", error)
        return None
