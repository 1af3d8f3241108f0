"""How far a face may lie from the training data before an ensemble's answer is worth nothing.

- What the ensemble knows: faces of the train part, genuine and fake, augmented as it saw them.
- The limit: faces of validation people as they come out of the recipe, clean, and from hard
  copies, so that an ordinary bad copy lies inside; clips of calibration people, real and swapped.

Shapes: N crops, S side of a crop in px.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence

import numpy as np

from awarenet.bundle.competence import read_competence, write_competence
from awarenet.bundle.config import COMPETENCE_FILE, CompetenceFile
from awarenet.combine import Mean
from awarenet.competence import NEIGHBORS, Competence, describe_faces
from awarenet.ensemble import Ensemble
from awarenet.faces import create_face_finder, crop_face
from awarenet.runtime import Runtime
from awarenet.video import probe, sample_frames
from trainer.augmentation import OFF
from trainer.batches.samples import draw_crops
from trainer.experiments import Experiment
from trainer.manifest import Row
from trainer.measure import CHUNK
from trainer.portraits.clips import MadeClip
from trainer.stamps import needed
from trainer.training.scoring import load_member

log = logging.getLogger(__name__)

FACES = 600  # of each label that are stored; with 300 in all, the demo told no worse
AXES = 64  # of 16 to 128, 64 told drawn faces and things from photographs best
CLIPS = 300  # of each label that the limit is set on
FRAMES = 4  # of each of them
SHARE = 0.99  # of validation clips that lie within the limit, before `SLACK`
# Portraits of other sources lie a little farther than validation's, and are judged as rightly: with
# this slack 86 of the 90 people of tabler and ORL looked at lie inside, without it 71.
SLACK = 1.1
REGIMES = ("clean", "hard")  # of camera.REGIMES, besides the recipe


def fit_competence(
    experiment: Experiment,
    families: Sequence[str],
    train: Sequence[Row],
    validation: Sequence[Row],
    clips: Sequence[MadeClip],
) -> CompetenceFile | None:
    """Learn what the ensemble knows; writes competence.safetensors into the experiment's folder.

    Args:
        experiment: Its members are trained.
        families: That the bundle will hold.
        train: Rows of the train part.
        validation: Rows of the validation part.
        clips: Of calibration people; may be none.

    Returns:
        What the bundle's config says of it; None where there are too few faces to tell.
    """
    seen = [row for label in (0, 1) for row in _spread(_of(train, label), FACES)]
    if len(seen) < NEIGHBORS:
        log.warning("ensemble: %d training faces, too few to say what is known", len(seen))
        return None
    runtime = _runtime(experiment, families)
    known_faces = _features(experiment, runtime, seen, experiment.recipe, learned=True)
    views, points = describe_faces(known_faces, AXES)
    known = Competence(views, points, 1.0, "")
    medians = _of_validation(experiment, runtime, known, validation)
    judged = [crops for clip in clips if len(crops := clip_crops(experiment, clip))]
    medians += [
        float(np.median(known.distances(runtime.observe(crops).features))) for crops in judged
    ]
    limit = float(np.quantile(medians, SHARE)) * SLACK
    said = (
        f"distance to {len(seen)} training faces; limit: {SLACK} times what {SHARE:.0%} of "
        f"{len(medians)} clips of validation and calibration people stay within"
    )
    log.info("ensemble: competence, limit %.3f, %s", limit, said)
    return write_competence(experiment.folder, Competence(views, points, limit, said))


def read_fitted(
    experiment: Experiment, described: dict | None, families: Sequence[str]
) -> Competence | None:
    """Read what `fit_competence` wrote; None where fit.json has nothing of it."""
    if described is None:
        return None
    path = needed(experiment.folder / COMPETENCE_FILE, "ensemble")
    return read_competence(path, CompetenceFile.model_validate(described), families)


def clip_crops(experiment: Experiment, clip: MadeClip) -> np.ndarray:
    """Cut the largest face out of some frames of a clip: (T, S, S, 3) uint8 RGB, T may be 0."""
    settings, path = experiment.settings, experiment.run / clip.path
    finder = create_face_finder(settings.faces)
    crops = np.empty((0, experiment.side, experiment.side, 3), np.uint8)
    for frame in sample_frames(path, probe(path, settings.limits), FRAMES, settings.limits):
        found = [f for f in finder.find(frame.image) if f.side_px >= settings.faces.min_face_px]
        if found:
            box = max(found, key=lambda face: face.side_px).box
            cut = crop_face(frame.image, box, margin=settings.train.margin, side=experiment.side)
            crops = np.concatenate([crops, cut[None]])
    return crops


def _of_validation(
    experiment: Experiment, runtime: Runtime, known: Competence, rows: Sequence[Row]
) -> list[float]:
    """Median distance of each clip's frames, for each way in which they are degraded."""
    by_clip: dict[str, list[Row]] = {}
    for row in rows:
        by_clip.setdefault(row.clip, []).append(row)
    every = list(by_clip.values())
    chosen = [
        _spread(frames, FRAMES)
        for label in (0, 1)
        for frames in _spread([own for own in every if own[0].label == label], CLIPS)
    ]
    flat = [row for frames in chosen for row in frames]
    ends = np.cumsum([len(frames) for frames in chosen])[:-1]
    medians = []
    for regime in (experiment.recipe, *REGIMES):
        distances = known.distances(_features(experiment, runtime, flat, regime))
        medians += [float(np.median(own)) for own in np.split(distances, ends)]
    return medians


def _features(
    experiment: Experiment,
    runtime: Runtime,
    rows: Sequence[Row],
    regime: str,
    *,
    learned: bool = False,
) -> dict[str, np.ndarray]:
    """Features of rows, degraded by a regime or recipe; `learned`: with what [augment] adds."""
    settings, found = experiment.settings, []
    for start in range(0, len(rows), CHUNK):
        crops, _ = draw_crops(
            rows[start : start + CHUNK], experiment.run, regime, draws=1, seed=11,
            margin=settings.train.margin, side=experiment.side,
            settings=settings.augment if learned else OFF,
        )  # fmt: skip
        found.append(runtime.observe(crops).features)
    return {family: np.concatenate([each[family] for each in found]) for family in found[0]}


def _runtime(experiment: Experiment, families: Sequence[str]) -> Runtime:
    """The first member of each family, in full precision."""
    members = {family: [load_member(experiment, family, 0)] for family in families}
    specs = {family: experiment.spec(family) for family in families}
    return Runtime(Ensemble(members, Mean(len(members)), specs), dtype="float32")


def _of(rows: Sequence[Row], label: int) -> list[Row]:
    return [row for row in rows if row.label == label]


def _spread(items: Sequence, most: int) -> list:
    """At most so many of them, evenly spread."""
    count = min(len(items), most)
    return [items[int(place)] for place in np.linspace(0, len(items) - 1, count).round()]
