"""What others published, with how they measured it, as data.

No row may stand beside ours without its protocol: frames or clips, how people and clips were
dealt to training and test, what was trained on. AUC and F1 are shares of 1.
"""

from __future__ import annotations

from dataclasses import dataclass

AWARE_NET = "https://arxiv.org/abs/2505.00312, abstract; split read from its code"
DEEPFAKEBENCH = "https://github.com/SCLBD/DeepfakeBench, README, frame-level AUC"

LEAKS = "frames dealt out at random, so test frames show clips and people of the training: leaks"
TARGET = "random 15 % of the other set's frames, not its official test list"
OFFICIAL = "official lists, where there are any; checkpoint chosen on the test set: a little high"
FFPP_DFD = "half of FaceForensics++ c23 with FaceShifter and DFD (as in its code)"
FFPP = "FaceForensics++ c23, its four methods"
CELEB = "half of Celeb-DF v2"

SETS = {  # as in trainer.datasets.DATASETS -> as it is written
    "faceforensics": "FaceForensics++",
    "celebdf_v1": "Celeb-DF v1",
    "celebdf_v2": "Celeb-DF v2",
    "dfd": "DFD",
    "dfdc": "DFDC",
    "dfdc_preview": "DFDC preview",
}


@dataclass(frozen=True)
class Published:
    """One system's figures on one data set."""

    system: str
    trained_on: str
    tested_on: str  # name in trainer.datasets.DATASETS
    auc: float
    f1: float | None  # at a probability of 0.5; None: not published
    level: str  # frame or clip
    split: str
    learned_from: bool  # whether its test set is the one that it was trained on
    source: str
    remark: str = ""


def _aware_net(
    variant: str, trained_on: str, tested_on: str, auc: float, f1: float, *, own: bool
) -> Published:
    name = f"AWARE-NET, {variant}" if variant else "AWARE-NET"
    fakes = "about three fakes to a real face: see the F1 of answering fake always"
    return Published(
        name, trained_on, tested_on, auc, f1, "frame", LEAKS if own else TARGET, own, AWARE_NET,
        fakes,
    )  # fmt: skip


_BENCH = {  # frame AUC: FaceForensics++ c23, Celeb-DF v2, DFD, DFDC
    "Xception": (0.9637, 0.7365, 0.8163, 0.7077),
    "EfficientNet-B4": (0.9567, 0.7487, 0.8148, 0.6955),
    "Capsule": (0.8421, 0.7472, 0.6841, 0.6465),
    "FWA (Xception)": (0.8765, 0.6680, 0.7403, 0.6132),
}
_BENCH_SETS = ("faceforensics", "celebdf_v2", "dfd", "dfdc")

PUBLISHED = (
    _aware_net("not augmented", FFPP_DFD, "faceforensics", 0.9922, 0.9806, own=True),
    _aware_net("augmented", FFPP_DFD, "faceforensics", 0.9947, 0.9843, own=True),
    _aware_net("not augmented", CELEB, "celebdf_v2", 1.0, 0.9994, own=True),
    _aware_net("augmented", CELEB, "celebdf_v2", 1.0, 0.9995, own=True),
    _aware_net("", FFPP_DFD, "celebdf_v2", 0.8820, 0.9316, own=False),
    _aware_net("", CELEB, "faceforensics", 0.7252, 0.8062, own=False),
    *(
        Published(
            f"DeepfakeBench {system}", FFPP, tested_on, auc, None, "frame", OFFICIAL,
            tested_on == "faceforensics", DEEPFAKEBENCH, "one network",
        )
        for system, row in _BENCH.items()
        for tested_on, auc in zip(_BENCH_SETS, row, strict=True)
    ),
)  # fmt: skip
