"""From what lies on disk to the manifest that everything else reads.

The order is what keeps the split honest: index, deal people out, cut faces, and only then make
fakes, both faces of a swap from the same part. All of it goes on where it was interrupted.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from awarenet.errors import AwareNetError
from trainer.augmentation.camera import SCENE_MARGIN
from trainer.extraction.extract import ExtractSettings
from trainer.extraction.journal import describe_failures, failures
from trainer.extraction.spread import clips_hash, run
from trainer.extraction.store import FolderStore, ShardStore
from trainer.json_files import write_json
from trainer.manifest import Row, iterate_manifest, read_manifest, read_notes, write_manifest
from trainer.portraits.fakes import make_fakes
from trainer.settings import TrainerSettings
from trainer.sources import index_portraits, index_sets, refuse_namesakes
from trainer.splits import Split, frame_part
from trainer.splits.leaks import BY_DESIGN, check_leaks
from trainer.splits.near_copies import hash_crops
from trainer.splits.split_file import read_split, stored_split
from trainer.stamps import content_hash, is_made

log = logging.getLogger(__name__)

SPLIT_FILE = "split.json"
FACES_FILE = "faces.parquet"  # what was cut out, before fakes are made of it


def prepare(
    settings: TrainerSettings, *, shard: tuple[int, int] | None = None, force: bool = False
) -> Path | None:
    """Make the manifest of a run and every crop that it names; skips what is there already.

    Args:
        settings: [data], [split], [prepare], [forge], [faces] and [limits] are read.
        shard: (i, n): cut the i-th of n shares of the clips only, and write no manifest; a run
            without it afterwards takes all shares together.
        force: Make the split anew, even if its file fits.

    Returns:
        Path of `manifest.parquet`; None after a share.

    Raises:
        AwareNetError: Nothing to prepare, no usable face, two clips of one name, a person in two
            parts, or a run of other settings in the same folder.
    """
    root = Path(settings.data.run)
    own, tested = index_portraits(settings.data)
    sets = index_sets(settings.data)
    everything = [*own, *tested, *sets]
    refuse_namesakes(everything)
    if not [*own, *sets]:
        raise AwareNetError("nothing to prepare: set [data] sets or photos, or add --data")
    if own and settings.prepare.margin != SCENE_MARGIN:
        raise AwareNetError(
            f"[prepare] margin = {settings.prepare.margin}; portraits are prepared with "
            f"{SCENE_MARGIN}, which `trainer.portraits.clips` counts on"
        )
    if settings.split.protocol == "frame" and own:
        raise AwareNetError("[split] protocol frame deals frames out; fakes are made of people")
    root.mkdir(parents=True, exist_ok=True)
    manifest = root / "manifest.parquet"
    made_of = {
        "split": settings.split.model_dump(mode="json"),
        "clips": clips_hash(everything),
        "prepare": _made_with(settings),
        "forge": settings.forge.model_dump(mode="json") if own else None,
        "faces": settings.faces.model_dump(mode="json"),
    }
    if is_made(manifest, made_of, again=False):
        log.info("prepare: %s is there, skipped", manifest)
        return manifest
    split = stored_split(root / SPLIT_FILE, [*own, *sets], force, **settings.split.model_dump())
    parts = split.parts | {clip.name: "test" for clip in tested}
    summary = run(
        everything, parts, root, _extract_settings(settings, mesh=bool(own)),
        store=_store(settings), engine=settings.prepare.engine, workers=settings.prepare.workers,
        shard=shard, part_of_frame=_frame_dealer(split),
        notes={"protocol": split.protocol, "split_warnings": "\n".join(split.warnings)},
        manifest=FACES_FILE if own else manifest.name,
    )  # fmt: skip
    if found := failures(root):
        log.warning("prepare: clips without a face:\n%s", describe_failures(found))
    if shard is not None:
        return None
    if not summary.rows:
        raise AwareNetError("no face found in anything; check [data], [faces] and [prepare]")
    if own:
        _add_fakes(settings, {clip.name for clip in [*own, *tested]}, manifest)
    counts = _count(manifest)
    log.info("prepare: %s", ", ".join(f"{part}: {n}" for part, n in counts.items()))
    return manifest


def check(settings: TrainerSettings) -> str:
    """Refuse a manifest in which people, clips or pictures are in two parts; skips if it was done.

    Returns:
        What crosses by the design of the split that was asked for, in words.

    Raises:
        AwareNetError: Something crosses that may not; or there is no manifest.
    """
    root = Path(settings.data.run)
    manifest, done = root / "manifest.parquet", root / "check.json"
    if is_made(done, {"manifest": content_hash(manifest, "prepare")}, again=True):
        log.info("check: %s is there, skipped", done)
        return ""
    rows = read_manifest(manifest)
    protocol = read_notes(manifest).get("protocol", "identity")
    hashes = hash_crops(rows, root, cache=root / "hashes.npz", workers=settings.prepare.workers)
    told = check_leaks(rows, hashes, allow=BY_DESIGN[protocol])
    level = logging.WARNING if BY_DESIGN[protocol] else logging.INFO
    log.log(level, "check: %s", told)
    write_json(done, {"protocol": protocol, "told": told, "crops": len(rows)})
    return told


def manifest_hash(path: Path) -> str:
    """Hash of who is in which part, for the bundle's record of its training data.

    Raises:
        AwareNetError: There is no split beside the manifest.
    """
    return read_split(path.parent / SPLIT_FILE).sha256


def _made_with(settings: TrainerSettings) -> dict[str, object]:
    """What of [prepare] changes the crops."""
    made_with = settings.prepare.model_dump(mode="json", exclude={"workers", "engine"})
    if not settings.prepare.every_s:
        del made_with["every_s"]  # runs from before it could be set go on
    return made_with


def _extract_settings(settings: TrainerSettings, *, mesh: bool) -> ExtractSettings:
    own = settings.prepare
    return ExtractSettings(
        side=own.side, margin=own.margin, min_face_px=own.min_face_px,
        frames_real=own.frames_real, frames_fake=own.frames_fake, every_s=own.every_s,
        faces=own.faces, mesh=mesh or own.mesh, format=own.format, detector=settings.faces,
        limits=settings.limits,
    )  # fmt: skip


def _store(settings: TrainerSettings) -> FolderStore | ShardStore:
    if settings.prepare.store == "shards":
        return ShardStore(settings.prepare.clips_per_shard)
    return FolderStore()


def _frame_dealer(split: Split):
    if split.protocol != "frame":
        return None
    return partial(frame_part, shares=split.shares, seed=split.seed)


def _add_fakes(settings: TrainerSettings, portraits: set[str], manifest: Path) -> None:
    """Write the manifest of all that was cut out, and of fakes made of the portraits."""
    faces = manifest.with_name(FACES_FILE)
    rows = read_manifest(faces)
    kept = _drop_copies([row for row in rows if row.clip in portraits])
    fakes = make_fakes(kept, manifest.parent, settings.forge, workers=settings.prepare.workers)
    others = [row for row in rows if row.clip not in portraits]
    write_manifest([*others, *kept, *fakes], manifest, read_notes(faces))


def _drop_copies(rows: Sequence[Row]) -> list[Row]:
    """Leave one of each set of identical crops (placeholders, the same portrait twice)."""
    first: dict[str, Row] = {}
    for row in rows:
        if first.setdefault(row.sha256, row) is not row:
            log.warning("%s is a copy of %s, left out", row.clip, first[row.sha256].clip)
    return list(first.values())


def _count(manifest: Path) -> dict[str, str]:
    """Part -> its crops, in words."""
    counts: dict[str, list[int]] = {}
    for row in iterate_manifest(manifest):
        counts.setdefault(row.split, [0, 0])[row.label] += 1
    return {part: f"{real} real, {fake} fake" for part, (real, fake) in sorted(counts.items())}
