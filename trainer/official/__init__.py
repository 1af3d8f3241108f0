"""Splits that the authors of data sets published, as they published them.

`ffpp_splits.json`: FaceForensics++, pairs of clips whose faces were swapped, three lists of them
(MIT, see LICENSE-faceforensics.txt). `celebdf_v2_test_list.txt`: the list of test clips that comes
with Celeb-DF v2. DFDC's parts go by the number of a folder.
"""

from __future__ import annotations

import functools
import json
import re
from pathlib import Path
from typing import NamedTuple

from awarenet.errors import SettingsError

_HERE = Path(__file__).resolve().parent
_PARTS = {"train": "train", "val": "validation", "test": "test"}  # as they call it -> as we do
_CELEBDF_FOLDERS = ("Celeb-real", "YouTube-real", "Celeb-synthesis")
_LAST_OF_PART = {34: "train", 39: "validation", 49: "test"}  # of DFDC's folders


class ListedClip(NamedTuple):
    """A clip of Celeb-DF's list, whatever levels a copy puts between folder and file."""

    folder: str  # Celeb-real, YouTube-real or Celeb-synthesis
    stem: str


@functools.cache
def ffpp_pairs() -> dict[str, tuple[tuple[str, str], ...]]:
    """Part -> pairs of clips of FaceForensics++: 360, 70 and 70."""
    lists = json.loads((_HERE / "ffpp_splits.json").read_text("utf-8"))
    return {part: tuple((one, other) for one, other in lists[k]) for k, part in _PARTS.items()}


@functools.cache
def ffpp_parts() -> dict[str, str]:
    """Stem of a clip of FaceForensics++ -> part: a pair a, b binds a, b, a_b and b_a."""
    return {
        stem: part
        for part, pairs in ffpp_pairs().items()
        for one, other in pairs
        for stem in (one, other, f"{one}_{other}", f"{other}_{one}")
    }


@functools.cache
def celebdf_v2_test() -> dict[ListedClip, int]:
    """Official test clips of Celeb-DF v2 -> label, 0 real and 1 fake: 178 and 340."""
    return read_celebdf_list(_HERE / "celebdf_v2_test_list.txt")


def read_celebdf_list(path: Path) -> dict[ListedClip, int]:
    """Read a `List_of_testing_videos.txt`, and turn its labels: in the file 1 is real.

    Returns:
        Clip -> label, 0 real and 1 fake, as everywhere else here.

    Raises:
        SettingsError: A line is not `<0 or 1> <folder>/<file>`.
    """
    folders = {re.sub(r"\W", "", name).lower(): name for name in _CELEBDF_FOLDERS}
    listed = {}
    for number, line in enumerate(path.read_text("utf-8-sig").splitlines(), 1):
        if not line.strip():
            continue
        label, _, file = line.strip().partition(" ")
        levels = [name for name in re.split(r"[/\\]", file.strip()) if name.lower() != "videos"]
        folder = folders.get(re.sub(r"[\W_]", "", levels[-2]).lower()) if levels[1:] else None
        if label not in ("0", "1") or folder is None:
            raise SettingsError(
                f"{path}, line {number}: {line.strip()[:60]!r} came; expected 1 (real) or 0 (fake) "
                "and a clip, as in '1 Celeb-real/id0_0001.mp4'"
            )
        listed[ListedClip(folder, levels[-1].rsplit(".", 1)[0])] = 1 - int(label)
    return listed


def dfdc_part(number: int) -> str:
    """Part of a training folder of DFDC by its number; "" for a number that it does not have.

    The division is that of Bonettini et al., https://github.com/polimi-ispl/icpr2020dfdc.
    """
    return next((part for last, part in _LAST_OF_PART.items() if 0 <= number <= last), "")
