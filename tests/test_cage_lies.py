"""What a child says is checked like anything that comes from a stranger."""

import socket
import struct
from pathlib import Path

import numpy as np
import pytest
from clips import write_clip

from awarenet.cage import OpenedFile, wire
from awarenet.cage.processes import CAGED
from awarenet.errors import MediaError
from awarenet.settings import LimitSettings
from awarenet.video import probe

pytestmark = pytest.mark.skipif(not CAGED, reason="needs a system that can fork")
LIMITS = LimitSettings()


@pytest.fixture(scope="module")
def clip(tmp_path_factory) -> Path:
    drawn = np.random.default_rng(0).integers(0, 256, (40, 48, 64, 3), np.uint8)
    return write_clip(tmp_path_factory.mktemp("clips") / "clip.mp4", list(drawn))


class Liar:
    """Stands in for a child that was taken over."""

    def __init__(self, *messages: dict):
        self.messages, self.memory = list(messages), b"\0" * 3000

    def say(self, message: dict) -> None:
        """Take anything."""

    def hear(self, seconds: float) -> dict:
        """Tell the next lie."""
        return self.messages.pop(0)

    def kill(self) -> None:
        """Go."""


FRAME = {"index": 0, "time_s": 0.0, "shot": 0, "shape": [10, 10, 3]}


@pytest.mark.parametrize(
    "lie",
    [
        {"frame": {**FRAME, "shape": [100_000, 100_000, 3]}},
        {"frame": {**FRAME, "shape": [-1, 10, 3]}},
        {"frame": {**FRAME, "shape": [10, 10, 4]}},
        {"frame": {**FRAME, "time_s": float("nan")}},
        {"frame": {**FRAME, "index": -5}},
        {"frame": {**FRAME, "shot": 9}},
        {"frame": "no frame"},
        {"value": 1},
        {"refused": "nonsense"},
        {"refused": {"status": "ok", "values": {"reason": "long"}}},
    ],
)
def test_what_a_child_says_is_not_believed(clip, lie):
    file = OpenedFile(clip, LIMITS)
    file._child = Liar({"frame": FRAME}, lie)
    frames = file.sample(probe(clip, LIMITS), 5)
    assert next(frames).image.shape == (10, 10, 3)
    with pytest.raises(MediaError, match="broke the program that decodes it"):
        next(frames)


def test_more_frames_than_were_asked_for_are_not_taken(clip):
    file = OpenedFile(clip, LIMITS)
    file._child = Liar(*({"frame": {**FRAME, "index": n}} for n in range(9)))
    taken = file.sample(probe(clip, LIMITS), 3)
    for _ in range(3):
        next(taken)
    with pytest.raises(MediaError):
        next(taken)


@pytest.mark.parametrize(
    "sent",
    [b"", b"\0\0", struct.pack("!I", 1 << 31), struct.pack("!I", 4) + b"nil!",
     struct.pack("!I", 2) + b"[]", struct.pack("!I", 90) + b"{"],
)  # fmt: skip
def test_what_is_no_message_is_told_apart(sent):
    ours, theirs = socket.socketpair()
    with ours:
        with theirs:
            theirs.sendall(sent)
        with pytest.raises(wire.Broken):
            wire.receive(ours)
