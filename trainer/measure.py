"""Score what was prepared: single crops, clips made from portraits, and real clips on disk.

Shapes: N crops, T frames of a clip, F families, K members.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch

from awarenet.bundle import load_bundle
from awarenet.bundle.config import CONFIG_FILE
from awarenet.pipeline import Detector
from awarenet.settings import Settings
from trainer.augmentation.camera import REGIMES, degrade, draw_degradation
from trainer.batches.samples import plain_crops
from trainer.ensembles.scorers import Scorer
from trainer.evaluation.metrics import log_odds
from trainer.evaluation.predictions import Predictions
from trainer.experiments import Experiment
from trainer.extraction.crops import read_scene
from trainer.json_files import read_json, write_json
from trainer.manifest import Row
from trainer.portraits.clips import MadeClip
from trainer.stamps import content_hash, is_made
from trainer.training.scoring import load_member, member_logits, weights_path

log = logging.getLogger(__name__)

CHUNK = 512  # crops held at once; at 224 px 77 MB
BATCH = 64  # crops that a network takes at once


@dataclass(frozen=True)
class ScoredClip:
    """A clip and what the members say of the person in it who decides the verdict."""

    name: str
    label: int
    method: str
    person: str
    source: str
    part: str
    logits: np.ndarray  # (T, F, K) float64; T = 0 where there was no answer
    status: str = "ok"


def member_hashes(experiment: Experiment) -> dict[str, str]:
    """Name of each member -> SHA-256 of its weights.

    Raises:
        AwareNetError: One is not trained yet.
    """
    together = experiment.settings.ensemble.tier_2 == "end_to_end"
    return {
        f"{family}-{index}": content_hash(
            weights_path(experiment, family, index, together=together), "train"
        )
        for family, index in experiment.members
    }


class Members:
    """Every trained member of an experiment, loaded once."""

    def __init__(self, experiment: Experiment):
        train = experiment.settings.train
        device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        torch.set_num_threads(max(train.threads * train.workers, 1))
        self._experiment = experiment
        self._networks = {
            key: load_member(experiment, *key).to(device, memory_format=torch.channels_last)
            for key in experiment.members
        }

    def score(self, crops: np.ndarray) -> np.ndarray:
        """Map (N, S, S, 3) uint8 RGB crops to (N, F, K) float32 logits."""
        families, count = self._experiment.families, self._experiment.settings.ensemble.members
        logits = np.empty((len(crops), len(families), count), np.float32)
        for (family, index), network in self._networks.items():
            spec = self._experiment.spec(family)
            found = member_logits(network, crops, spec, batch=BATCH)
            logits[:, families.index(family), index] = found
        return logits


def crop_logits(experiment: Experiment, chunks: Iterable[np.ndarray]) -> np.ndarray:
    """Score (n, S, S, 3) uint8 RGB crops, n at a time, by every member: (N, F, K) float32."""
    members = Members(experiment)
    return np.concatenate([members.score(crops) for crops in chunks])


def predict(experiment: Experiment, rows: Sequence[Row], path: Path) -> Predictions:
    """Score crops of data sets as they were prepared; skips if these members did it before.

    Args:
        experiment: Whose members score.
        rows: Of its manifest, at least one.
        path: Of the table that is written, and read where it is there already.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    made_of = {
        "members": member_hashes(experiment),
        "manifest": content_hash(experiment.manifest, "prepare"),
        "margin": experiment.settings.train.margin,
        "crops": len(rows),
    }
    if is_made(path, made_of, again=True):
        return Predictions.read(path)
    found = Predictions.of(rows, crop_logits(experiment, _chunks(experiment, rows)),
                           experiment.families)  # fmt: skip
    found.write(path)
    log.info("scored: %d crops, %s", len(rows), path.name)
    return found


def _chunks(experiment: Experiment, rows: Sequence[Row]) -> Iterator[np.ndarray]:
    for start in range(0, len(rows), CHUNK):
        yield plain_crops(
            rows[start : start + CHUNK], experiment.run,
            margin=experiment.settings.train.margin, side=experiment.side,
        )  # fmt: skip


def dataset_clips(found: Predictions, part: str) -> list[ScoredClip]:
    """Put the frames of each clip of a data set together."""
    order = np.argsort(found.clip, kind="stable")
    starts = np.unique(found.clip[order], return_index=True)[1]
    return [
        ScoredClip(
            str(found.clip[at[0]]), int(found.label[at[0]]), str(found.method[at[0]]),
            str(found.identity[at[0]]), str(found.dataset[at[0]]), part,
            found.logits[at].astype(np.float64),
        )
        for at in np.split(order, starts[1:])
    ]  # fmt: skip


def portrait_clips(experiment: Experiment, rows: Sequence[Row], regime: str) -> list[ScoredClip]:
    """Make a clip of each row: one camera and codec, a hand that shakes from frame to frame."""
    settings = experiment.settings
    frames = settings.evaluate.frames

    def film(some: Sequence[Row]) -> np.ndarray:
        crops = []
        for row in some:
            key = int.from_bytes(row.source_clip.encode()[-8:], "big")
            rng = np.random.default_rng([settings.forge.seed, 7, key])
            camera = draw_degradation(rng, REGIMES[regime])
            scene, _ = read_scene(row, experiment.run)
            for _ in range(frames):
                shot = replace(
                    camera,
                    angle=camera.angle + rng.normal(0, 1.5),
                    shift=tuple(camera.shift + rng.normal(0, 0.012, 2)),
                    zoom=camera.zoom * np.exp(rng.normal(0, 0.02)),
                    seed=int(rng.integers(2**31)),
                )
                crops.append(
                    degrade(scene, shot, margin=settings.train.margin, side=experiment.side)
                )
        return np.stack(crops)

    step = max(CHUNK // frames, 1)
    chunks = (film(rows[start : start + step]) for start in range(0, len(rows), step))
    logits = crop_logits(experiment, chunks).astype(np.float64)
    grouped = logits.reshape(len(rows), frames, *logits.shape[1:])
    return [
        ScoredClip(
            row.clip, row.label, row.method, row.identities[0], row.dataset, row.split, scored
        )
        for row, scored in zip(rows, grouped, strict=True)
    ]


def score_clips(
    experiment: Experiment, clips: Sequence[MadeClip], bundle: Path, cache: Path
) -> list[ScoredClip]:
    """Run the page's own pipeline on clips on disk.

    What these very members scored before is read from `cache`; scores of others are dropped.
    """
    if not clips:
        return []
    settings = experiment.settings
    families = read_json(bundle / CONFIG_FILE)["families"]
    members = [member["sha256"] for family in families for member in family["members"]]
    stored = read_json(cache) if cache.is_file() else {}
    known = stored["clips"] if stored.get("members") == members else {}
    detector = None
    for number, clip in enumerate(clips, 1):
        if clip.path in known:
            continue
        if detector is None:
            values = settings.model_dump(include=set(Settings.model_fields))
            values["explain"] = {**values["explain"], "enabled": False}
            detector = Detector(load_bundle(bundle), Settings.model_validate(values))
        report = detector.analyze(experiment.run / clip.path)
        deciding = [person for person in report.people if person.id == report.decided_by]
        known[clip.path] = {
            "status": report.status,
            "members": [moment.members for person in deciding for moment in person.timeline],
        }
        if number % 20 == 0 or number == len(clips):
            log.info("clips scored: %d/%d", number, len(clips))
            write_json(cache, {"members": members, "clips": known}, indent=None)
    write_json(cache, {"members": members, "clips": known}, indent=None)
    return [
        ScoredClip(
            clip.path, clip.label, clip.method, clip.person, clip.source, clip.part,
            log_odds(np.array(known[clip.path]["members"], np.float64)),
            known[clip.path]["status"],
        )
        for clip in clips
    ]  # fmt: skip


def clip_log_odds(clips: Sequence[ScoredClip], scorer: Scorer) -> np.ndarray:
    """(N,) log-odds of each clip as a scorer pools its frames; each must have frames."""
    return np.array([scorer.clip(clip.logits) for clip in clips])
