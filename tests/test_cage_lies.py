"""What a child says is checked like anything that comes from a stranger."""

import socket
import struct
from pathlib import Path

import pytest
from caged import lied_to, noise

from awarenet.cage import wire
from awarenet.cage.processes import CAGED
from awarenet.errors import MediaError
from awarenet.settings import LimitSettings
from awarenet.video import probe

pytestmark = pytest.mark.skipif(not CAGED, reason="needs a system that can fork")
LIMITS = LimitSettings()


@pytest.fixture(scope="module")
def clip(tmp_path_factory) -> Path:
    return noise(tmp_path_factory.mktemp("clips"), 40)


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
    file = lied_to(clip, {"frame": FRAME}, lie)
    frames = file.sample(probe(clip, LIMITS), 5)
    assert next(frames).image.shape == (10, 10, 3)
    with pytest.raises(MediaError, match="broke the program that decodes it"):
        next(frames)


def test_more_frames_than_were_asked_for_are_not_taken(clip):
    file = lied_to(clip, *({"frame": {**FRAME, "index": n}} for n in range(9)))
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
