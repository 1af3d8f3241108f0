"""Figures on people that nothing was trained, fitted or calibrated on.

- Data sets, each with its own test part: frames and clips as they were prepared.
- Crops of portraits: AUC for each kind of fake, at the clean and at the hard end, for held-out
  people of the training sources and for people of other sources.
- Clips: false alarms on genuine ones, detection of swapped ones, at the threshold that ships.

Every figure has a 95 % bootstrap interval over people.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from dataclasses import replace
from functools import partial

import numpy as np

from awarenet.ensemble import judge
from awarenet.scoring import Calibration, track_score, verdict
from trainer.batches.samples import draw_crops, plain_crops
from trainer.ensembles.scorers import Scorer, judges, read
from trainer.evaluation.bootstrap import (
    auc_with_interval,
    draw_people,
    figures_with_intervals,
    paired_difference,
    rate_with_interval,
)
from trainer.evaluation.datasets import clip_auc, measure_dataset
from trainer.evaluation.metrics import Figure, Ranked, log_odds
from trainer.evaluation.predictions import Predictions
from trainer.evaluation.robustness import sweep
from trainer.experiments import Experiment
from trainer.json_files import read_json, write_json
from trainer.manifest import Row, read_manifest, read_notes
from trainer.measure import (
    Members,
    ScoredClip,
    clip_log_odds,
    crop_logits,
    member_hashes,
    portrait_clips,
    predict,
    score_clips,
)
from trainer.portraits.clips import make_clips
from trainer.settings import TrainerSettings
from trainer.stamps import content_hash, is_made

log = logging.getLogger(__name__)


def evaluate(experiment: Experiment) -> dict:
    """Measure a fitted ensemble; writes and returns metrics.json.

    Raises:
        AwareNetError: Nothing was fitted yet.
    """
    settings, folder = experiment.settings, experiment.folder
    out = folder / "metrics.json"
    made_of = {
        "fit": content_hash(folder / "fit.json", "ensemble"),
        "members": member_hashes(experiment),
        "evaluate": settings.evaluate.model_dump(mode="json"),
        "verdict": settings.verdict.model_dump(mode="json"),
    }
    if is_made(out, made_of, again=True):
        log.info("evaluate: %s is there, skipped", out)
        return read_json(out)
    fitted = read_json(folder / "fit.json")
    rows = [row for row in read_manifest(experiment.manifest) if row.split == "test"]
    portraits = [row for row in rows if experiment.is_portrait(row)]
    result: dict = {
        **_measure_portraits(experiment, portraits, fitted),
        "sets": {},
        "left_out": {},
        "calibration": fitted["comparison"],
    }
    for name in settings.data.sets:
        own = [row for row in rows if row.dataset == name]
        if {row.label for row in own} == {0, 1}:
            result["sets"][name] = _measure_set(experiment, name, own, fitted)
        else:
            said = f"its test part has {len(own)} crops, and not of both classes"
            log.warning("evaluate: %s left out: %s", name, said)
            result["left_out"][name] = said
    result["clips"] |= _measure_videos(experiment, fitted)
    write_json(out, result)
    log.info("evaluate: %s", json.dumps(headline(result)))
    return result


def headline(result: dict) -> dict:
    """What a log wants of metrics.json: the AUC of each data set's clips, and of crops."""
    sets = {
        name: found["clips_level"][found["paired"][0]["of"]]["auc"]
        for name, found in result["sets"].items()
    }
    crops = {name: kinds["all kinds"] for name, kinds in result["crops"].items()}
    return {name: figure["value"] for name, figure in {**sets, **crops}.items()}


def _measure_set(experiment: Experiment, name: str, rows: Sequence[Row], fitted: dict) -> dict:
    """Everything about the crops of one data set's test part."""
    settings = experiment.settings
    found = predict(experiment, rows, experiment.folder / f"predictions-{name}.parquet")
    figures = measure_dataset(
        found, fitted, resamples=settings.evaluate.resamples,
        learned_from=name in experiment.datasets,
        protocol=read_notes(experiment.manifest).get("protocol", "identity"),
    )  # fmt: skip
    if settings.evaluate.robustness_frames:
        figures["robustness"] = _sweep(experiment, found, rows, _ships(experiment, fitted))
    return figures


def _sweep(experiment: Experiment, found: Predictions, rows: Sequence[Row], scorer: Scorer) -> dict:
    """AUC of clips when pictures get worse, on a few frames of each, evenly over it."""
    own = experiment.settings
    places: dict[str, list[int]] = {}
    for position, row in enumerate(rows):
        places.setdefault(row.clip, []).append(position)
    chosen = []
    for at in places.values():
        few = min(own.evaluate.robustness_frames, len(at))
        chosen += [at[(2 * number + 1) * len(at) // (2 * few)] for number in range(few)]
    some = found.take(np.array(chosen))
    crops = plain_crops(
        [rows[position] for position in chosen], experiment.run, margin=own.train.margin,
        side=experiment.side,
    )  # fmt: skip

    def figure(logits: np.ndarray) -> Figure:
        return clip_auc(replace(some, logits=logits), scorer, resamples=own.evaluate.resamples)

    return sweep(crops, Members(experiment).score, figure)


def _measure_portraits(experiment: Experiment, rows: Sequence[Row], fitted: dict) -> dict:
    """Crops of photographs, clean and hard, and clips made of them."""
    result: dict = {"crops": {}, "members": {}, "paired": {}, "clips": {}}
    elsewhere, scorer = experiment.settings.data.test_photos, _ships(experiment, fitted)
    own = [row for row in rows if row.dataset not in elsewhere and experiment.learns_from(row)]
    if own:
        for regime in ("clean", "hard"):
            logits = _logits(experiment, own, regime)
            result["crops"][f"own sources, {regime}"] = by_kind(own, logits, scorer, experiment)
            figures, paired = compare(own, logits, fitted, experiment)
            result["members"][regime], result["paired"][regime] = figures, paired
        portraits = portrait_clips(experiment, own, "training")
        result["clips"]["portraits"] = verdicts_on(portraits, scorer, fitted, experiment.settings)
    for name in elsewhere:
        if other := [row for row in rows if row.dataset == name]:
            logits = _logits(experiment, other, "clean")
            result["crops"][f"{name}, clean"] = by_kind(other, logits, scorer, experiment)
    return result


def _measure_videos(experiment: Experiment, fitted: dict) -> dict:
    """Real clips of [data] videos and their swapped versions, through the page's own pipeline."""
    clips = [clip for clip in make_clips(experiment.settings) if clip.part == "test"]
    folder = experiment.folder
    scored = score_clips(experiment, clips, folder / "raw", folder / "scored.json")
    groups = {"video": scored} if scored else {}
    for person in sorted({clip.person for clip in scored}):
        groups[f"video, {person}"] = [clip for clip in scored if clip.person == person]
    return {
        name: verdicts_on(group, _ships(experiment, fitted), fitted, experiment.settings)
        for name, group in groups.items()
    }


def by_kind(
    rows: Sequence[Row], logits: np.ndarray, scorer: Scorer, experiment: Experiment
) -> dict[str, Figure]:
    """AUC of the ensemble for each kind of fake against all real crops, and for all kinds."""
    scores = scorer.crops(logits)
    labels = np.array([row.label for row in rows])
    methods = np.array([row.method for row in rows])
    people = np.array([row.identities[0] for row in rows])
    figures = {}
    for kind in [*sorted(set(methods) - {"real"}), "all kinds"]:
        at = (methods == "real") | (methods == kind) | (kind == "all kinds")
        figures[kind] = auc_with_interval(
            labels[at], scores[at], people[at], resamples=experiment.settings.evaluate.resamples
        )
    return figures


def compare(
    rows: Sequence[Row], logits: np.ndarray, fitted: dict, experiment: Experiment
) -> tuple[dict[str, Figure], list[dict]]:
    """AUC over all kinds of every ensemble, each family and every member.

    Returns:
        The figures by scorer, and by how much what ships is ahead of each other one, as rows of
        `of`, `against` and `auc difference`.
    """
    ships, known = fitted["ships"], judges(fitted, experiment.families, logits.shape[2])
    found = Predictions.of(rows, logits, experiment.families)
    draws = draw_people(found.identity, resamples=experiment.settings.evaluate.resamples)
    ranked = {
        name: Ranked(found.label, log_odds(score)) for name, score in found.scores(known).items()
    }
    figures = {
        name: figures_with_intervals(one, draws, ["auc"])["auc"] for name, one in ranked.items()
    }
    paired = [
        {
            "of": ships,
            "against": name,
            "auc difference": paired_difference(ranked[ships], other, draws),
        }
        for name, other in ranked.items()
        if name != ships
    ]
    return figures, paired


def verdicts_on(
    clips: Sequence[ScoredClip], scorer: Scorer, fitted: dict, settings: TrainerSettings
) -> dict:
    """Verdicts on clips as the page would give them; clips without an answer are counted apart."""
    answered = [clip for clip in clips if clip.status == "ok"]
    calibration = Calibration(fitted["scale"], fitted["offset"])
    verdicts, probabilities = [], []
    for clip in answered:
        score = track_score(
            scorer.take(clip.logits), partial(judge, scorer.combiner), calibration,
            pooling=scorer.pooling, confidence=settings.verdict.confidence,
            resamples=settings.verdict.resamples, seed=settings.verdict.seed,
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
            labels, clip_log_odds(answered, scorer), people, resamples=settings.evaluate.resamples
        )
    return result


def _ships(experiment: Experiment, fitted: dict) -> Scorer:
    """The ensemble that the bundle will hold."""
    return read(fitted["ensembles"][fitted["ships"]], experiment.families)


def _logits(experiment: Experiment, rows: Sequence[Row], regime: str) -> np.ndarray:
    crops, _ = draw_crops(
        rows, experiment.run, regime, draws=1, margin=experiment.settings.train.margin,
        side=experiment.side, seed=2,
    )  # fmt: skip
    return crop_logits(experiment, [crops])
