"""Analyses with something to say in every part of a document; every number is made up."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from clips import read

from awarenet.explain import ENSEMBLE, Preview
from awarenet.pipeline import Analysis, Overlay
from awarenet.report import Report

FAMILIES = {"efficientnet_lite0": 0.6, "mobilenet_v2": 0.4}
SHA256 = "ab" * 32
BUNDLE_SHA256 = "cd" * 32
EVERY_S, COUNT = 0.5, 24  # of the analyzed frames of a clip of 12 s
REGIONS = ("eyes", "mouth", "nose", "cheeks", "rim", "outside")
Box = tuple[float, float, float, float]


def moment(time_s: float, frame: int, probability: float, box: Box) -> dict:
    """Make one scored frame."""
    return {
        "time_s": time_s,
        "frame": frame,
        "box": box,
        "face_px": max(box[2] - box[0], box[3] - box[1]),
        "probability": probability,
        "interval": (max(probability - 0.1, 0), min(probability + 0.1, 1)),
        "families": dict.fromkeys(FAMILIES, probability),
        "members": [[probability] * 2] * len(FAMILIES),
    }


def person(number: int, verdict: str, timeline: Sequence[dict], **more: object) -> dict:
    """Make a person of scored frames."""
    probability = {"fake": 0.8, "real": 0.1, "inconclusive": 0.5}[verdict]
    return {
        "id": number,
        "verdict": verdict,
        "probability": probability,
        "interval": (probability - 0.1, probability + 0.1),
        "frames_seen": len(timeline),
        "first_s": timeline[0]["time_s"],
        "last_s": timeline[-1]["time_s"],
        "families": dict.fromkeys(FAMILIES, probability),
        "members": [[probability] * 2] * len(FAMILIES),
        "box_of_best": timeline[0]["box"],
        "timeline": list(timeline),
        **more,
    }


def report(people: Sequence[dict] = (), *, status: str = "ok", **changes: object) -> Report:
    """Make a report; `changes` are fields of it."""
    content: dict[str, object] = {
        "status": status,
        "threshold": 0.55,
        "calibrated": True,
        "input": video(),
        "families": {name: {"weight": weight} for name, weight in FAMILIES.items()},
        "limits": ["A probability is an opinion."],
        "model": {
            "source": "assets/demo",
            "revision": "0123abc",
            "sha256": BUNDLE_SHA256,
            "name": "tiny",
            "families": list(FAMILIES),
            "members": 4,
            "trained_on": "noise",
            "metrics": {},
            "calibrated_on": "more noise",
        },
        "settings": {"verdict": {"confidence": 0.9}, "faces": {"detector": "retinaface"}},
        "versions": {"awarenet": "1.2.3", "torch": "2.13.0"},
        "created": "2026-01-02T03:04:05+00:00",
    }
    if people:
        first = people[0]
        content |= {name: first[name] for name in ("verdict", "probability", "interval")}
        content |= {"people": list(people), "decided_by": first["id"]}
        for family in content["families"].values():
            family |= {"probability": first["probability"], "members": [0.7, 0.9]}
    return Report.model_validate(content | changes)


def video(**changes: object) -> dict:
    """Describe a clip."""
    described = {
        "name": "interview.mp4",
        "sha256": SHA256,
        "kind": "video",
        "duration_s": EVERY_S * COUNT,
        "fps": 25.0,
        "width": 320,
        "height": 240,
        "codec": "h264",
        "quantization": 7.5,
        "rotation_deg": 0,
        "frames_analyzed": COUNT,
    }
    return described | changes


def course(probability: Callable[[int], float] = lambda i: 0.5 + 0.4 * math.sin(i)) -> list[dict]:
    """Make the scored frames of somebody who is there all the time."""
    return [
        moment(EVERY_S * (i + 0.5), 12 * i + 6, probability(i), (100.0 + i, 60.0, 180.0 + i, 150.0))
        for i in range(COUNT)
    ]


def whole(name: str = "interview.mp4") -> Analysis:
    """Make an analysis of a clip of two people, with everything that a report can hold."""
    worth = {
        "quality": {
            "face_px": 90, "sharpness": 210, "light": 0.4, "contrast": 0.2, "turned_deg": 12,
        },
        "competence": {"distance": 3.25, "limit": 9.5, "outside": False},
    }  # fmt: skip
    worst = {"start_s": 3.25, "end_s": 6.75, "probability": 0.9}
    people = [
        person(2, "fake", course(), worst=worst, **worth),
        person(1, "real", course(lambda i: 0.1), **worth),
    ]
    explained = {
        "person": 2,
        "frame": 78,
        "time_s": 3.25,
        "strength": {ENSEMBLE: 0.8},
        "regions": {name: dict.fromkeys(REGIONS, 1 / 6) for name in (ENSEMBLE, *FAMILIES)},
        "agreement": 0.42,
        "deletion": {"share": 0.1, "hottest": -0.31, "random": -0.04, "draws": 8},
    }
    full = report(
        people,
        input=video(name=name, cuts_s=[8.25]),
        error_rates={
            "threshold": 0.55, "false_alarm_rate": 0.04, "detection_rate": 0.87,
            "measured_on": "54 clips",
        },
        other_votes=[{"name": "mean", "probability": 0.7, "verdict": "fake", "calibrated": False}],
        stability={
            "person": 2, "frames": 8, "untouched": 0.8, "low": 0.2, "high": 0.8,
            "scores": [
                {"damage": "jpeg_50", "probability": 0.6, "verdict": "inconclusive"},
                {"damage": "blur", "probability": 0.2, "verdict": "real"},
            ],
            "flips_under": ["blur"],
        },
        explanation={
            "method": "gradcam",
            "layers": dict.fromkeys(FAMILIES, "blocks.4"),
            "frames": [explained, explained | {"person": 1}],
        },
        provenance={
            "credentials": None,
            "looked_for_credentials": True,
            "container": {"encoder": "Lavf61"},
            "remarks": ["No camera is named."],
        },
        warnings=[{"code": "several_people", "message": "2 people were scored"}],
    )  # fmt: skip
    frame = np.random.default_rng(0).integers(0, 256, (240, 320, 3), np.uint8)
    return Analysis(
        full,
        tuple(
            Overlay(who, 78, 3.25, family, frame)
            for who in (2, 1)
            for family in (*FAMILIES, ENSEMBLE)
        ),
        {who: np.stack([frame[:64, :64]] * COUNT) for who in (1, 2)},
        {78: Preview.of(frame)},
    )


def judged(
    path: Path, places: dict[int, Callable[[int], Box | None]], count: int, verdicts: dict[int, str]
) -> Analysis:
    """Make the analysis of a real file.

    Args:
        path: A clip or picture.
        places: Person -> where they are in a frame, of which the number is given.
        count: Frames that are looked at.
        verdicts: Person -> verdict; the first decides.
    """
    info, frames = read(path, count)
    people = []
    for number, verdict in verdicts.items():
        seen = [(frame, places[number](frame.index)) for frame in frames]
        timeline = [moment(f.time_s, f.index, 0.72, box) for f, box in seen if box]
        people.append(person(number, verdict, timeline))
    known = {name: getattr(info, name) for name in video() if hasattr(info, name)}
    cuts = [b.time_s for a, b in zip(frames, frames[1:], strict=False) if b.shot > a.shot]
    source = known | {"frames_analyzed": len(frames), "cuts_s": cuts}
    return Analysis(report(people, input=source))
