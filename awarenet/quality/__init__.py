"""What the input is worth: measured facts about it, and the warnings that follow from them.

A score on a small, blurred or briefly seen face is an opinion on little; the report says so beside
the score instead of changing it.
"""

from awarenet.quality.limits import LIMITS
from awarenet.quality.measures import Measured, measure, sharpness, turned_deg
from awarenet.quality.notices import MESSAGES, Facts, Notice, assess
from awarenet.quality.own_limits import own_limits

__all__ = [
    "LIMITS",
    "MESSAGES",
    "Facts",
    "Measured",
    "Notice",
    "assess",
    "own_limits",
    "measure",
    "sharpness",
    "turned_deg",
]
