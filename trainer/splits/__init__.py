"""Who is trained on, validated on and tested on, and the check that nothing is in two parts."""

from trainer.splits.protocols import (
    PARTS,
    PROTOCOLS,
    Split,
    frame_part,
    group_clips,
    make_split,
    split_by_identity,
    split_hash,
)

__all__ = [
    "PARTS",
    "PROTOCOLS",
    "Split",
    "frame_part",
    "group_clips",
    "make_split",
    "split_by_identity",
    "split_hash",
]
