"""Draw heat maps on the most suspicious frames of each person."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from awarenet import report as parts
from awarenet.evidence import Evidence, Overlay, Progress
from awarenet.explain import (
    ENSEMBLE,
    agreement,
    deletion,
    find_regions,
    heat_maps,
    overlay,
    region_areas,
    region_shares,
)


def explain(evidence: Evidence) -> Iterator[Progress]:
    """Explain as many frames a person as the settings say; raises Canceled."""
    chosen, margin = evidence.settings.explain, evidence.bundle.config.crop.margin
    wanted = [
        (person, place)
        for person in evidence.people
        for place in np.argsort(-evidence.scores[person.id].frames, kind="stable")[: chosen.frames]
    ]
    yield Progress("explain", 0, len(wanted), "Drawing heat maps")
    evidence.check_stop()
    with evidence.clock("explain"):
        crops = np.stack(
            [evidence.tracks[person.id].sightings[place].crop for person, place in wanted]
        )
        maps = heat_maps(evidence.runtime, crops, chosen.method, evidence.should_stop)
    for done, (person, place) in enumerate(wanted):
        yield Progress("explain", done, len(wanted), "Drawing heat maps")
        evidence.check_stop()
        sighting = evidence.tracks[person.id].sightings[place]
        moment = person.timeline[place]
        strength = {ENSEMBLE: moment.probability, **moment.families}
        with evidence.clock("explain"):
            one = {family: heat[done] for family, heat in maps.items()}
            preview = evidence.previews[sighting.frame]
            image, box = preview.image(), preview.scaled(sighting.face.box)
            for family, heat in one.items():
                drawn = overlay(image, box, margin, heat, strength[family], chosen.alpha)
                evidence.overlays.append(
                    Overlay(person.id, sighting.frame, sighting.time_s, family, drawn)
                )
            evidence.explained.append(
                parts.ExplainedFrame(
                    person=person.id,
                    frame=sighting.frame,
                    time_s=sighting.time_s,
                    strength=strength,
                    **_tested(evidence, sighting.crop, one),
                )
            )
    yield Progress("explain", len(wanted), len(wanted), "Drawing heat maps")


def _tested(evidence: Evidence, crop: np.ndarray, maps: dict[str, np.ndarray]) -> dict[str, object]:
    """Put the maps of one crop to the test: which parts of the face, how alike, what they move."""
    found = find_regions(crop, evidence.bundle.config.crop.margin)
    change = None
    if evidence.settings.explain.deletion:
        change = deletion(
            evidence.runtime,
            lambda logits: evidence.judge(logits).frames,
            crop,
            maps[ENSEMBLE],
            within=~found["outside"] if found else None,
            should_stop=evidence.should_stop,
        )
    return {
        "regions": region_shares(maps, found) if found else None,
        "areas": region_areas(found) if found else None,
        "agreement": agreement(maps),
        "deletion": change,
    }
