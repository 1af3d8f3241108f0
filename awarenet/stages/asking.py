"""Ask the networks about faces: all of them, or family by family until the rest cannot matter.

With `verdict.early_exit` families run in the order of weight per cost, and stop where `bounds` show
that the ones left cannot change a verdict any more. Whether the networks know a face at all takes
the first member of every family; a median is settled by one more than half of a person's frames.

Shapes: T frames of one person, F families, K members a family.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from awarenet.bounds import Possible, complete, decided, possible
from awarenet.evidence import Evidence
from awarenet.threads import one_blas_thread
from awarenet.tracks import Sighting, Track


def steps(evidence: Evidence) -> list[np.ndarray]:
    """Give the (F, K) bool masks of networks to ask, each with those before it: one, or more."""
    shape = len(evidence.bundle.ensemble.families), evidence.bundle.ensemble.members_per_family
    if not exits_early(evidence):
        return [np.ones(shape, bool)]
    weights, costs = evidence.bundle.ensemble.weights, evidence.runtime.costs
    order = sorted(weights, key=lambda family: -weights[family] / costs[family])
    masks, mask = [], np.zeros(shape, bool)
    for family in order:
        mask = mask.copy()
        mask[list(weights).index(family)] = True
        masks.append(mask)
    return masks


def exits_early(evidence: Evidence) -> bool:
    """Whether networks may be left out: not where somebody asked for more than a verdict."""
    chosen = evidence.settings
    more = chosen.explain.enabled or chosen.stability.enabled or chosen.blinks.enabled
    return chosen.verdict.early_exit and not more and evidence.bundle.ensemble.combiner.monotone


def ask(evidence: Evidence, sightings: list[Sighting], wanted: np.ndarray) -> Iterator[int]:
    """Let networks judge faces, if they have not yet; yield how many faces are done, by batches.

    Args:
        evidence: Its `logits` and `distances` grow.
        sightings: Of anybody.
        wanted: (F, K) bool.

    Raises:
        MediaError: A network gave no number.
        Canceled: As asked.
    """
    groups: dict[bytes, list[Sighting]] = {}  # by what is left to ask
    for each in sightings:
        left = wanted & ~evidence.known(each)
        if left.any():
            groups.setdefault(left.tobytes(), []).append(each)
    at_once = evidence.runtime.at_once
    done = len(sightings) - sum(map(len, groups.values()))
    yield done
    for left, group in groups.items():
        mask = np.frombuffer(left, bool).reshape(wanted.shape)
        for start in range(0, len(group), at_once):
            batch = group[start : start + at_once]
            _score(evidence, batch, mask)
            done += len(batch)
            yield done


def opinion(evidence: Evidence, sightings: list[Sighting]) -> float:
    """Give the probability of one person, by those who were asked so far."""
    return evidence.judge(completed(evidence, sightings)).probability


def completed(evidence: Evidence, sightings: list[Sighting]) -> np.ndarray:
    """Give (T, F, K) logits of one person; of families that were left out, a stand-in."""
    logits = np.stack([evidence.logits[each] for each in sightings])
    spoke = np.stack([evidence.known(each) for each in sightings]).all(axis=(0, 2))  # (F,)
    if spoke.all():
        return logits
    return complete(logits, spoke, np.array(list(evidence.bundle.ensemble.weights.values())))


def settled(evidence: Evidence, wanted: np.ndarray) -> bool:
    """Whether the networks left cannot change any person's verdict, nor the clip's.

    Args:
        evidence: Of people whom the wanted networks have judged.
        wanted: (F, K) bool, whole families.

    Raises:
        Canceled: As asked.
    """
    people, tracks = [], list(evidence.tracks.values())
    for track in tracks:
        people.append(_possible(evidence, list(track.sightings), wanted))
        if not people[-1].settled:
            return False
    outside = [_lies_outside(evidence, track) for track in tracks]
    seen = [len(track.sightings) for track in tracks]
    return decided(people, seen, evidence.frames_needed, outside) is not None


def promising(evidence: Evidence, sightings: list[Sighting], wanted: np.ndarray) -> bool:
    """Whether the networks left could not change a verdict on these faces alone.

    Args:
        evidence: As for `settled`.
        sightings: Of one person, more or less: from it follows what is asked next, no verdict.
        wanted: (F, K) bool, whole families.
    """
    return wanted.all() or _possible(evidence, sightings, wanted).settled


def _possible(evidence: Evidence, sightings: list[Sighting], wanted: np.ndarray) -> Possible:
    """Say what can become of faces that the wanted networks have judged."""
    logits = np.stack([evidence.logits[each] for each in sightings])
    spoke = wanted.all(axis=1)
    return possible(logits, spoke, threshold=evidence.threshold, **evidence.scoring)


def knowing(evidence: Evidence) -> np.ndarray | None:
    """Give the (F, K) bool mask of networks that tell whether a face is known.

    None: there is nothing to tell it by, or everybody is asked anyway.
    """
    if evidence.bundle.competence is None or not exits_early(evidence):
        return None
    mask = np.zeros(evidence.shape, bool)
    mask[:, 0] = True
    return mask


def _lies_outside(evidence: Evidence, track: Track) -> bool:
    """Whether the networks do not know a person, asking as few of them as settle that."""
    competence, firsts = evidence.bundle.competence, knowing(evidence)
    if competence is None or firsts is None:
        return False
    # so many on one side of the limit, and the median is there as well
    half = len(track.sightings) // 2 + 1
    some = [each for each in track.sightings if each in evidence.distances]
    others = [each for each in track.sightings if each not in evidence.distances]
    if len(some) < half:
        places = np.linspace(0, len(others) - 1, half - len(some)).round().astype(int)
        some += [others[place] for place in places]
    for asked in (some, list(track.sightings)):
        for _ in ask(evidence, asked, firsts):
            evidence.check_stop()
        distances = [evidence.distances[each] for each in asked]
        beyond = sum(distance > competence.limit for distance in distances)
        if beyond >= half or len(distances) - beyond >= half:
            return beyond >= half
    return float(np.median(distances)) > competence.limit


def _score(evidence: Evidence, sightings: list[Sighting], wanted: np.ndarray) -> None:
    """Let some networks judge some faces."""
    evidence.runtime.warm_up()  # not a part of what scoring takes
    with evidence.clock("score"):
        crops = np.stack([each.crop for each in sightings])
        observed = evidence.runtime.observe(crops, evidence.should_stop, wanted)
        evidence.check_numbers(observed.logits[:, wanted])
        evidence.passes += int(wanted.sum()) * len(sightings)
        for place, each in enumerate(sightings):
            before = evidence.logits.get(each, np.nan)
            evidence.logits[each] = np.where(wanted, observed.logits[place], before)
            if evidence.bundle.competence is not None:
                seen = {family: found[place] for family, found in observed.features.items()}
                evidence.features.setdefault(each, {}).update(seen)
        _measure_distances(evidence, sightings)


def _measure_distances(evidence: Evidence, sightings: list[Sighting]) -> None:
    """Say how far faces lie from the training data, once every family has seen them."""
    competence = evidence.bundle.competence
    if competence is None:
        return
    families = evidence.bundle.ensemble.families
    ready = [each for each in sightings if len(evidence.features.get(each, {})) == len(families)]
    if ready:
        features = {
            family: np.stack([evidence.features[each][family] for each in ready])
            for family in families
        }
        with one_blas_thread():
            distances = competence.distances(features).tolist()
        evidence.distances.update(zip(ready, distances, strict=True))
        for each in ready:
            del evidence.features[each]
