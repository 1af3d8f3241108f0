"""Let every network judge every face, and make each person's verdict of that."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

import numpy as np

from awarenet import report as parts
from awarenet.evidence import Evidence, Progress, is_outside
from awarenet.other_votes import other_votes
from awarenet.quality import Measured, measure
from awarenet.scoring import TrackScore, verdict
from awarenet.segments import worst_segment
from awarenet.stages.asking import ask, completed, settled, steps
from awarenet.tracks import Track


def score(evidence: Evidence) -> Iterator[Progress]:
    """Judge the people who were found.

    Raises:
        MediaError: A network gave no number.
        Canceled: As asked.
    """
    sightings = [each for track in evidence.tracks.values() for each in track.sightings]
    masks = steps(evidence)
    for mask in masks:
        for done in ask(evidence, sightings, mask):
            yield Progress("score", done, len(sightings), "Judging faces")
            evidence.check_stop()
        evidence.asked = mask
        if mask is not masks[-1]:
            with evidence.clock("score"):
                if settled(evidence, mask):
                    break
    for track in evidence.tracks.values():
        evidence.scores[track.id] = evidence.judge(completed(evidence, list(track.sightings)))
        evidence.people.append(_person(evidence, track, evidence.scores[track.id]))
    evidence.people.sort(key=lambda person: (-person.probability, person.id))
    if evidence.asked.all():
        evidence.other_votes = _other_votes(evidence)


def _person(evidence: Evidence, track: Track, score: TrackScore) -> parts.Person:
    """Put one person's score into the report's words."""
    spoke = evidence.asked.all(axis=1)
    names = [
        name for name, own in zip(evidence.bundle.ensemble.families, spoke, strict=True) if own
    ]
    timeline = [
        parts.Moment(
            time_s=max(sighting.time_s, 0.0),
            frame=sighting.frame,
            box=sighting.face.box,
            face_px=sighting.face.side_px,
            probability=score.frames[place],
            interval=score.frame_intervals[place] if score.frame_intervals is not None else None,
            families=dict(zip(names, score.frame_families[place, spoke], strict=True)),
            members=score.frame_members[place, spoke].tolist(),
        )
        for place, sighting in enumerate(track.sightings)
    ]
    competence = _competence(evidence, track)
    known = competence is None or not competence.outside
    faces = evidence.measured[track.id] = _measure_faces(evidence, track)
    worst = worst_segment([moment.time_s for moment in timeline], score.frames)
    # rounded first, so that the verdict is the one that the report's own numbers give
    probability, low, high = (round(p, 6) for p in (score.probability, *score.interval))
    return parts.Person(
        id=track.id,
        # what the networks do not know, they cannot judge, however much they agree
        verdict=verdict(probability, (low, high), evidence.threshold) if known else "inconclusive",
        probability=probability,
        interval=(low, high),
        frames_seen=len(timeline),
        first_s=timeline[0].time_s,
        last_s=timeline[-1].time_s,
        families=dict(zip(names, score.families[spoke], strict=True)),
        members=score.members[spoke].tolist(),
        box_of_best=evidence.best(track.id).face.box,
        timeline=timeline,
        worst=parts.Segment(start_s=worst[0], end_s=worst[1], probability=worst[2])
        if worst
        else None,
        quality=parts.Quality(**dataclasses.asdict(faces)),
        competence=competence,
    )


def _measure_faces(evidence: Evidence, track: Track) -> Measured:
    """Measure what a person's faces are worth."""
    faces = [sighting.face for sighting in track.sightings]
    return measure(
        evidence.crops(track.id),
        [face.box for face in faces],
        np.stack([face.landmarks for face in faces]),
        margin=evidence.bundle.config.crop.margin,
    )


def _competence(evidence: Evidence, track: Track) -> parts.Competence | None:
    known = evidence.bundle.competence
    if known is None:
        return None
    # with an early exit, of as many frames as settle on which side of the limit it lies
    known_distances = [
        evidence.distances[each] for each in track.sightings if each in evidence.distances
    ]
    distance = float(np.median(known_distances))
    return parts.Competence(distance=distance, limit=known.limit, outside=distance > known.limit)


def _other_votes(evidence: Evidence) -> list[parts.OtherVote]:
    """Ask what the person who decides would be called if the networks voted in another way."""
    decides, _ = evidence.decides()
    sightings, chosen = evidence.tracks[decides.id].sightings, evidence.settings.verdict
    votes = other_votes(
        evidence.bundle,
        np.stack([evidence.logits[each] for each in sightings]),
        evidence.threshold,
        confidence=chosen.confidence,
        resamples=chosen.resamples,
        seed=chosen.seed,
    )
    if is_outside(decides):  # nor can they judge in another way what they do not know
        return [vote.model_copy(update={"verdict": "inconclusive"}) for vote in votes]
    return votes
