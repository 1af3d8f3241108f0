"""Drawn people judged step by step, without the pipeline: what it is held against."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
from tiny_detector import SkinFinder

from awarenet.ensemble import judge
from awarenet.faces import Face, crop_face
from awarenet.pipeline import Detector
from awarenet.report import Person, Report
from awarenet.scoring import Calibration, TrackScore, track_score
from awarenet.settings import Settings
from awarenet.video import Frame, probe, sample_frames

CALIBRATION = Calibration(1.5, -0.25)  # of the tiny bundle
MIDDLE = 160  # px, between the two people of `tiny_detector`


def sampled(path: Path, count: int) -> list[Frame]:
    """Give the frames that a clip is sampled at."""
    limits = Settings().limits
    return list(sample_frames(path, probe(path, limits), count, limits))


def cut_out(path: Path, count: int, choose: Callable[[list[Face]], Face]) -> np.ndarray:
    """Cut one face out of every sampled frame, as the tiny bundle wants it."""
    crops = []
    for frame in sampled(path, count):
        face = choose(SkinFinder().find(frame.image))
        crops.append(crop_face(frame.image, face.box, margin=0.6, side=80))
    return np.stack(crops)


def largest(faces: list[Face]) -> Face:
    """Choose the largest face."""
    return max(faces, key=lambda face: face.side_px)


def scored(detector: Detector, crops: np.ndarray) -> TrackScore:
    """Say what these crops amount to; one pass for all of them."""
    return scored_logits(detector, detector.runtime.logits(crops))


def scored_logits(detector: Detector, logits: np.ndarray) -> TrackScore:
    """Say what (T, F, K) logits amount to."""
    return track_score(logits, partial(judge, detector.runtime.ensemble.combiner), CALIBRATION)


def which(person: Person) -> int:
    """Tell who of the two it is, by their place."""
    return int(person.box_of_best[0] > MIDDLE)


def decider(report: Report) -> Person:
    """Give the person whose score is the clip's."""
    return next(person for person in report.people if person.id == report.decided_by)


def codes(report: Report) -> list[str]:
    """Name the warnings."""
    return [warning.code for warning in report.warnings]
