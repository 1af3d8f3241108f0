"""Turn what was measured into warnings, in words that can be put into other languages."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from awarenet.quality.measures import Measured

SMALL_FACE_PX = 96  # longer side; below it the trainer's "hard" test begins (48-96 px)
FEW_FRAMES = 8  # a quarter of the default sampling; a mean of fewer moves with every frame
# by `sharpness`: 117 or more in 95 % of frames of plain webcam clips (faces of 86 px), 317 or more
# in portraits, below 60 in most of both after a Gaussian blur of 1 px at 128 px
BLURRED = 60.0
# The next five by 812 plain faces: 620 photographs (official, candid, from web pages, ORL) and 192
# frames of 24 clips. Light and contrast stand just outside all but one of them, and not where 95 %
# of them end, since many people beyond that only have darker or lighter skin than others.
DARK, BRIGHT = 0.2, 0.8  # mean luma; these faces have 0.205 to 0.715, one has 0.81
FLAT = 0.07  # standard deviation of luma; they have 0.079 or more
TURNED_DEG = 35.0  # 97 % are within 33; 95 % of official portraits within 18
# step in 0..255: quality 26 of JPEG, quantizer 32 of H.264. 1106 photographs and 27 clips have 21
# or less; at CRF 32, in the middle of what the trainer calls hard, detail falls by 29 %.
COARSE_STEP = 25.0

# Of codes, what they say in English: `Notice.message` is MESSAGES[code].format(**values).
MESSAGES = {
    "outside_training": "faces like these are rare or absent in the training data (distance "
    "{distance:.3g}, at most {limit:.3g}): how often the networks are wrong on them is unknown",
    "flips": "the verdict turns around under {damages}: these faces, damaged as copies are, are "
    "called the opposite",
    "small_face": "the face is {face_px:.0f} px; below {limit:.0f} px much of the trace that a "
    "manipulation leaves is gone, so trust this less",
    "blurred": "the face is blurred or strongly compressed (detail {sharpness:.0f}, below "
    "{limit:.0f}), which hides traces and can also look like one",
    "strongly_compressed": "the file is strongly compressed (brightness in steps of {step:.0f} of "
    "255, more than {limit:.0f}), which hides traces and can also look like one",
    "too_dark": "the face is dark (mean brightness {light:.0%}, below {limit:.0%}); what "
    "a camera makes of so little light can hide traces",
    "too_bright": "the face is overexposed (mean brightness {light:.0%}, above {limit:.0%}); where "
    "it is white there is nothing to judge",
    "low_contrast": "the face has little contrast ({contrast:.1%}, below {limit:.1%}), as behind "
    "haze or a filter, which hides traces",
    "turned_away": "the head is turned by about {turned_deg:.0f} degrees, more than {limit:.0f}; "
    "the networks learned mostly from faces seen from the front",
    "few_frames": "the person who decides was seen in {frames_seen} of the sampled frames; with "
    "fewer than {limit} a single odd frame can decide",
    "single_image": "a single picture: the interval shows only how far the networks disagree",
    "single_member": "one network a family: how far equal networks would disagree is unknown, so "
    "the interval is narrower than it should be, or the whole of 0..1 for a single frame",
    "uncalibrated": "the bundle is not calibrated: read the probability as a score, not as a "
    "chance",
    "other_face_finder": "the networks were trained on faces that another detector found; its "
    "boxes differ, and so may the scores",
    "several_people": "{people} people were scored; the most suspicious one decides, so the chance "
    "of a false alarm grows with their number",
    "people_left_out": "{people} more people were found and not looked at; raise faces.max_people "
    "to include them",
    "people_too_brief": "{people} of the people were seen too briefly to decide the clip; their "
    "own figures rest on little",
    "faces_skipped": "{faces} sightings of faces were skipped as too small to judge",
}


class Notice(NamedTuple):
    """A warning: a code for programs, a sentence for people, and what the sentence names."""

    code: str
    message: str
    values: dict[str, object] = {}  # never written to


@dataclass(frozen=True)
class Facts:
    """What was measured while a clip was analyzed; faces are those of the person who decides it."""

    kind: str  # "video" or "image"
    faces: Measured
    frames_seen: int  # of the deciding person
    people: int  # scored
    people_left_out: int = 0  # found, but more than the settings look at
    people_too_brief: int = 0  # scored, but seen in too few frames to decide the clip
    faces_too_small: int = 0  # sightings skipped for their size
    members: int = 3  # a family
    calibrated: bool = True
    trained_finder: bool = True  # the face finder is the one that the bundle was trained with
    quantization: float | None = None  # see `quantization.read_quantization`; None: not known
    distance: float = 0.0  # from the training data, as the bundle measures it
    distance_limit: float | None = None  # None: the bundle does not know its own limits
    flips_under: Mapping[str, str] = field(default_factory=dict)  # damage -> words for it


def assess(facts: Facts) -> tuple[Notice, ...]:
    """Turn facts into warnings, the ones that weaken the verdict most first."""
    video, faces, step = facts.kind == "video", facts.faces, facts.quantization
    few = video and facts.frames_seen < FEW_FRAMES
    limit = facts.distance_limit
    damages = {"damages": ", ".join(facts.flips_under.values()), "codes": list(facts.flips_under)}
    light, turned = {"light": faces.light}, {"turned_deg": faces.turned_deg}
    rules: tuple[tuple[bool, str, dict[str, object]], ...] = (
        (
            limit is not None and facts.distance > limit,
            "outside_training",
            {"distance": facts.distance, "limit": limit},
        ),
        (bool(facts.flips_under), "flips", damages),
        (
            faces.face_px < SMALL_FACE_PX,
            "small_face",
            {"face_px": faces.face_px, "limit": SMALL_FACE_PX},
        ),
        (
            faces.sharpness < BLURRED,
            "blurred",
            {"sharpness": faces.sharpness, "limit": BLURRED},
        ),
        (
            step is not None and step > COARSE_STEP,
            "strongly_compressed",
            {"step": step, "limit": COARSE_STEP},
        ),
        (faces.light < DARK, "too_dark", {**light, "limit": DARK}),
        (faces.light > BRIGHT, "too_bright", {**light, "limit": BRIGHT}),
        (faces.contrast < FLAT, "low_contrast", {"contrast": faces.contrast, "limit": FLAT}),
        (faces.turned_deg > TURNED_DEG, "turned_away", {**turned, "limit": TURNED_DEG}),
        (few, "few_frames", {"frames_seen": facts.frames_seen, "limit": FEW_FRAMES}),
        (not video, "single_image", {}),
        (facts.members == 1, "single_member", {}),
        (not facts.calibrated, "uncalibrated", {}),
        (not facts.trained_finder, "other_face_finder", {}),
        (facts.people > 1, "several_people", {"people": facts.people}),
        (facts.people_left_out > 0, "people_left_out", {"people": facts.people_left_out}),
        (facts.people_too_brief > 0, "people_too_brief", {"people": facts.people_too_brief}),
        (facts.faces_too_small > 0, "faces_skipped", {"faces": facts.faces_too_small}),
    )
    return tuple(
        Notice(code, MESSAGES[code].format(**values), values)
        for holds, code, values in rules
        if holds
    )
