"""What tests of the cage share: a clip to decode in it, and a child that lies."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from clips import write_clip

from awarenet.cage import OpenedFile
from awarenet.settings import LimitSettings


def noise(folder: Path, count: int) -> Path:
    """Write a clip of so many frames, no two alike."""
    drawn = np.random.default_rng(0).integers(0, 256, (count, 48, 64, 3), np.uint8)
    return write_clip(folder / "clip.mp4", list(drawn))


class Liar:
    """Stands in for such a child: says what it is told to, again and again at the end."""

    def __init__(self, *messages: dict):
        self.messages, self.memory, self.killed = list(messages), b"\0" * 3000, False

    def say(self, message: dict) -> None:
        """Take anything."""

    def hear(self, seconds: float) -> dict:
        """Tell the next lie."""
        return self.messages.pop(0) if len(self.messages) > 1 else self.messages[0]

    def kill(self) -> None:
        """Go."""
        self.killed = True


def lied_to(path: Path, *messages: dict, limits: LimitSettings | None = None) -> OpenedFile:
    """Open a file whose child says these things."""
    file = OpenedFile(path, limits or LimitSettings())
    file._child = Liar(*messages)
    return file
