"""Every data set that can be indexed, by name, with what its authors say is in it."""

from __future__ import annotations

import difflib
import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from awarenet.errors import SettingsError
from trainer.datasets import (
    aware_net,
    celebdf,
    dfdc,
    dfdc_preview,
    faceforensics,
    folders,
    photos,
    stronger_together,
    table,
)
from trainer.datasets.clip import Clip


@dataclass(frozen=True)
class Dataset:
    """How to index a data set, and what to expect."""

    index: Callable[..., list[Clip]]  # folder, options -> clips sorted by name
    published: Mapping[str, int]  # method ("a + b" for both together) -> clips; {} if not known
    layout: str  # one line: what the folder has to hold

    def __call__(self, folder: Path, **options: object) -> list[Clip]:
        """Index a folder."""
        return self.index(folder, **options)


DATASETS = {
    "faceforensics": Dataset(
        faceforensics.index_faceforensics,
        {"real": 1000, **dict.fromkeys(faceforensics.METHODS, 1000)},
        faceforensics.LAYOUT,
    ),
    "dfd": Dataset(
        faceforensics.index_dfd, {"real": 363, "DeepFakeDetection": 3068}, faceforensics.DFD_LAYOUT
    ),
    "celebdf_v1": Dataset(
        celebdf.index_celebdf_v1, {"real": 158 + 250, "Celeb-synthesis": 795}, celebdf.LAYOUT
    ),
    "celebdf_v2": Dataset(
        celebdf.index_celebdf_v2, {"real": 590 + 300, "Celeb-synthesis": 5639}, celebdf.LAYOUT
    ),
    "dfdc": Dataset(dfdc.index_dfdc, {"real": 19_154, "fake": 100_000}, dfdc.LAYOUT),
    "dfdc_preview": Dataset(
        dfdc_preview.index_dfdc_preview,
        {"real": 1131, "method_A + method_B": 4119},
        dfdc_preview.LAYOUT,
    ),
    "stronger_together": Dataset(  # Celeb-DF and DFDC, after her cleaning
        stronger_together.index_stronger_together,
        {"real": 587 + 74, "Celeb-synthesis": 5635, "fake": 294},
        stronger_together.LAYOUT,
    ),
    "aware_net": Dataset(aware_net.index_aware_net, {}, aware_net.LAYOUT),
    "folders": Dataset(folders.index_folders, {}, folders.LAYOUT),
    "table": Dataset(table.index_table, {}, table.LAYOUT),
    "photos": Dataset(photos.index_photos, {}, photos.LAYOUT),
}


def index_dataset(name: str, folder: Path, **options: object) -> list[Clip]:
    """Index a data set by its name.

    Args:
        name: Of DATASETS.
        folder: Where it is; `~` is the user's own.
        options: Of the index function, as `compressions` of faceforensics.

    Returns:
        Clips, sorted by name.

    Raises:
        SettingsError: No such data set or option, or the folder does not fit.
    """
    if name not in DATASETS:
        near = difflib.get_close_matches(name, DATASETS, n=1)
        hint = f" Did you mean {near[0]!r}?" if near else ""
        raise SettingsError(f"[data] no data set {name!r}; there are {', '.join(DATASETS)}.{hint}")
    index = DATASETS[name].index
    known = list(inspect.signature(index).parameters)[1:]
    if unknown := [option for option in options if option not in known]:
        there = f"there are {', '.join(known)}" if known else "there are none"
        raise SettingsError(f"[data] {name} has no option {unknown[0]!r}; {there}")
    return index(Path(folder).expanduser(), **options)
