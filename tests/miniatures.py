"""The layout of every real data set in miniature: true folders, file names and metadata.

The data sets themselves are gated. Each function builds one below a folder and returns what a user
would point at. `write` makes each clip, mask or picture; by default they are empty, as an index may
not open them. What a miniature holds is said once, here, for all tests that walk it.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

from trainer.official import ffpp_pairs

Write = Callable[[Path], object]  # makes the file at a path; its folder is there

FFPP_METHODS = ("Deepfakes", "Face2Face", "FaceSwap", "FaceShifter", "NeuralTextures")
CELEBDF = {  # three groups of people who were swapped among themselves, and strangers
    "Celeb-real": [f"id{person}_{n:04d}" for person in (0, 1, 39, 40, 49, 50) for n in range(2)],
    "YouTube-real": ["00000", "00012", "00170"],
    "Celeb-synthesis": [
        f"{one}_{other}_{n:04d}"
        for one, other in (("id0", "id1"), ("id1", "id0"), ("id39", "id40"), ("id49", "id50"))
        for n in range(2)
    ],
}
CELEBDF_LISTED = (  # 1 is real, as in the true list
    "1 YouTube-real/00170.mp4\n1 Celeb-real/id49_0000.mp4\n0 Celeb-synthesis/id49_id50_0000.mp4\n"
)
SCENES = ("exit_phone_room", "kitchen_pan")


def touch(path: Path) -> None:
    """Write an empty file."""
    path.touch()


def fill(folder: Path, names: Iterable[str], write: Write = touch) -> Path:
    """Make files, and the folders they are in."""
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        write(path)
    return folder


def faceforensics(
    folder: Path,
    write: Write = touch,
    *,
    pairs: int = 2,
    methods: Sequence[str] = FFPP_METHODS,
    compressions: Sequence[str] = ("c23",),
    masks: bool = True,
    suffix: str = ".mp4",
) -> Path:
    """FaceForensics++: so many official pairs of each part, both clips and both swaps of each."""
    root = folder / "FaceForensics++"
    chosen = [pair for listed in ffpp_pairs().values() for pair in listed[:pairs]]
    swaps = [f"{a}_{b}" for one, other in chosen for a, b in ((one, other), (other, one))]
    for compression in compressions:
        home = root / "original_sequences" / "youtube" / compression / "videos"
        fill(home, (f"{name}{suffix}" for pair in chosen for name in pair), write)
        for method in methods:
            home = root / "manipulated_sequences" / method / compression / "videos"
            fill(home, (f"{name}{suffix}" for name in swaps), write)
    for method in methods if masks else ():
        home = root / "manipulated_sequences" / method / "masks" / "videos"
        fill(home, (f"{name}.mp4" for name in swaps), write)
    return root


def dfd(
    folder: Path, write: Write = touch, *, compression: str = "c23", actors: Sequence[int] = ()
) -> Path:
    """DeepFakeDetection: actors in two scenes, each swapped with the next; 1, 2, 3 by default."""
    root = folder / "FaceForensics++"
    people = [f"{number:02d}" for number in actors or (1, 2, 3)]
    home = root / "original_sequences" / "actors" / compression / "videos"
    fill(home, (f"{person}__{scene}.mp4" for person in people for scene in SCENES), write)
    swaps = [
        f"{one}_{other}__{scene}__YVGY8LOK.mp4"
        for one, other in zip(people, people[1:], strict=False)
        for scene in SCENES
    ]
    method = root / "manipulated_sequences" / "DeepFakeDetection"
    fill(method / compression / "videos", swaps, write)
    fill(method / "masks" / "videos", swaps, write)
    return root


def celebdf(
    folder: Path, write: Write = touch, *, listed: str | None = None, version: int = 2
) -> Path:
    """Celeb-DF; `listed` is its list of test clips, left out where None."""
    root = folder / f"Celeb-DF-v{version}"
    for origin, stems in CELEBDF.items():
        fill(root / origin, (f"{stem}.mp4" for stem in stems), write)
    if listed is not None:
        (root / "List_of_testing_videos.txt").write_text(listed, "utf-8")
    return root


def dfdc_stem(number: int) -> str:
    """Ten letters, as DFDC calls its clips; another ten for another number."""
    letters = []
    for _ in range(10):
        number, letter = divmod(number * 7 + 3, 26)
        letters.append(chr(ord("a") + letter))
        number += letter
    return "".join(letters)


def dfdc(
    folder: Path,
    write: Write = touch,
    *,
    parts: Sequence[int] = (0, 34, 35, 39, 40, 49),
    originals: int = 2,
    fakes: int = 2,
) -> Path:
    """DFDC's training folders: so many originals in each, and so many fakes of each original."""
    root = folder / "dfdc"
    for part in parts:
        write_dfdc_part(root / f"dfdc_train_part_{part}", part * 1000, write, originals, fakes)
    return root


def write_dfdc_part(
    home: Path, first: int, write: Write = touch, originals: int = 2, fakes: int = 2
) -> None:
    """One training folder with its metadata.json."""
    metadata: dict[str, dict[str, object]] = {}
    for original in range(originals):
        number = first + original * (fakes + 1)
        name = f"{dfdc_stem(number)}.mp4"
        for fake in range(1, fakes + 1):
            said = {"label": "FAKE", "split": "train", "original": name}
            metadata[f"{dfdc_stem(number + fake)}.mp4"] = said
        metadata[name] = {"label": "REAL", "split": "train", "original": None}
    fill(home, metadata, write)
    (home / "metadata.json").write_text(json.dumps(metadata), "utf-8")


def dfdc_test(folder: Path, write: Write = touch, *, clips: int = 4) -> Path:
    """DFDC's labeled test clips: test/videos and test/labels.csv, 1 for fake."""
    home = folder / "dfdc" / "test"
    names = [f"{dfdc_stem(10**6 + number)}.mp4" for number in range(clips)]
    fill(home / "videos", names, write)
    write_csv(home / "labels.csv", ("filename", "label"), ((n, i % 2) for i, n in enumerate(names)))
    return folder / "dfdc"


def dfdc_preview(folder: Path, write: Write = touch, *, videos: bool = False) -> Path:
    """DFDC's preview: three actors, both methods; `videos` adds that level, as some copies do."""
    root = folder / "dfdc_preview_set"
    actors = ("1260311", "643049", "1795659")
    entries: dict[str, dict[str, object]] = {}
    for index, actor in enumerate(actors):
        donor = actors[(index + 1) % 2] if index < 2 else "2059066"
        part = "test" if index == 2 else "train"
        entries[f"original_videos/{actor}/{actor}_A_001.mp4"] = {
            "label": "real", "set": part, "augmentations": [], "target_id": actor,
            "swapped_id": None,
        }  # fmt: skip
        for method in ("method_A", "method_B"):
            entries[f"{method}/{actor}/{actor}_A/{donor}_{actor}_A_001.mp4"] = {
                "label": "fake", "set": part, "augmentations": [], "target_id": actor,
                "swapped_id": donor,
            }  # fmt: skip
    fill(root / "videos" if videos else root, entries, write)
    (root / "dataset.json").write_text(json.dumps(entries), "utf-8")
    return root


STRONGER_TOGETHER = (  # as in the repository's own table: a prefix for fakes of DFDC, a typo
    ("id31_0007.mp4", 0, "celeb-df"),
    ("id1_0003.mp4", 0, "celeb-df"),
    ("id31_id1_0007.mp4", 1, "celeb-dfx"),
    ("id51_0004.mp4", 0, "celeb-df"),
    ("01__exit_phone_room.mp4", 0, "deepfakedetection"),
    ("01_02__exit_phone_room__YVGY8LOK.mp4", 1, "deepfakedetection"),
    ("eudeqjhdfd.mp4", 0, "deepfake-detection-challenge"),
    ("fakedulanfulol.mp4", 1, "deepfake-detection-challenge"),
)


def stronger_together(folder: Path, write: Write = touch) -> Path:
    """Clips of three data sets in data/videos, with videos.csv among them."""
    home = folder / "data" / "videos"
    fill(home, (name for name, _, _ in STRONGER_TOGETHER), write)
    write_csv(home / "videos.csv", ("video_id", "fake", "original_dataset"), STRONGER_TOGETHER)
    return folder / "data"


def stronger_together_faces(folder: Path, write: Write = touch, *, frames: int = 3) -> Path:
    """Faces cut out of those clips in data/images, a second face in the last frame of each."""
    home = stronger_together(folder)
    for name, _, _ in STRONGER_TOGETHER:
        (home / "videos" / name).unlink()
        pictures = [f"{name}_frame{number}.jpg" for number in range(1, frames + 1)]
        fill(home / "images", [*pictures, f"{name}_frame{frames}_face2.jpg"], write)
    return home


AWARE_NET = {  # folder below faces/ -> clips
    "ff++/real/youtube": ("071", "054"),
    "ff++/real/actors": ("01__exit_phone_room",),
    "ff++/manipulated/Deepfakes": ("071_054", "054_071"),
    "ff++/manipulated/DeepFakeDetection": ("01_02__exit_phone_room__YVGY8LOK",),
    "celebdf/celeb-real": ("id49_0000", "id50_0000"),
    "celebdf/youtube-real": ("00170",),
    "celebdf/celeb-synthesis": ("id49_id50_0000",),
}


def aware_net(
    folder: Path,
    write: Write = touch,
    *,
    faces: int = 3,
    layout: Mapping[str, Sequence[str]] = AWARE_NET,
) -> Path:
    """Faces as AWARE-NET's preprocessing leaves them: flat folders of pictures."""
    for where, stems in layout.items():
        names = (f"{stem}_{number:04d}_face.png" for stem in stems for number in range(faces))
        fill(folder / "faces" / where, names, write)
    return folder / "faces"


def folders(folder: Path, write: Write = touch, *, suffix: str = ".mp4") -> Path:
    """real/ and fake/, some clips in a folder of their person."""
    names = ("real/ann/1", "real/ann/2", "real/ben/1", "real/stray", "fake/ann/1", "fake/odd")
    return fill(folder / "own", (f"{name}{suffix}" for name in names), write)


TABLE = (
    ("clips/a.mp4", "REAL", "ann", "", "", "train"),
    ("clips/b.mp4", "0", "ben", "", "", "val"),
    ("clips/ab.mp4", "fake", "ann; ben", "clips/a.mp4", "swap", "train"),
    ("clips/c.mp4", "1", "", "clips/gone.mp4", "", ""),
)


def table(folder: Path, write: Write = touch) -> Path:
    """Clips and a CSV file that says what they are."""
    fill(folder, (row[0] for row in TABLE), write)
    header = ("path", "label", "identity", "source", "method", "part")
    return write_csv(folder / "clips.csv", header, TABLE)


def write_csv(path: Path, header: Sequence[str], rows: Iterable[Sequence[object]]) -> Path:
    """Write a table."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([header, *rows])
    return path
