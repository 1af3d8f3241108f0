"""A face with its points: what fakes are made of, and how two faces are compared."""

from __future__ import annotations

import cv2
import numpy as np

from awarenet.landmarks import EYES
from trainer.portraits.forge.masks import face_mask

Scene = tuple[np.ndarray, np.ndarray]  # image (S, S, 3) uint8 RGB, landmarks (468, 2) float32 px


def describe(scene: Scene) -> np.ndarray:
    """Color of the skin and pose, so that donors can be chosen who suit a target.

    Returns:
        (5,) float32: mean Lab color / 60, nose tip against the eyes in widths of the face * 4; the
        distance of two people is the mean of the absolute differences.
    """
    image, landmarks = scene
    inside = face_mask(landmarks, len(image), "inner") > 0.5
    color = cv2.cvtColor(image, cv2.COLOR_RGB2LAB)[inside].mean(0) / 60
    pose = (landmarks[1] - landmarks[list(EYES)].mean(0)) / max(np.ptp(landmarks[:, 0]), 1.0)
    return np.concatenate([color, pose * 4]).astype(np.float32)
