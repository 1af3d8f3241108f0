"""Crops are kept whole or not at all, and both stores give back the same pixels."""

from __future__ import annotations

import hashlib
import io
import json
import os
import random
import tarfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from face_clips import describe
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from awarenet.errors import AwareNetError, SettingsError
from trainer.datasets import Clip
from trainer.extraction import crops
from trainer.extraction.crops import read_crop
from trainer.extraction.extract import Crop, Extracted, encode
from trainer.extraction.store import FolderStore, ShardStore, clear_scratch, scratch_of

AT = (0.0, 0.0, 1.0, 1.0)
NAMES = ["plain", "with.dots.mp4", "naïve name", "x" * 160, "plain-00001"]


def picture(seed: int) -> np.ndarray:
    """(16, 16, 3) uint8 RGB."""
    return np.random.default_rng(seed).integers(0, 256, (16, 16, 3)).astype(np.uint8)


def crop(frame: int, *, face: int = 0, seed: int | None = None, form: str = "png") -> Crop:
    data = encode(picture(frame if seed is None else seed), form)
    suffix = {"png": ".png", "jpeg": ".jpg"}[form]
    return Crop(frame, face, frame / 25, AT, (), None, f"{frame:064x}", 80.0, data, suffix)


def clip(name: str, label: int = 0) -> Clip:
    return replace(describe(Path("clip.mp4"), label=label), name=name)


def done(name: str, frames: int = 3, form: str = "png") -> Extracted:
    return Extracted(name, tuple(crop(n, seed=n + len(name) * 100, form=form)
                                 for n in range(frames)))  # fmt: skip


def fill(root: Path, store, results: list[Extracted], part: str = "train") -> list[Extracted]:
    """Put results where they belong, as a run does."""
    scratch = scratch_of(root, store, "journal")
    by_name = {result.clip: result for result in results}
    placed = []
    for batch in store.plan([clip(name) for name in by_name], dict.fromkeys(by_name, part)):
        those = [store.place(by_name[c.name], part, root, scratch) for c in batch.clips]
        placed += store.pack(batch, those, root, scratch) if store.ordered else those
    return sorted(placed, key=lambda result: result.clip)


def files(root: Path) -> set[str]:
    return {path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file()}


def test_a_folder_holds_a_file_a_crop_under_the_part_and_a_hash_of_the_clip(tmp_path):
    faces = Extracted("a.b", (crop(3), crop(3, face=1, seed=9), crop(123456, form="jpeg")))
    (placed,) = fill(tmp_path, FolderStore(), [faces], part="validation")
    folder = f"crops/validation/{hashlib.sha256(b'a.b').hexdigest()[:2]}"
    assert [one.path for one in placed.crops] == [
        f"{folder}/a.b-00003.png",
        f"{folder}/a.b-00003-1.png",
        f"{folder}/a.b-123456.jpg",
    ]
    assert files(tmp_path) == {one.path for one in placed.crops}
    assert [one.data for one in placed.crops] == [b""] * 3
    assert np.array_equal(read_crop(tmp_path, placed.crops[1].path), picture(9))


@pytest.mark.parametrize("form", ["png", "jpeg"])
def test_shards_give_the_same_pixels_as_a_folder(tmp_path, form):
    results = [done(name, form=form) for name in NAMES]
    folder = fill(tmp_path / "folder", FolderStore(), results)
    shards = fill(tmp_path / "shards", ShardStore(clips=2), results)
    assert files(tmp_path / "shards") == {f"shards/train-0000{n}.tar" for n in range(3)}
    seen = set()
    for one, other in zip(folder, shards, strict=True):
        assert one.clip == other.clip
        for here, there in zip(one.crops, other.crops, strict=True):
            assert replace(here, path="") == replace(there, path="")
            image = read_crop(tmp_path / "folder", here.path)
            assert np.array_equal(image, read_crop(tmp_path / "shards", there.path))
            seen.add(image.tobytes())
    assert len(seen) == 3 * len({len(name) for name in NAMES})


def test_webdataset_itself_reads_the_shards(tmp_path):
    import webdataset

    fill(tmp_path, ShardStore(clips=3), [done(name, form="jpeg") for name in NAMES])
    urls = sorted(str(path) for path in (tmp_path / "shards").glob("*.tar"))
    samples = list(webdataset.WebDataset(urls, shardshuffle=False).decode("rgb8"))
    assert len({sample["__key__"] for sample in samples}) == len(samples) == 3 * len(NAMES)
    for sample in samples:
        about = sample["json"]
        assert about["label"] == 0
        assert about["identities"] == ["drawn:clip"]
        expected = crop(about["frame"], seed=about["frame"] + len(about["clip"]) * 100, form="jpeg")
        assert np.array_equal(sample["jpg"], np.asarray(Image.open(io.BytesIO(expected.data))))
    assert {sample["json"]["clip"] for sample in samples} == set(NAMES)


def test_a_shard_is_the_same_to_the_byte_whenever_it_is_written(tmp_path):
    results = [done(name) for name in NAMES]
    fill(tmp_path / "one", ShardStore(clips=9), results)
    fill(tmp_path / "two", ShardStore(clips=9), results[::-1])
    name = "shards/train-00000.tar"
    assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()


@settings(deadline=None)
@given(
    names=st.sets(st.text("abc.-_", min_size=1, max_size=6), max_size=30),
    size=st.integers(1, 7),
    seed=st.integers(0, 99),
)
def test_every_clip_is_in_one_shard_of_its_part_whatever_the_order(names, size, seed):
    parts = {name: "train" if len(name) % 2 else "test" for name in names}
    listed = [clip(name) for name in sorted(names)]
    plan = ShardStore(clips=size).plan(listed, parts)
    random.Random(seed).shuffle(listed)
    assert ShardStore(clips=size).plan(listed, parts) == plan
    assert sorted(one.name for batch in plan for one in batch.clips) == sorted(names)
    for part in ("train", "test"):
        sizes = [len(batch.clips) for batch in plan if batch.name.startswith(part)]
        assert all(count == size for count in sizes[:-1])
        assert sum(sizes) == sum(parts[name] == part for name in names)
        assert {parts[c.name] for b in plan if b.name.startswith(part) for c in b.clips} <= {part}
    assert len({batch.name for batch in plan}) == len(plan)


def test_a_clip_that_fails_at_the_second_attempt_leaves_no_crop_and_spares_its_namesakes(tmp_path):
    store, scratch = FolderStore(), tmp_path / "crops" / ".run.part"
    folder = hashlib.sha256(b"clip").hexdigest()[:2]
    fill(tmp_path, store, [done("clip")])
    neighbors = ["clip-b-00001.png", "clip-00001-00001.png", "clip-00001-b.png"]
    for name in neighbors:
        (tmp_path / "crops" / "train" / folder / name).touch()
    failed = Extracted("clip", (), "no_face", "no face")
    assert store.place(failed, "train", tmp_path, scratch) == failed
    assert files(tmp_path) == {f"crops/train/{folder}/{name}" for name in neighbors}


@pytest.mark.parametrize("store", [FolderStore(), ShardStore(clips=2)], ids=["folder", "shards"])
def test_a_full_disk_says_so_in_one_line_and_leaves_nothing_half(tmp_path, store, monkeypatch):
    def fail(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(AwareNetError, match="cannot write under .*: No space left on device;"):
        fill(tmp_path, store, [done("a"), done("b")])
    assert all(".journal.part/" in name for name in files(tmp_path))
    clear_scratch(tmp_path, "other")
    assert files(tmp_path)
    clear_scratch(tmp_path)
    assert not files(tmp_path)


def test_what_is_missing_or_broken_is_named(tmp_path):
    (placed,) = fill(tmp_path, ShardStore(), [done("a")])
    path = placed.crops[0].path
    (tmp_path / "cut.png").write_bytes(crop(0).data[:60])
    (tmp_path / "shards" / "cut.tar").write_bytes(b"no tar")
    wrong = ["gone.png", "cut.png", f"{path}x", "shards/gone.tar#a", "shards/cut.tar#a"]
    for name in wrong:
        with pytest.raises(AwareNetError, match="is missing or broken; delete") as caught:
            read_crop(tmp_path, name)
        assert str(caught.value).startswith(name)


def test_few_files_stay_open_however_many_shards_are_read(tmp_path, monkeypatch):
    placed = fill(tmp_path, ShardStore(clips=1), [done(f"clip-{n:02d}", 1) for n in range(50)])
    paths = [one.crops[0].path for one in placed]
    crops._open_tar.cache_clear()
    before = len(os.listdir("/proc/self/fd"))
    for path in paths * 2:
        read_crop(tmp_path, path)
    assert len(os.listdir("/proc/self/fd")) - before <= crops.OPEN_TARS < 50
    crops._open_tar.cache_clear()
    assert len(os.listdir("/proc/self/fd")) <= before


def test_threads_read_from_more_shards_than_may_be_open(tmp_path, monkeypatch):
    placed = fill(tmp_path, ShardStore(clips=1), [done(f"{'n' * n}", 2) for n in range(1, 40)])
    expected = {one.path: picture(one.frame + len(result.clip) * 100)
                for result in placed for one in result.crops}  # fmt: skip
    order = random.Random(0).choices(sorted(expected), k=600)
    with ThreadPoolExecutor(8) as threads:
        images = threads.map(lambda path: read_crop(tmp_path, path), order)
        for path, image in zip(order, images, strict=True):
            assert np.array_equal(image, expected[path])


def test_what_a_shard_says_of_a_crop_is_plain_json(tmp_path):
    fill(tmp_path, ShardStore(), [done("a", 1)])
    with tarfile.open(tmp_path / "shards" / "train-00000.tar") as tar:
        names = tar.getnames()
        about = json.load(tar.extractfile("a-00000.json"))
        assert {(member.mtime, member.uname, member.uid) for member in tar} == {(0, "", 0)}
    assert names == ["a-00000.json", "a-00000.png"]
    assert about["clip"] == "a"
    assert about["box"] == list(AT)


def test_a_shard_of_no_clips_is_refused():
    with pytest.raises(SettingsError, match="0 clips a shard; expected 1 or more"):
        ShardStore(clips=0)
