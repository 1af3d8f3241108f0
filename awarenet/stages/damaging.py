"""Score the person who decides again, after damage as copies of a clip suffer it."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from awarenet import report as parts
from awarenet.evidence import Evidence, Progress, is_outside
from awarenet.scoring import TrackScore
from awarenet.stability import DAMAGES, check, pick


def damage(evidence: Evidence) -> Iterator[Progress]:
    """Find out how far the answer stands; raises Canceled."""
    person, _ = evidence.decides()
    sightings = evidence.tracks[person.id].sightings
    frames = evidence.settings.stability.frames
    known = np.stack([evidence.logits[sightings[n]] for n in pick(len(sightings), frames)])

    def score(crops: np.ndarray) -> TrackScore:
        at_once = evidence.runtime.at_once
        logits = [
            evidence.runtime.logits(crops[start : start + at_once], evidence.should_stop)
            for start in range(0, len(crops), at_once)
        ]
        return evidence.judge(np.concatenate(logits))

    steps = check(
        evidence.crops(person.id),
        [sighting.face.box for sighting in sightings],
        score,
        margin=evidence.bundle.config.crop.margin,
        person=person.id,
        threshold=evidence.threshold,
        frames=frames,
        untouched=evidence.judge(known),
    )
    while True:
        with evidence.clock("stability"):
            step = next(steps)
        if isinstance(step, parts.Stability):
            evidence.stability = _without_verdicts(step) if is_outside(person) else step
            return
        yield Progress("stability", step[0], max(step[1], len(DAMAGES)), "Damaging the faces")
        evidence.check_stop()


def _without_verdicts(found: parts.Stability) -> parts.Stability:
    """Leave the numbers: of faces that the networks do not know there is no verdict to flip."""
    scores = [each.model_copy(update={"verdict": "inconclusive"}) for each in found.scores]
    return found.model_copy(update={"scores": scores, "flips_under": []})
