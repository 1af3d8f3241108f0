"""Score what was prepared: single crops, clips made from portraits, and real clips on disk.

Shapes: N crops, T frames of a clip, F families, K members.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch

from awarenet.bundle import load_bundle
from awarenet.bundle_config import CONFIG_FILE
from awarenet.pipeline import Detector
from awarenet.settings import Settings
from trainer.atomic import read_json, write_json
from trainer.augment import REGIMES, degrade, draw_degradation
from trainer.clips import MadeClip
from trainer.engine import load_member, member_logits
from trainer.extraction.crops import read_scene
from trainer.manifest import Row
from trainer.metrics import log_odds
from trainer.settings import TrainerSettings

log = logging.getLogger(__name__)


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


def crop_logits(settings: TrainerSettings, crops: np.ndarray) -> np.ndarray:
    """Score (N, S, S, 3) uint8 RGB crops by every trained member: (N, F, K) float32."""
    torch.set_num_threads(max(settings.train.threads * settings.train.workers, 1))
    return np.stack(
        [
            np.stack(
                [
                    member_logits(load_member(settings, family, index), crops, family, batch=64)
                    for index in range(settings.ensemble.members)
                ],
                axis=1,
            )
            for family in settings.ensemble.families
        ],
        axis=1,
    )


def portrait_clips(
    settings: TrainerSettings, rows: Sequence[Row], root: Path, regime: str, side: int
) -> list[ScoredClip]:
    """Make a clip of each row: one camera and codec, a hand that shakes from frame to frame."""
    frames, crops = settings.evaluate.frames, []
    for row in rows:
        key = int.from_bytes(row.source_clip.encode()[-8:], "big")
        rng = np.random.default_rng([settings.forge.seed, 7, key])
        camera = draw_degradation(rng, REGIMES[regime])
        scene, _ = read_scene(row, root)
        for _ in range(frames):
            shot = replace(
                camera,
                angle=camera.angle + rng.normal(0, 1.5),
                shift=tuple(camera.shift + rng.normal(0, 0.012, 2)),
                zoom=camera.zoom * np.exp(rng.normal(0, 0.02)),
                seed=int(rng.integers(2**31)),
            )
            crops.append(degrade(scene, shot, margin=settings.train.margin, side=side))
    logits = crop_logits(settings, np.stack(crops)).astype(np.float64)
    grouped = logits.reshape(len(rows), frames, *logits.shape[1:])
    return [
        ScoredClip(
            row.clip, row.label, row.method, row.identities[0], row.dataset, row.split, scored
        )
        for row, scored in zip(rows, grouped, strict=True)
    ]


def score_clips(
    settings: TrainerSettings, clips: Sequence[MadeClip], bundle: Path, cache: Path
) -> list[ScoredClip]:
    """Run the page's own pipeline on clips on disk.

    What these very members scored before is read from `cache`; scores of others are dropped.
    """
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
        report = detector.analyze(Path(settings.data.run) / clip.path)
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


def frame_log_odds(logits: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """(T,) log-odds of the two-tier mixture of (T, F, K) member logits, weights (F,)."""
    shares = 1 / (1 + np.exp(-np.asarray(logits, np.float64)))
    return log_odds(shares.mean(axis=2) @ weights)


def clip_log_odds(clips: Sequence[ScoredClip], weights: np.ndarray) -> np.ndarray:
    """(N,) mean frame log-odds of each clip; each must have frames."""
    return np.array([frame_log_odds(clip.logits, weights).mean() for clip in clips])
