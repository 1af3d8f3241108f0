"""A detector that judges nothing, and the report it gives: what the page's tests are built around.

It speaks the real types, so a page that works with it works with the real one. Two people, three
families of three members; every number is made up.
"""

from __future__ import annotations

import contextlib
import hashlib
import logging
import math
import socket
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np
from clips import draw_face

import app
from awarenet.bundle.config import Thresholds
from awarenet.errors import Canceled
from awarenet.explain import Preview
from awarenet.pipeline import Analysis, Overlay, Progress
from awarenet.report import Report
from awarenet.settings import Settings

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


class FakeDetector:
    """Gives one report, step by step, and remembers what was asked of it."""

    def __init__(
        self, report: Report | None = None, *, steps: int = 3, pause_s: float = 0.0, error=None
    ):
        self.report = report
        self.steps, self.pause_s, self.error = steps, pause_s, error
        self.settings = Settings()
        self.runtime = None  # it draws no heat maps
        self.paths: list[Path] = []
        self.asked: list[Settings] = []
        self.ended: list[str] = []  # how each run ended: "done", "closed" or "stopped"

    @property
    def bundle(self) -> SimpleNamespace:
        """Give what stands for a bundle; its hash is another one for another answer."""
        thresholds = Thresholds(
            default=0.5,
            table=[
                {"threshold": t, "false_alarm_rate": 0.2 - t / 5, "detection_rate": 1 - t / 4}
                for t in (0.25, 0.5, 0.75)
            ],
            fitted_on="clips that nobody filmed",
        )
        answers = f"{self.report} {self.steps} {self.pause_s} {self.error} {id(self)}"
        return SimpleNamespace(
            config=SimpleNamespace(thresholds=thresholds, crop=SimpleNamespace(margin=0.15)),
            sha256=hashlib.sha256(answers.encode()).hexdigest(),
            revision=None,
        )

    def failed(self, path: Path, error: Exception) -> Report:
        """Make the report of a file that met a bug."""
        words = f"a fault in awarenet, not in the file: {type(error).__name__}"
        return make_refusal("error", words, name=Path(path).name)

    def with_settings(self, **sections: dict) -> FakeDetector:
        """Note which settings a run asks for; every run counts on the one object."""
        parts = {
            name: getattr(self.settings, name).model_copy(update=update)
            for name, update in sections.items()
        }
        self.asked.append(self.settings.model_copy(update=parts))
        return self

    def run(
        self, path: str | Path, should_stop: Callable[[], bool] | None = None
    ) -> Iterator[Progress | Analysis]:
        """Take `steps` steps, then give the report."""
        self.paths.append(Path(path))
        try:
            for step in range(self.steps):
                yield Progress("detect", step + 1, self.steps, "Finding faces")
                time.sleep(self.pause_s)
                if should_stop is not None and should_stop():
                    self.ended.append("stopped")
                    raise Canceled("stopped")
            if self.error is not None:
                raise self.error
            yield self._analysis(Path(path).name)
            self.ended.append("done")
        except GeneratorExit:
            self.ended.append("closed")
            raise

    def _analysis(self, name: str) -> Analysis:
        report = self.report or make_report(name=name)
        overlays, faces, previews = [], {}, {}
        for person in report.people:
            x, y = CENTERS[person.id]
            face = draw_frame(person.id)[y - 70 : y + 70, x - 70 : x + 70]
            faces[person.id] = np.stack([face] * len(person.timeline))
            for moment in person.timeline:
                previews[moment.frame] = Preview.of(draw_frame(person.id))
            for moment in person.timeline[2:8:5] or person.timeline:
                for i, family in enumerate(["ensemble", *report.families]):
                    image = draw_frame(person.id, hot=person.probability, shift=i)
                    overlays.append(Overlay(person.id, moment.frame, moment.time_s, family, image))
        return Analysis(report, tuple(overlays), faces, previews)


class Stage:
    """Hands every run to the detector that a test puts on it, so that one server does for many."""

    detector: FakeDetector

    def __getattr__(self, name: str) -> object:
        """Be the detector that is on."""
        return getattr(self.detector, name)


def draw_frame(person: int, *, hot: float = 0.0, shift: int = 0) -> np.ndarray:
    """Draw a frame with that face, and a spot `hot` (0..1) on it, (360, 640, 3) uint8 RGB."""
    image = np.full((360, 640, 3), (96, 108, 120), np.uint8)
    x = CENTERS[person][0]
    draw_face(image, CENTERS[person], FACE_PX, person=person)
    spot = np.zeros((360, 640), np.float32)
    cv2.circle(spot, (x - 20 + 14 * shift, 190), 36, 1.0, -1)
    spot = cv2.GaussianBlur(spot, (0, 0), 16)[..., None] * hot
    return (image * (1 - spot) + np.array([255, 70, 0]) * spot).astype(np.uint8)


@contextlib.contextmanager
def served(detector, *, options: dict | None = None, **page_options) -> Iterator[str]:
    """Serve the page around a detector on a free port; gives its address."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    logging.getLogger("httpx").setLevel(logging.WARNING)
    page = app.build_app(detector, **page_options)
    app.serve(
        page, Settings().app, server_name="127.0.0.1", server_port=port,
        prevent_thread_lock=True, quiet=True, **options or {},
    )  # fmt: skip
    try:
        yield f"http://127.0.0.1:{port}/"
    finally:
        page.close()


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
