"""Faces and heat maps of an analysis as small JPEG pictures."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from awarenet.documents.blocks import Picture
from awarenet.explain import ENSEMBLE
from awarenet.panels.heat import TOGETHER, surroundings
from awarenet.report import Person
from awarenet.words import Words

if TYPE_CHECKING:
    from awarenet.pipeline import Analysis

FACE_PX, MAP_PX = 160, 260  # largest sides, px
QUALITY = 85


def picture(image: Image.Image, most_px: int, caption: str, words: str) -> Picture:
    """Make a JPEG whose longer side is at most `most_px`."""
    shrunk = image.copy()
    shrunk.thumbnail((most_px, most_px))
    buffer = io.BytesIO()
    shrunk.save(buffer, "JPEG", quality=QUALITY)
    return Picture(buffer.getvalue(), *shrunk.size, caption, words)


def face(analysis: Analysis, person: Person, say: Words) -> Picture | None:
    """Show a person where the face is largest, the earliest of those; None without crops."""
    crops = analysis.faces.get(person.id)
    if crops is None or not len(crops):
        return None
    sizes = [moment.face_px for moment in person.timeline[: len(crops)]]
    words = say("Face of person {number}", number=person.id)
    best = Image.fromarray(crops[int(np.argmax(sizes))])
    return picture(best, FACE_PX, say("Person {number}", number=person.id), words)


def before(
    analysis: Analysis, person: int, frame: int, box: Sequence[float], say: Words
) -> Picture | None:
    """Show a person's surroundings without a heat map; None where the frame was not kept."""
    preview = analysis.previews.get(frame)
    if preview is None:
        return None
    cut = surroundings(preview.image(), box, preview.scale)
    words = say("Person {number} without a heat map", number=person)
    return picture(cut, MAP_PX, say("the frame itself"), words)


def maps(
    analysis: Analysis, person: int, frame: int, box: Sequence[float], say: Words
) -> list[tuple[str, Picture]]:
    """Show a person's heat maps in one frame: family (or the ensemble) and picture of each."""
    frame_px = analysis.report.input.width
    shown = []
    for overlay in analysis.overlays:
        if (overlay.person, overlay.frame) != (person, frame):
            continue
        scale = overlay.image.shape[1] / (frame_px or overlay.image.shape[1])
        cut = surroundings(overlay.image, box, scale)
        name = say(TOGETHER) if overlay.family == ENSEMBLE else overlay.family
        words = say("Heat map of person {number}: {name}", number=person, name=name)
        shown.append((overlay.family, picture(cut, MAP_PX, name, words)))
    return shown
