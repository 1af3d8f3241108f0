"""Made-up reports of two people, three families and three members each, in the real types."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from awarenet.report import Report

FAMILIES = {"efficientnet_lite0": 0.44, "efficientnet_lite1": 0.35, "mobilenet_v2": 0.21}
CENTERS, FACE_PX = {1: (170, 190), 2: (440, 170)}, 130  # of each person, px in the frame
VERDICTS = {
    "fake": (0.79, (0.66, 0.89)),
    "real": (0.08, (0.03, 0.17)),
    "inconclusive": (0.47, (0.31, 0.66)),
}


def make_report(
    verdict: str = "fake",
    *,
    name: str = "interview.mp4",
    people: int = 2,
    kind: str = "video",
    blinks: Sequence[float] | None = None,
) -> Report:
    """Build a report with a verdict, as the pipeline would; `blinks` (s) of who decides."""
    probability, interval = VERDICTS[verdict]
    persons = [_person(1, verdict, probability, interval, kind)]
    if blinks is not None:
        persons[0]["blinks"] = _blinks(blinks)
    if people > 1:
        persons.append(_person(2, "real", 0.13, (0.05, 0.24), kind))
    return Report.model_validate(
        {
            **_frame_of_report(name, kind),
            "status": "ok",
            "verdict": verdict,
            "probability": probability,
            "interval": interval,
            "decided_by": 1,
            "people": persons,
            "families": {
                family: {
                    "weight": weight,
                    "probability": _near(probability, 0.3 * i - 0.2),
                    "members": [_near(probability, 0.3 * i - 0.2 + 0.4 * k) for k in (-1, 0, 1)],
                }
                for i, (family, weight) in enumerate(FAMILIES.items())
            },
            "explanation": {
                "method": "gradcam",
                "layers": dict.fromkeys(FAMILIES, "blocks.4"),
                "frames": [
                    {"person": 1, "frame": 40, "time_s": 1.6, "strength": {"ensemble": 0.8}}
                ],
            },
            "warnings": [
                {
                    "code": "several_people",
                    "message": f"{people} people were scored; the most suspicious one decides, so "
                    "the chance of a false alarm grows with their number",
                }
            ][: people - 1],
        }
    )


def make_refusal(status: str, message: str, *, name: str = "notes.mp4") -> Report:
    """Build a report without a verdict."""
    warnings = [{"code": status, "message": message}]
    return Report.model_validate(
        {
            **_frame_of_report(name, None),
            "status": status,
            "families": {family: {"weight": weight} for family, weight in FAMILIES.items()},
            "warnings": warnings,
        }
    )


def _near(probability: float, step: float) -> float:
    """Move a probability by so much log-odds."""
    return 1 / (1 + math.exp(-(math.log(probability / (1 - probability)) + step)))


def _person(number: int, verdict: str, probability: float, interval: tuple, kind: str) -> dict:
    (x, y), half = CENTERS[number], FACE_PX / 2
    box = (x - half, y - half, x + half, y + half)
    moments = []
    for i in range(16 if kind == "video" else 1):
        wave = 0.7 * math.sin(i / 2 + number)
        shares = {name: _near(probability, wave + 0.4 * f - 0.3) for f, name in enumerate(FAMILIES)}
        moments.append(
            {
                "time_s": i * 0.75,
                "frame": i * 18,
                "box": box,
                "face_px": FACE_PX,
                "probability": _near(probability, wave),
                "families": shares,
                "members": [[_near(p, 0.3 * k) for k in (-1, 0, 1)] for p in shares.values()],
            }
        )
    return {
        "id": number,
        "verdict": verdict,
        "probability": probability,
        "interval": interval,
        "frames_seen": len(moments),
        "first_s": 0.0,
        "last_s": moments[-1]["time_s"],
        "families": moments[0]["families"],
        "members": moments[0]["members"],
        "box_of_best": box,
        "timeline": moments,
    }


def _blinks(times: Sequence[float]) -> dict:
    """Make up twelve seconds of eyes that are hidden from 8 to 9 s."""
    timeline = []
    for at in np.arange(180) / 15:
        openness = 0.26 + 0.01 * math.sin(3 * at)
        openness *= min([1.0, *(abs(at - time) / 0.2 for time in times)])
        timeline.append({"time_s": at, "openness": None if 8 < at < 9 else openness})
    return {
        "blinks": [{"time_s": at, "duration_s": 0.2} for at in times],
        "seconds": 11.0,
        "per_minute": len(times) / 11 * 60,
        "interval": (2.0, 40.0),
        "timeline": timeline,
        "indication": f"{len(times)} blinks in 11 s. It is an indication only, and no part of the "
        "probability.",
    }


def _frame_of_report(name: str, kind: str | None) -> dict:
    known = {} if kind is None else {"width": 640, "height": 360, "frames_analyzed": 16}
    return {
        "threshold": 0.5,
        "calibrated": True,
        "input": {
            "name": name,
            "kind": kind,
            "duration_s": 12.4 if kind == "video" else None,
            **known,
        },
        "limits": ["Looks at faces only.", "Blind to wholly generated video."],
        "model": {
            "source": "assets/demo",
            "revision": None,
            "sha256": "0" * 64,
            "name": "demo",
            "families": list(FAMILIES),
            "members": 9,
            "trained_on": "portraits",
            "metrics": {},
            "calibrated_on": None,
        },
        "settings": {"verdict": {"confidence": 0.9}},
        "timing_s": {"total": 14.2},
        "versions": {"awarenet": "0"},
        "created": "2026-11-21T12:00:00Z",
    }
