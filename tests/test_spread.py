"""However the work is dealt out, the same crops and the same manifest come of it."""

from __future__ import annotations

import dataclasses
import json
import logging
from pathlib import Path

import numpy as np
import pytest
from face_clips import PARTS, SMALL, describe, film, person, write_set
from tiny_jobs import Lethal

from awarenet.errors import AwareNetError, SettingsError
from trainer.datasets import Clip
from trainer.extraction import store as stores
from trainer.extraction.crops import read_crop
from trainer.extraction.extract import Extracted
from trainer.extraction.journal import claim, failures
from trainer.extraction.spread import Summary, run
from trainer.extraction.store import FolderStore, ShardStore
from trainer.manifest import iterate_manifest, read_manifest, read_notes

CLIPS = 12  # of which nine are good: three fakes of two frames each, six real ones of three


@pytest.fixture(scope="module")
def data(tmp_path_factory) -> tuple[list[Clip], dict[str, str]]:
    return write_set(tmp_path_factory.mktemp("clips"), CLIPS)


@pytest.fixture(scope="module")
def plain(data, tmp_path_factory) -> Path:
    """Root of an undisturbed run in this process."""
    root = tmp_path_factory.mktemp("plain")
    summary = run(*data, root, SMALL, workers=0)
    failed = {"unreadable": 2, "no_face": 1}
    assert summary == Summary(CLIPS, CLIPS, 24, failed, root / "manifest.parquet", 24)
    return root


def manifest(root: Path) -> bytes:
    return (root / "manifest.parquet").read_bytes()


def kept(root: Path) -> set[str]:
    """Everything in a folder but journals."""
    paths = (path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file())
    return {path for path in paths if not path.startswith("journal")}


def test_a_row_says_what_the_index_and_the_crop_say(data, plain):
    clips, parts = data
    rows = read_manifest(plain / "manifest.parquet")
    by_name = {clip.name: clip for clip in clips}
    assert [row.clip for row in rows] == sorted(row.clip for row in rows)
    for row in rows:
        clip = by_name[row.clip]
        assert (row.label, row.method, row.dataset) == (clip.label, clip.method, clip.dataset)
        assert (row.identities, row.source_clip) == (clip.identities, clip.source_clip)
        assert row.split == parts[row.clip]
        assert row.path.startswith(f"crops/{row.split}/")
        assert row.mesh is None
        assert read_crop(plain, row.path).shape == (SMALL.side, SMALL.side, 3)
    assert kept(plain) == {"manifest.parquet", *(row.path for row in rows)}


def test_processes_give_what_one_alone_gives_and_a_crash_costs_one_clip(data, plain, tmp_path):
    clips, parts = data
    run(clips, parts, tmp_path / "two", SMALL, workers=2)
    assert manifest(tmp_path / "two") == manifest(plain)
    assert kept(tmp_path / "two") == kept(plain)

    lethal = dataclasses.replace(clips[1], path=Lethal())
    others = [lethal if clip is clips[1] else clip for clip in clips]
    summary = run(others, parts, tmp_path / "killed", SMALL, workers=1)
    assert summary.failures == {"unreadable": 2, "no_face": 1, "killed": 1}
    (killed,) = [one for one in failures(tmp_path / "killed") if one.reason == "killed"]
    assert killed.clip == clips[1].name
    assert "its process died, 2 times (SIGKILL" in killed.detail
    expected = [row for row in read_manifest(plain / "manifest.parquet") if row.clip != killed.clip]
    assert read_manifest(tmp_path / "killed" / "manifest.parquet") == expected


@pytest.mark.parametrize("store", [FolderStore(), ShardStore(clips=2)], ids=["folder", "shards"])
def test_three_shares_and_a_last_run_give_what_one_run_gives(data, plain, tmp_path, store):
    whole = plain
    if isinstance(store, ShardStore):
        whole = tmp_path / "whole"
        run(*data, whole, SMALL, store=store, workers=0)
    done = []
    for number in (3, 1, 2):
        root = tmp_path / "shares"
        summary = run(*data, root, SMALL, store=store, workers=0, shard=(number, 3))
        assert summary.manifest is None
        assert not (root / "manifest.parquet").exists()
        assert (root / f"journal-{number}-of-3.jsonl").exists()
        done.append(summary.clips)
    assert sum(done) == CLIPS
    assert run(*data, root, SMALL, store=store, workers=0).done == 0
    assert manifest(root) == manifest(whole)
    assert kept(root) == kept(whole)


def test_a_last_run_does_what_a_share_that_never_ran_left(data, plain, tmp_path):
    run(*data, tmp_path, SMALL, workers=0, shard=(1, 2))
    summary = run(*data, tmp_path, SMALL, workers=0)
    assert summary.done == CLIPS // 2
    assert manifest(tmp_path) == manifest(plain)


def test_tar_shards_hold_the_same_pixels_and_rows_as_folders(data, plain, tmp_path):
    run(*data, tmp_path, SMALL, store=ShardStore(clips=2), workers=0)
    here = read_manifest(plain / "manifest.parquet")
    there = read_manifest(tmp_path / "manifest.parquet")
    assert [dataclasses.replace(row, path="") for row in here] == [
        dataclasses.replace(row, path="") for row in there
    ]
    for one, other in zip(here, there, strict=True):
        assert np.array_equal(read_crop(plain, one.path), read_crop(tmp_path, other.path))
        assert other.path.startswith(f"shards/{other.split}-0000")
    assert all(path.endswith((".tar", ".parquet")) for path in kept(tmp_path))


def test_a_second_run_does_nothing_and_leaves_the_same_manifest(data, plain):
    before = manifest(plain)
    (plain / "manifest.parquet").unlink()
    summary = run(*data, plain, SMALL, workers=0)
    assert (summary.clips, summary.done, summary.rows) == (CLIPS, 0, 24)
    assert manifest(plain) == before


def test_what_a_killed_run_left_half_written_is_gone_after_the_next(data, plain, tmp_path):
    for folder in ("crops/.journal.part", "crops/.journal-2-of-9.part", "shards/.journal.part"):
        (tmp_path / folder).mkdir(parents=True)
        (tmp_path / folder / "1234-a-00000.jpg.part").write_bytes(b"half")
    run(*data, tmp_path, SMALL, workers=0)
    assert kept(tmp_path) == kept(plain)


def test_crops_of_other_settings_are_not_added_to(data, plain):
    clips, parts = data
    before = (plain / "journal.jsonl").read_bytes()
    other = dict.fromkeys(parts, "train")
    relabeled = [dataclasses.replace(clips[0], label=1), *clips[1:]]
    for arguments, words in (
        ((clips, parts, plain, dataclasses.replace(SMALL, side=80)), "settings.side = 64, now it"),
        ((clips, other, plain, SMALL), "split = "),
        ((relabeled, parts, plain, SMALL), "clips = "),
    ):
        with pytest.raises(AwareNetError, match=f"was made with {words}"):
            run(*arguments, workers=0)
    with pytest.raises(AwareNetError, match="store.kind = "):
        run(clips, parts, plain, SMALL, workers=0, store=ShardStore())
    assert (plain / "journal.jsonl").read_bytes() == before


def test_where_clips_lie_on_this_machine_does_not_matter(data, plain, tmp_path):
    clips, parts = data
    moved = [dataclasses.replace(clip, path=tmp_path / clip.path.name) for clip in clips]
    assert run(moved, parts, plain, SMALL, workers=0).done == 0


def test_failures_are_listed_and_tried_again_on_request(tmp_path):
    path = film(tmp_path / "good.mp4", person(0), 3)
    late = tmp_path / "late.mp4"
    clips = [describe(path), describe(late)]
    parts = {clip.name: "train" for clip in clips}
    for store in (FolderStore(), ShardStore(clips=2)):
        late.unlink(missing_ok=True)
        root = tmp_path / store.made_of()["kind"]
        assert run(clips, parts, root, SMALL, store=store, workers=0).failures == {"unreadable": 1}
        assert [one.clip for one in failures(root)] == ["drawn-late"]
        late.symlink_to(path)  # somebody fetched it
        assert run(clips, parts, root, SMALL, store=store, workers=0).done == 0
        summary = run(clips, parts, root, SMALL, store=store, workers=0, retry=True)
        assert (summary.failures, summary.rows) == ({}, 6)
        assert failures(root) == []
        for row in read_manifest(root / "manifest.parquet"):
            read_crop(root, row.path)


def test_a_full_disk_ends_the_run_and_the_next_one_goes_on(data, plain, tmp_path, monkeypatch):
    place, count = FolderStore.place, iter(range(100))

    def fill_up(*arguments):
        if next(count) == 5:
            raise AwareNetError("cannot write: no space left")
        return place(*arguments)

    with monkeypatch.context() as patch:
        patch.setattr(stores.FolderStore, "place", fill_up)
        with pytest.raises(AwareNetError, match="no space left"):
            run(*data, tmp_path, SMALL, workers=0)
    assert run(*data, tmp_path, SMALL, workers=0).done == CLIPS - 5
    assert manifest(tmp_path) == manifest(plain)


def test_clips_that_the_split_left_out_are_left_out(data, tmp_path):
    clips, parts = data
    some = {name: part for name, part in parts.items() if part != "test"}
    assert run(clips, some, tmp_path, SMALL, workers=0).clips == len(some)
    assert {row.split for row in iterate_manifest(tmp_path / "manifest.parquet")} == {
        "train",
        "validation",
    }


def test_frames_of_one_clip_can_be_dealt_to_different_parts_and_notes_are_kept(data, tmp_path):
    clips, _ = data
    parts = {clip.name: "frame" for clip in clips}
    notes = {"warning": "frames of one clip are in several parts"}
    run(clips, parts, tmp_path, SMALL, workers=0, notes=notes,
        part_of_frame=lambda name, frame: PARTS[frame % 3])  # fmt: skip
    for row in read_manifest(tmp_path / "manifest.parquet"):
        assert row.split == PARTS[row.frame % 3]
        assert row.path.startswith("crops/frame/")
    assert read_notes(tmp_path / "manifest.parquet")["warning"] == notes["warning"]


def test_two_runs_at_once_are_kept_apart(data, tmp_path):
    with claim(tmp_path, alone=True), pytest.raises(AwareNetError, match="another run is at work"):
        run(*data, tmp_path, SMALL, workers=0)
    with claim(tmp_path, alone=False):
        run(*data, tmp_path, SMALL, workers=0, shard=(1, 2))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"engine": "spark"}, "engine = 'spark'; expected pool or ray"),
        ({"shard": (0, 3)}, "shard 0/3; expected i/n with 1 <= i <= n"),
        ({"shard": (4, 3)}, "shard 4/3; expected"),
    ],
)
def test_options_without_a_meaning_are_refused(data, tmp_path, options, words):
    with pytest.raises(SettingsError, match=words):
        run(*data, tmp_path, SMALL, **options)


def test_clips_of_one_name_are_refused(data, tmp_path):
    clips, parts = data
    with pytest.raises(AwareNetError, match=f"two clips are called {clips[0].name}"):
        run([*clips, clips[0]], parts, tmp_path, SMALL, workers=0)


def test_progress_is_told_with_rates_time_left_and_failures(data, tmp_path, caplog, monkeypatch):
    def cut(clip, settings):
        return Extracted(clip.name, (), "no_face", "nobody")

    monkeypatch.setattr(stores, "extract_clip", cut)
    monkeypatch.setattr("trainer.extraction.spread.LOG_EVERY_S", 0.0)
    with caplog.at_level(logging.INFO, "trainer.extraction.spread"):
        run(*data, tmp_path, SMALL, workers=0)
    lines = [record.getMessage() for record in caplog.records]
    assert lines[0] == f"{CLIPS} of {CLIPS} clips to do"
    assert len(lines) == 1 + CLIPS
    assert lines[3].startswith(f"3/{CLIPS} clips, ")
    assert "0 faces/s" in lines[3]
    assert lines[3].endswith("s left, without a crop: 3 no_face")


def test_the_journal_is_plain_json_a_clip_a_line(plain):
    header, *lines = (plain / "journal.jsonl").read_text().splitlines()
    assert json.loads(header)["made_of"]["settings"]["side"] == SMALL.side
    assert len(lines) == len({json.loads(line)["clip"] for line in lines}) == CLIPS


def test_no_clips_give_an_empty_manifest(tmp_path):
    assert run([], {}, tmp_path, SMALL, workers=2).rows == 0
    assert read_manifest(tmp_path / "manifest.parquet") == []
