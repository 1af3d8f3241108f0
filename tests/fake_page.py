"""A detector that judges nothing: what the page's tests are built around.

It speaks the real types, so a page that works with it works with the real one. Two people, three
families of three members; every number is made up.
"""

from __future__ import annotations

import contextlib
import hashlib
import logging
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np
from clips import draw_face
from fake_report import CENTERS, FACE_PX, make_refusal, make_report

import app
from awarenet.bundle.config import Thresholds
from awarenet.errors import Canceled
from awarenet.explain import Preview
from awarenet.pipeline import Analysis, Overlay, Progress
from awarenet.report import Report
from awarenet.settings import Settings


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
            config=SimpleNamespace(
                name="fake", thresholds=thresholds, crop=SimpleNamespace(margin=0.15)
            ),
            sha256=hashlib.sha256(answers.encode()).hexdigest(),
            revision=None,
        )

    def failed(self, path: Path, error: Exception) -> Report:
        """Make the report of a file that met a bug."""
        words = f"a fault in awarenet, not in the file: {type(error).__name__}"
        return make_refusal("error", words, name=Path(path).name)

    def failure(self, path: Path, status: str, message: str) -> Report:
        """Make the report of a file that could not be analyzed."""
        return make_refusal(status, message, name=Path(path).name)

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
def served(detector, **options) -> Iterator[str]:
    """Serve the page around a detector on a free port; gives its address."""
    with serving(detector, **options) as (url, _):
        yield url


@contextlib.contextmanager
def serving(
    detector, *, options: dict | None = None, **page_options
) -> Iterator[tuple[str, app.Page]]:
    """Serve the page around a detector on a free port; gives its address and itself."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    logging.getLogger("httpx").setLevel(logging.WARNING)
    page = app.build_app(detector, **page_options)
    settings = page_options.get("settings") or Settings()
    app.serve(
        page, settings.app, server_name="127.0.0.1", server_port=port,
        prevent_thread_lock=True, quiet=True, **options or {},
    )  # fmt: skip
    try:
        yield f"http://127.0.0.1:{port}/", page
    finally:
        page.close()
