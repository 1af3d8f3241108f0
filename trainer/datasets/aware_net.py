"""Faces that AWARE-NET's own preprocessing cut out, with the clips recovered from their names.

https://github.com/recluzegeek/AWARE-NET writes `<clip>_<number>_face.png` and splits these pictures
at random, so that frames of one clip train and test its networks; here they are one clip again.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

from trainer.datasets.clip import PHOTO_SUFFIXES, Clip, safe_name
from trainer.datasets.listing import Folder, LeftOut, does_not_fit, finish, key, open_folder
from trainer.datasets.stems import Stem, recognize
from trainer.datasets.stronger_together import has_faces, index_stronger_together_faces
from trainer.official import ListedClip, celebdf_v2_test, ffpp_parts

LAYOUT = (
    "faces/ff++/real/…, faces/ff++/manipulated/<method> (or fake/<method>) and "
    "faces/celebdf/{celeb-real,youtube-real,celeb-synthesis} (or {real,fake}), with pictures "
    "called <clip>_0000_face.png"
)
DEPTH = 5  # faces / ff++ / manipulated / Deepfakes, below whatever was given

_METHODS = {
    key(name): name
    for name in (
        "Deepfakes", "Face2Face", "FaceSwap", "FaceShifter", "NeuralTextures", "DeepFakeDetection"
    )
} | {"celebsynthesis": "Celeb-synthesis"}  # fmt: skip
_REAL = {"real", "youtube", "actors", "celebreal", "youtubereal"}
_FAKE = {"fake", "manipulated", *_METHODS}
_PICTURE = re.compile(r"(.+)_(\d{4,})_face")


def index_aware_net(folder: Path) -> list[Clip]:
    """List such faces, one clip for all pictures of a video, in order of time.

    Official parts are those of FaceForensics++ and of Celeb-DF v2. The layout of 'Stronger
    Together?', `images/<clip>.mp4_frame<n>.jpg` with its table, is read too.

    Raises:
        SettingsError: The folder does not fit.
    """
    root, left_out = open_folder("aware_net", folder, LAYOUT), LeftOut("aware_net")
    if has_faces(root):
        return index_stronger_together_faces(folder)
    clips = []
    for place in root.walk(DEPTH):
        label = _label(root, place)
        for stem, pictures in _pictures(place, left_out).items():
            said = recognize(stem)
            if label is None or (said and said.label != label):
                left_out.add("clips that their folder and name do not agree on", stem)
                continue
            clips.append(_clip(root, place, stem, said, label, pictures))
    if not clips:
        raise does_not_fit("aware_net", root, LAYOUT)
    return finish(clips, left_out)


def _levels(root: Folder, place: Folder) -> list[str]:
    """Folders from the place up to the root, reduced to what counts of their names."""
    parts = (root.path.name, *place.path.relative_to(root.path).parts)
    return [key(name) for name in reversed(parts)]


def _label(root: Folder, place: Folder) -> int | None:
    """What the innermost folder that says real or fake says; None where none does."""
    said = (int(name in _FAKE) for name in _levels(root, place) if name in _REAL | _FAKE)
    return next(said, None)


def _pictures(place: Folder, left_out: LeftOut) -> dict[str, tuple[Path, ...]]:
    """Stem of a clip -> its pictures in this folder, in order of time."""
    found: dict[str, list[tuple[int, str]]] = {}
    for name in place.files:
        stem, suffix = os.path.splitext(name)
        if suffix.lower() not in PHOTO_SUFFIXES:
            continue
        if match := _PICTURE.fullmatch(stem):
            found.setdefault(match[1], []).append((int(match[2]), name))
        else:
            left_out.add("pictures not called <clip>_0000_face", name)
    return {
        stem: tuple(place.path / name for _, name in sorted(names)) for stem, names in found.items()
    }


def _clip(
    root: Folder, place: Folder, stem: str, said: Stem | None, label: int,
    pictures: tuple[Path, ...],
) -> Clip:  # fmt: skip
    method = "real"
    if label:
        named = (_METHODS[name] for name in _levels(root, place) if name in _METHODS)
        method = next(named, "Celeb-synthesis" if said and said.family == "celebdf" else "fake")
    if said:
        prefix = f"aware_net-{said.family}"
        source = safe_name(f"{prefix}-{said.folder}-{said.source}")
        name = safe_name(f"{prefix}-{method}-{stem}") if label else source
        part, people = _part(said, stem), said.identities
    else:
        within = "-".join(place.path.relative_to(root.path).parts)
        name = source = safe_name(f"aware_net-{within}-{stem}")
        part, people = "", (f"aware_net:{within}:{stem}",)
    return Clip(
        place.path, name, "aware_net", label, method, people, source, part, pictures=pictures
    )


def _part(said: Stem, stem: str) -> str:
    if said.family == "ffpp":
        return ffpp_parts().get(stem, "")
    if said.family == "celebdf":
        folder = "Celeb-synthesis" if said.label else said.folder
        return "test" if ListedClip(folder, stem) in celebdf_v2_test() else "train"
    return ""
