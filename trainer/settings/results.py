"""How members are put together, measured, described and sent out."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from awarenet.settings import Section


class EnsembleSettings(Section):
    """[ensemble] Which networks vote, and how their weights are learned."""

    # of awarenet.zoo
    families: tuple[str, ...] = ("efficientnet_lite0", "efficientnet_lite1", "mobilenet_v2")
    # separately trained members of each family
    members: int = Field(3, ge=1)
    # side of every family's input, px; 0: each its own
    side: int = Field(0, ge=0, le=1024)
    # own (each family's mean and deviation) or imagenet (one for all, as AWARE-NET did it)
    normalization: Literal["own", "imagenet"] = "own"
    # how tier 2 learns: cached (weights alone, from members' scores on validation faces) or
    # end_to_end (weights and members together, on training faces, as the paper words it)
    tier_2: Literal["cached", "end_to_end"] = "cached"
    # what goes into the bundle: two_tier (AWARE-NET's learned weights), mean, or an ensemble of
    # Stronger Together: hard (majority), soft (weights searched for), stack (a forest, over all)
    combiner: Literal["two_tier", "mean", "hard", "soft", "stack"] = "two_tier"
    # hard, soft: families that vote: all, best (two, on validation clips) or smallest (two files)
    choose: Literal["all", "best", "smallest"] = "all"
    # draws of degraded validation faces that tier 2 is fitted on, a face
    draws: int = Field(3, ge=1)
    # platt, temperature, or auto (whichever predicts left-out people better)
    calibration: Literal["platt", "temperature", "auto"] = "platt"
    # clips of calibration people may be flagged as fake at this rate when the threshold is set
    false_alarms: float = Field(0.04, gt=0, lt=1)
    # of the bundle
    name: str = "awarenet-demo"
    # folder that the bundle is written to; with several ensembles, one folder each in it
    bundle: str = "assets/demo"


class EvaluateSettings(Section):
    """[evaluate] How results are measured."""

    # bootstrap draws of people, for the 95 % intervals
    resamples: int = Field(1000, ge=10)
    # frames of the clips made from the portraits of held-out people
    frames: int = Field(8, ge=1)
    # swapped versions of each real clip, one donor each
    swaps_per_clip: int = Field(2, ge=0)
    # seconds that clips are cut into
    piece_s: float = Field(4.0, gt=0)
    # of each clip, at most, evenly spread
    pieces: int = Field(8, ge=1)
    # frames of each test clip that the robustness sweep degrades; 0: no sweep
    robustness_frames: int = Field(4, ge=0)


class CardSettings(Section):
    """[card] What the model card must say and no file can tell."""

    # what this ensemble is, what it looks for and what it is blind to; Markdown
    about: str = "Nobody has said in [card] about what this ensemble is for and what it cannot do."
    # the same in one sentence, for every report
    summary: str = "not described"
    # name of a folder of [data] -> what it holds, and the rights in it
    sources: dict[str, str] = {}
    # who is rare or absent in the training data
    missing: str = (
        "Nobody has described who is in this data. Expect more errors for people who are rare in "
        "it, and do not use this where an error harms somebody."
    )
    # of the trained weights, as the Hub spells it
    license: str = "mit"


class TrackSettings(Section):
    """[track] Where learning curves go besides the run's own files."""

    # none, tensorboard or trackio; the latter two are extras: pip install -e '.[track]'
    backend: Literal["none", "tensorboard", "trackio"] = "none"
    # name that runs are grouped under there
    project: str = "awarenet"


class PushSettings(Section):
    """[push] Where the bundle goes on the Hugging Face Hub."""

    # owner/name; made where it is not there
    repo: str = ""
    # whether only you can see it; true or false
    private: bool = True
    # name of the version, as v1.0; empty: none
    tag: str = ""
    # which ensemble of [grid], as all-camera; empty: the only one
    experiment: str = ""
