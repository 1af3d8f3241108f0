"""The stages of an analysis: each takes the evidence, adds to it, and yields its progress."""

from awarenet.stages.blinking import watch_eyes
from awarenet.stages.damaging import damage
from awarenet.stages.explaining import explain
from awarenet.stages.gathering import gather
from awarenet.stages.judging import score

__all__ = ["explain", "gather", "score", "damage", "watch_eyes"]
