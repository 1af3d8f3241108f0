"""FaceForensics++ and DeepFakeDetection, which share a download and a layout of folders.

Rössler et al., FaceForensics++, 2019, https://arxiv.org/abs/1901.08971; DeepFakeDetection by Google
and Jigsaw, 2019. Clips of paid actors belong to the latter, of YouTube to the former.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from awarenet.errors import SettingsError
from trainer.datasets.clip import Clip, safe_name
from trainer.datasets.listing import Folder, LeftOut, does_not_fit, finish, key, open_folder
from trainer.datasets.stems import recognize
from trainer.official import ffpp_parts

log = logging.getLogger(__name__)

FAMILIES = {"faceforensics": "ffpp", "dfd": "dfd"}  # as in trainer.datasets.stems
METHODS = ("Deepfakes", "Face2Face", "FaceSwap", "FaceShifter", "NeuralTextures")
COMPRESSIONS = {
    "raw": "raw",
    "c0": "raw",
    "c23": "c23",
    "c40": "c40",
}  # as asked for -> ours
LAYOUT = "original_sequences/youtube/c23/videos and manipulated_sequences/<method>/c23/videos"
DFD_LAYOUT = (
    "original_sequences/actors/c23/videos and manipulated_sequences/DeepFakeDetection/c23/videos"
)


def index_faceforensics(
    folder: Path, compressions: Sequence[str] = ("c23",), include_dfd: bool = False
) -> list[Clip]:
    """List FaceForensics++: 1000 real clips and five manipulations of each.

    Official parts come from the pairs that the authors published. A flat copy, its folders
    `original`, `Deepfakes` and so on right in `folder`, is read too.

    Args:
        folder: Holds `original_sequences` and `manipulated_sequences`.
        compressions: Of raw (also called c0), c23, c40.
        include_dfd: List DeepFakeDetection, the sixth manipulation, and its actors as well, where
            they are there; their clips are those of the data set dfd, and have no official part.

    Raises:
        SettingsError: The folder does not fit, or holds other compressions than those asked for.
    """
    root, left_out = open_folder("faceforensics", folder, LAYOUT), LeftOut("faceforensics")
    folders = {"real": _sequences(root, "original_sequences", "youtube", "original")}
    folders |= {name: _sequences(root, "manipulated_sequences", name) for name in METHODS}
    clips = _read(root, folders, compressions, ffpp_parts(), left_out)
    if not clips:
        raise does_not_fit("faceforensics", root, LAYOUT)
    if any(_dfd_folders(root).values()):
        if include_dfd:
            clips += index_dfd(folder, compressions)
        else:
            log.info("faceforensics: DeepFakeDetection is there too; include_dfd lists it as well")
    return finish(clips, left_out)


def index_dfd(folder: Path, compressions: Sequence[str] = ("c23",)) -> list[Clip]:
    """List DeepFakeDetection: 28 actors in 16 scenes, and swaps between them.

    There is no official split. Both actors of a fake are in `identities`.

    Args:
        folder: That of FaceForensics++, or one with `DFD_original sequences` and
            `DFD_manipulated_sequences`, as another copy calls them.
        compressions: Of raw (also called c0), c23, c40.

    Raises:
        SettingsError: The folder does not fit, or holds other compressions than those asked for.
    """
    root, left_out = open_folder("dfd", folder, DFD_LAYOUT), LeftOut("dfd")
    clips = _read(root, _dfd_folders(root), compressions, {}, left_out)
    if not clips:
        raise does_not_fit("dfd", root, DFD_LAYOUT)
    return finish(clips, left_out)


def _dfd_folders(root: Folder) -> dict[str, list[Folder]]:
    fakes = ("DeepFakeDetection", "DFD_manipulated_sequences")
    return {
        "real": _sequences(root, "original_sequences", "actors", "DFD_original_sequences"),
        "DeepFakeDetection": _sequences(root, "manipulated_sequences", *fakes),
    }


def _sequences(root: Folder, group: str, *names: str) -> list[Folder]:
    """Folders of one origin, in their group or right in the root."""
    return [found for base in (*root.children(group), root) for found in base.children(*names)]


def _read(
    root: Folder,
    folders: dict[str, list[Folder]],
    compressions: Sequence[str],
    parts: dict[str, str],
    left_out: LeftOut,
) -> list[Clip]:
    """Turn folders into clips.

    Args:
        root: Of the data set.
        folders: Method, or "real" -> folders of it.
        compressions: As asked for.
        parts: Stem -> official part.
        left_out: Of the data set; takes what is not called like its clips.
    """
    dataset = left_out.dataset
    wanted = _compressions(dataset, compressions)
    clips: list[Clip] = []
    seen: set[str] = set()
    for method, folder in ((m, folder) for m, found in folders.items() for folder in found):
        masks = {} if method == "real" else _masks(folder, left_out)
        for compression, stem, path in _files(folder, root, left_out):
            seen.add(compression)
            if compression and compression not in wanted:
                continue
            said = recognize(stem)
            if (
                said is None
                or said.family != FAMILIES[dataset]
                or said.label != int(method != "real")
            ):
                left_out.add("clips whose names say nothing", path.name)
                continue
            prefix = f"{dataset}-{compression}" if compression else dataset
            source = safe_name(f"{prefix}-{said.folder}-{said.source}")
            name = safe_name(f"{prefix}-{method}-{stem}") if said.label else source
            clips.append(
                Clip(
                    path, name, dataset, said.label, method, said.identities, source,
                    part=parts.get(stem, ""), mask=masks.get(stem), compression=compression,
                )
            )  # fmt: skip
    if seen and not clips and not seen & {*wanted, ""}:
        there = ", ".join(sorted(seen))
        raise SettingsError(
            f"[data] {dataset}: no {' or '.join(wanted)} clip in {root.path}, but {there}; "
            "ask for that in compressions"
        )
    return clips


def _compressions(dataset: str, compressions: Sequence[str]) -> list[str]:
    """Check what was asked for."""
    asked = [compressions] if isinstance(compressions, str) else list(compressions)
    if not asked or (unknown := [name for name in asked if name not in COMPRESSIONS]):
        raise SettingsError(
            f"[data] {dataset}: compressions {', '.join(unknown) if asked else 'are empty'}; "
            f"there are {', '.join(COMPRESSIONS)}"
        )
    return list(dict.fromkeys(COMPRESSIONS[name] for name in asked))


def _files(folder: Folder, root: Folder, left_out: LeftOut) -> Iterator[tuple[str, str, Path]]:
    """(compression, stem, path) of the clips below a folder like `youtube` or `Deepfakes`.

    Where there is no folder of a compression, the root's own name may say it.
    """
    by_compression = folder.children(*COMPRESSIONS)
    for child in by_compression:
        compression = COMPRESSIONS[key(child.path.name)]
        for stem, path in child.videos(left_out).items():
            yield compression, stem, path
    if not by_compression:
        said = re.search(r"(?:^|[\W_])(c0|raw|c23|c40)(?:[\W_]|$)", root.path.name.lower())
        for stem, path in folder.videos(left_out).items():
            yield COMPRESSIONS[said[1]] if said else "", stem, path


def _masks(folder: Folder, left_out: LeftOut) -> dict[str, Path]:
    """Stem -> clip of what was manipulated: one for all compressions."""
    found: dict[str, Path] = {}
    for masks in folder.children("masks"):
        for child in (masks, *masks.children(*COMPRESSIONS)):
            found = {**child.videos(left_out), **found}
    return found
