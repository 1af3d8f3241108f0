"""From photographs to scenes of one face each, and from those to fakes: the data of a demo run.

The order is what keeps the split honest: index, find faces, join photographs of one person, split
by person, and only then make fakes, both faces of a swap from the same part.
"""

from __future__ import annotations

import hashlib
import logging
import multiprocessing
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np

from awarenet.errors import AwareNetError
from awarenet.faces import create_face_finder, crop_face
from awarenet.settings import FaceSettings
from trainer.atomic import written_whole
from trainer.augment import SCENE_MARGIN
from trainer.datasets import Clip, index_photos
from trainer.forge import Scene, describe, make_fake
from trainer.landmarks import find_landmarks
from trainer.manifest import Row, read_manifest, write_manifest
from trainer.settings import DataSettings, PrepareSettings
from trainer.splits import leaks, split_by_identity, split_hash
from trainer.stamps import is_made

log = logging.getLogger(__name__)


def prepare(data: DataSettings, settings: PrepareSettings, faces: FaceSettings) -> Path:
    """Make the manifest of a run and every crop that it names; skips what is there already.

    Returns:
        Path of `manifest.parquet`.

    Raises:
        AwareNetError: No usable face, two photographs of one name, or a person in two parts.
    """
    run = Path(data.run)
    path = run / "manifest.parquet"
    run.mkdir(parents=True, exist_ok=True)
    made_of = {
        "data": data.model_dump(mode="json", include={"photos", "test_photos", "same_person"}),
        "prepare": settings.model_dump(mode="json", exclude={"workers"}),
        "faces": faces.model_dump(mode="json"),
    }
    if is_made(path, made_of, again=False):
        log.info("prepare: %s is there, skipped", path)
        return path
    clips = [c for folder in data.photos for c in index_photos(_folder(folder), data.same_person)]
    tests = [
        replace(clip, dataset=name)
        for name, folder in sorted(data.test_photos.items())
        for clip in index_photos(_folder(folder), data.same_person)
    ]
    if twice := [name for name, n in Counter(c.name for c in [*clips, *tests]).items() if n > 1]:
        raise AwareNetError(
            f"two photographs are called {twice[0]} (folder and file, without suffix); rename one"
        )
    jobs = [(clip, str(run), settings, faces) for clip in [*clips, *tests]]
    rows = [row for row in _parallel(_cut_scene, jobs, settings.workers, "faces") if row]
    rows = _drop_copies(rows)
    if not rows:
        raise AwareNetError("no face found in any photograph; check [data] photos and [faces]")
    known = {row.clip for row in rows}
    split = split_by_identity([c for c in clips if c.name in known], settings.split, settings.seed)
    split |= {clip.name: "test" for clip in tests}
    rows = [replace(row, split=split[row.clip]) for row in rows]
    fakes = [
        fake
        for batch in _parallel(_forge, _plan(rows, run, settings), settings.workers, "fakes")
        for fake in batch
    ]
    everything = [*rows, *fakes]
    if crossing := leaks((r.split, r.identities, r.source_clip, r.sha256) for r in everything):
        raise AwareNetError(f"the split leaks: {'; '.join(crossing[:5])}")
    write_manifest(everything, path)
    counts = {part: sum(r.split == part for r in rows) for part in ("train", "validation", "test")}
    log.info("prepare: %s people's photographs, %d fakes, split %s", counts, len(fakes),
             split_hash(split)[:12])  # fmt: skip
    return path


def read_scene(row: Row, root: Path) -> Scene:
    """Load a crop of the manifest with its landmarks.

    Raises:
        AwareNetError: The file is missing or cannot be decoded.
    """
    image = cv2.imread(str(root / row.path), cv2.IMREAD_COLOR_RGB)
    if image is None:
        raise AwareNetError(
            f"{row.path} is missing or broken; delete the manifest and prepare again"
        )
    return image, row.mesh


def manifest_hash(path: Path) -> str:
    """Hash of who is in which part, for the bundle's record of its training data."""
    return split_hash({row.clip: row.split for row in read_manifest(path)})


def _folder(path: str) -> Path:
    return Path(path).expanduser()


def _parallel(work, jobs: Sequence, workers: int, what: str) -> Iterator:
    """Map over processes with a line of progress now and then."""
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, mp_context=context, initializer=_one_thread) as pool:
        for done, result in enumerate(pool.map(work, jobs, chunksize=4), 1):
            if done % 200 == 0 or done == len(jobs):
                log.info("prepare: %s %d/%d", what, done, len(jobs))
            yield result


def _one_thread() -> None:
    """One thread a process: small matrices on many spinning threads cost six times the work."""
    from threadpoolctl import threadpool_limits

    threadpool_limits(1)
    cv2.setNumThreads(1)


_finders: dict[FaceSettings, object] = {}


def _cut_scene(job: tuple[Clip, str, PrepareSettings, FaceSettings]) -> Row | None:
    """Cut the largest face of a photograph out; None (and a log line) where there is none."""
    clip, run, settings, face_settings = job
    image = cv2.imread(str(clip.path), cv2.IMREAD_COLOR_RGB)
    if image is None:
        log.warning("%s cannot be decoded, left out", clip.path.name)
        return None
    finder = _finders.setdefault(face_settings, None) or create_face_finder(face_settings)
    _finders[face_settings] = finder
    found = finder.find(image)
    face = max(found, key=lambda face: face.side_px, default=None)
    if face is None or face.side_px < settings.min_face_px:
        log.warning("%s: no face of %d px, left out", clip.path.name, settings.min_face_px)
        return None
    scene = crop_face(image, face.box, margin=SCENE_MARGIN, side=settings.side)
    scale = settings.side / (face.side_px * (1 + 2 * SCENE_MARGIN))
    center = np.array([face.box[0] + face.box[2], face.box[1] + face.box[3]]) / 2

    def to_scene(points: np.ndarray) -> np.ndarray:
        return (points - center) * scale + settings.side / 2

    box = to_scene(np.array(face.box).reshape(2, 2)).ravel()
    return _write_row(
        scene,
        Path(run),
        f"real/{clip.name}.png",
        Row(
            "", clip.name, 0, 0.0, tuple(box.tolist()),
            tuple(to_scene(face.landmarks).ravel().tolist()),
            to_scene(find_landmarks(image, face)).astype(np.float32),
            0, "real", clip.dataset, clip.identities, clip.source_clip, "", "",
        ),
    )  # fmt: skip


def _write_row(image: np.ndarray, root: Path, name: str, row: Row) -> Row:
    """Store a crop without loss, whole or not at all, and complete its row."""
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    bgr = cv2.cvtColor(image, cv2.COLOR_RGB2BGR)
    data = cv2.imencode(".png", bgr, [cv2.IMWRITE_PNG_COMPRESSION, 1])[1].tobytes()
    with written_whole(path) as temporary:
        temporary.write_bytes(data)
    digest = hashlib.sha256(np.ascontiguousarray(image).tobytes()).hexdigest()
    return replace(row, path=name, sha256=digest)


def _drop_copies(rows: list[Row]) -> list[Row]:
    """Leave one of each set of identical crops (placeholders, the same portrait twice)."""
    first: dict[str, Row] = {}
    for row in rows:
        if first.setdefault(row.sha256, row) is not row:
            log.warning("%s is a copy of %s, left out", row.clip, first[row.sha256].clip)
    return list(first.values())


def _plan(rows: list[Row], run: Path, settings: PrepareSettings) -> list[tuple]:
    """One job a photograph: which kinds of fake, with which donor, the likest of several drawn."""
    groups: dict[tuple[str, str], list[Row]] = {}
    for row in rows:
        # people of a data set that is only tested on are swapped among themselves
        groups.setdefault((row.split, row.dataset if row.split == "test" else ""), []).append(row)
    jobs = []
    for (part, _), members in sorted(groups.items()):
        looks = np.stack([describe(read_scene(row, run)) for row in members])
        for index, row in enumerate(members):
            rng = np.random.default_rng([settings.seed, 1, int(row.sha256[:12], 16)])
            kinds = _kinds(settings, part, rng)
            people = set(row.identities)
            others = [i for i, m in enumerate(members) if not set(m.identities) & people] or [index]
            donors = []
            for _ in kinds:
                drawn = rng.choice(others, settings.donors)
                distance = np.abs(looks[drawn] - looks[index]).mean(1)
                donors.append(members[drawn[int(distance.argmin())]])
            jobs.append((row, donors, kinds, str(run), settings.seed))
    return jobs


def _kinds(settings: PrepareSettings, part: str, rng: np.random.Generator) -> list[str]:
    """Kinds of the fakes of one person; the held-out kind is made for the other parts only."""
    names = list(settings.kinds)
    if part != "train":  # the same number of each kind, so that none weighs more in a result
        return [*names, settings.held_out] * settings.fakes_per_test_photo
    shares = np.array([settings.kinds[name] for name in names])
    return list(rng.choice(names, settings.fakes_per_person, p=shares / shares.sum()))


def _forge(job: tuple[Row, list[Row], list[str], str, int]) -> list[Row]:
    """Make all fakes of one photograph."""
    row, donors, kinds, run, seed = job
    root, made = Path(run), []
    target = read_scene(row, root)
    for index, (kind, donor) in enumerate(zip(kinds, donors, strict=True)):
        rng = np.random.default_rng([seed, 2, int(row.sha256[:12], 16), index])
        alone = kind == "self_blended"
        fake = make_fake(kind, target, target if alone else read_scene(donor, root), rng)
        name = f"{row.clip}-{index:02d}"
        people = row.identities if alone else (*row.identities, *donor.identities)
        blank = replace(row, clip=name, label=1, method=kind, identities=people)
        made.append(_write_row(fake, root, f"fake/{kind}/{name}.png", blank))
    return made
