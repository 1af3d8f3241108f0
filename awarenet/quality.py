"""What the input is worth: measured facts about it, and the warnings that follow from them.

A score on a small, blurred or briefly seen face is an opinion on little; the report says so beside
the score instead of changing it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

SMALL_FACE_PX = 96  # longer side; below it the trainer's "hard" test begins (48-96 px)
FEW_FRAMES = 8  # a quarter of the default sampling; a mean of fewer moves with every frame
# by `sharpness`: 117 or more in 95 % of frames of plain webcam clips (faces of 86 px), 317 or more
# in portraits, below 60 in most of both after a Gaussian blur of 1 px at 128 px
BLURRED = 60.0

LIMITS = (  # what no verdict of this program can tell, whoever trained the bundle
    "A probability is the opinion of these networks, not a proof. Look for other evidence before "
    "you act on it.",
    "It looks for faces that were swapped or blended into a picture. It is blind to video that "
    "was generated as a whole, to voices, captions and anything that is not a face.",
    'A verdict of "real" means only that no trace it knows was found. Methods it was not trained '
    "on, strong compression and small faces hide them.",
    "Filters, make-up, scaling and poor recordings can look like a manipulation.",
    "The interval shows how far the networks and the frames disagree. It does not cover what all "
    "of them get wrong together, as on material unlike the training data.",
    "Heat maps show where the networks looked. They do not mark a forgery.",
)

_LUMA = np.array([0.299, 0.587, 0.114])  # of RGB, ITU-R BT.601


class Notice(NamedTuple):
    """A warning: a code for programs, a sentence for people."""

    code: str
    message: str


@dataclass(frozen=True)
class Facts:
    """What was measured while a clip was analyzed; px of the person who decides it."""

    kind: str  # "video" or "image"
    face_px: float  # median of the longer sides, px of the frame
    frames_seen: int  # of the deciding person
    sharpness: float  # median over the crops, see `sharpness`
    people: int  # scored
    people_left_out: int = 0  # found, but more than the settings look at
    people_too_brief: int = 0  # scored, but seen in too few frames to decide the clip
    faces_too_small: int = 0  # sightings skipped for their size
    members: int = 3  # a family
    calibrated: bool = True
    trained_finder: bool = True  # the face finder is the one that the bundle was trained with


def sharpness(crop: np.ndarray) -> float:
    """Measure how much fine detail a face crop holds.

    The variance of the 4-neighbor Laplacian of the luma, after averaging down to about 128 px, so
    that crops of all sides compare.

    Args:
        crop: (S, S, 3) uint8 RGB, S at least 3 px.

    Returns:
        0 for a flat picture, some hundreds for a sharp portrait.

    Source:
        Pech-Pacheco et al., Diatom autofocusing in brightfield microscopy, 2000.
    """
    luma = crop @ _LUMA
    step = max(len(luma) // 128, 1)
    side = len(luma) // step
    luma = luma[: side * step, : side * step].reshape(side, step, side, step).mean(axis=(1, 3))
    around = luma[:-2, 1:-1] + luma[2:, 1:-1] + luma[1:-1, :-2] + luma[1:-1, 2:]
    return float((around - 4 * luma[1:-1, 1:-1]).var())


def assess(facts: Facts) -> tuple[Notice, ...]:
    """Turn facts into warnings, the ones that weaken the verdict most first."""
    video = facts.kind == "video"
    few = video and facts.frames_seen < FEW_FRAMES
    rules = (
        (
            facts.face_px < SMALL_FACE_PX,
            "small_face",
            f"the face is {facts.face_px:.0f} px; below {SMALL_FACE_PX} px much of the trace that "
            "a manipulation leaves is gone, so trust this less",
        ),
        (
            facts.sharpness < BLURRED,
            "blurred",
            f"the face is blurred or strongly compressed (detail {facts.sharpness:.0f}, below "
            f"{BLURRED:.0f}), which hides traces and can also look like one",
        ),
        (
            few,
            "few_frames",
            f"the person who decides was seen in {facts.frames_seen} of the sampled frames; with "
            f"fewer than {FEW_FRAMES} a single odd frame can decide",
        ),
        (
            not video,
            "single_image",
            "a single picture: the interval shows only how far the networks disagree",
        ),
        (
            facts.members == 1,
            "single_member",
            "one network a family: how far equal networks would disagree is unknown, so the "
            "interval is narrower than it should be, or the whole of 0..1 for a single frame",
        ),
        (
            not facts.calibrated,
            "uncalibrated",
            "the bundle is not calibrated: read the probability as a score, not as a chance",
        ),
        (
            not facts.trained_finder,
            "other_face_finder",
            "the networks were trained on faces that another detector found; its boxes differ, "
            "and so may the scores",
        ),
        (
            facts.people > 1,
            "several_people",
            f"{facts.people} people were scored; the most suspicious one decides, so the chance "
            "of a false alarm grows with their number",
        ),
        (
            facts.people_left_out > 0,
            "people_left_out",
            f"{facts.people_left_out} more people were found and not looked at; raise "
            "faces.max_people to include them",
        ),
        (
            facts.people_too_brief > 0,
            "people_too_brief",
            f"{facts.people_too_brief} of the people were seen too briefly to decide the clip; "
            "their own figures rest on little",
        ),
        (
            facts.faces_too_small > 0,
            "faces_skipped",
            f"{facts.faces_too_small} sightings of faces were skipped as too small to judge",
        ),
    )
    return tuple(Notice(code, message) for holds, code, message in rules if holds)


def limits_of(
    trained_on: str,
    fitted_on: str,
    rates: Sequence[tuple[float, float, float]],
    threshold: float,
) -> list[str]:
    """Say plainly what a verdict cannot tell: any bundle's, and this one's in particular.

    Args:
        trained_on: The bundle's own words on its training data.
        fitted_on: The bundle's own words on the data behind `rates`.
        rates: Threshold, share of genuine and share of fake examples at or above it, each 0..1.
        threshold: The one in use.
    """
    lines = [*LIMITS]
    if trained_on:
        lines.append(f"These networks know only what they were trained on: {_sentence(trained_on)}")
    below = [rate for rate in rates if rate[0] <= threshold]
    if below:
        at, false_alarms, detected = max(below)
        lines.append(
            f"At a threshold of {at:.2f}, {false_alarms:.0%} of genuine and {detected:.0%} of "
            f"manipulated examples reached it; measured on {_sentence(fitted_on)}"
        )
    return lines


def _sentence(text: str) -> str:
    return text.strip().rstrip(".") + "."
