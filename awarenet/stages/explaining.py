"""Draw heat maps on the most suspicious frames of each person."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from awarenet import report as parts
from awarenet.evidence import Evidence, Overlay, Progress
from awarenet.explain import ENSEMBLE, heat_maps, overlay


def explain(evidence: Evidence) -> Iterator[Progress]:
    """Explain as many frames a person as the settings say; raises Canceled."""
    chosen, margin = evidence.settings.explain, evidence.bundle.config.crop.margin
    wanted = [
        (person, place)
        for person in evidence.people
        for place in np.argsort(-evidence.scores[person.id].frames, kind="stable")[: chosen.frames]
    ]
    for done, (person, place) in enumerate(wanted):
        yield Progress("explain", done, len(wanted), "Drawing heat maps")
        evidence.check_stop()
        sighting = evidence.tracks[person.id].sightings[place]
        moment = person.timeline[place]
        strength = {ENSEMBLE: moment.probability, **moment.families}
        with evidence.clock("explain"):
            preview = evidence.previews[sighting.frame]
            image, box = preview.image(), preview.scaled(sighting.face.box)
            for family, heat in heat_maps(evidence.runtime, sighting.crop[None]).items():
                drawn = overlay(image, box, margin, heat[0], strength[family], chosen.alpha)
                evidence.overlays.append(
                    Overlay(person.id, sighting.frame, sighting.time_s, family, drawn)
                )
        evidence.explained.append(
            parts.ExplainedFrame(
                person=person.id,
                frame=sighting.frame,
                time_s=sighting.time_s,
                strength=strength,
            )
        )
    yield Progress("explain", len(wanted), len(wanted), "Drawing heat maps")
