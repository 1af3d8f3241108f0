"""Which frames and how much of each are prepared: a frame every so often, and the raw box alone."""

from __future__ import annotations

import csv
from collections import Counter
from pathlib import Path

import cv2
import miniatures
import numpy as np
import pytest
from face_clips import show_somebody

from awarenet.errors import AwareNetError, SettingsError
from awarenet.faces import create_face_finder
from awarenet.settings import LimitSettings
from awarenet.video import probe, sample_frames
from trainer.augmentation import RECIPES
from trainer.batches.samples import Samples, plain_crops
from trainer.datasets import index_dataset
from trainer.extraction.crops import read_crop
from trainer.manifest import read_manifest
from trainer.prepare import check, prepare
from trainer.settings import TrainerSettings
from trainer.splits import make_split

GARDNER = {"protocol": "video", "shares": (0.8, 0.1, 0.1)}
PREPARED = {"side": 64, "min_face_px": 32, "workers": 0}


def prepared(folder: Path, data: Path, **changes: object) -> TrainerSettings:
    """Settings of a run over `stronger_together`, small and in this process."""
    return TrainerSettings.model_validate(
        {
            "data": {"sets": {"stronger_together": str(data)}, "run": str(folder / "run")},
            "split": GARDNER,
            "prepare": PREPARED | changes,
            "train": {"input": "rows", "balance": "none", "batch": 2, "margin": 0.0},
        }
    )


def test_every_clip_gives_a_frame_each_half_second_whatever_its_label(tmp_path):
    data = miniatures.stronger_together(tmp_path / "data", write=show_somebody)
    settings = prepared(tmp_path, data, every_s=0.5, frames_real=1, frames_fake=1)
    rows = read_manifest(prepare(settings))
    assert len({row.clip for row in rows}) == 8
    for clip in {row.clip for row in rows}:  # 6 frames, 8 a second
        found = [(row.frame, row.time_s) for row in rows if row.clip == clip]
        assert found == [(0, 0.0), (4, 0.5)]


def test_clips_are_dealt_out_eight_to_one_to_one_whoever_is_in_them(tmp_path):
    data = miniatures.stronger_together(tmp_path / "data", write=show_somebody)
    settings = prepared(tmp_path, data, every_s=0.5)
    manifest = prepare(settings)
    rows = read_manifest(manifest)
    assert Counter({row.clip: row.split for row in rows}.values()) == {
        "train": 6, "validation": 1, "test": 1,
    }  # fmt: skip
    check(settings)  # who is in two parts is told, and refused under another protocol only


def test_a_table_of_many_clips_is_dealt_out_eight_to_one_to_one(tmp_path):
    home = tmp_path / "videos"
    names = [f"{miniatures.dfdc_stem(number)}.mp4" for number in range(120)]
    miniatures.fill(home, names)
    table = ((name, number % 4 and 1, "dfdc") for number, name in enumerate(names))
    miniatures.write_csv(home / "videos.csv", ("video_id", "fake", "original_dataset"), table)
    clips = index_dataset("stronger_together", tmp_path)
    split = make_split(clips, seed=1, **GARDNER)
    assert Counter(split.parts.values()) == {"train": 96, "validation": 12, "test": 12}
    assert make_split(clips[::-1], seed=1, **GARDNER).parts == split.parts
    assert make_split(clips, seed=2, **GARDNER).parts != split.parts
    with (home / "videos.csv").open(newline="") as file:
        fakes = {Path(name).stem for name, fake, _ in list(csv.reader(file))[1:] if fake == "1"}
    assert {clip.path.stem for clip in clips if clip.label} == fakes


def test_other_times_of_the_frames_are_noticed(tmp_path):
    data = miniatures.stronger_together(tmp_path / "data", write=show_somebody)
    manifest = prepare(prepared(tmp_path, data))
    assert prepare(prepared(tmp_path, data)) == manifest
    with pytest.raises(AwareNetError, match=r"prepare\.every_s = null, now it is 0\.5"):
        prepare(prepared(tmp_path, data, every_s=0.5))
    manifest.unlink()
    manifest.with_name(f"{manifest.name}.from.json").unlink()
    with pytest.raises(AwareNetError, match=r"every_s = null, now it is 0\.5"):  # so say journals
        prepare(prepared(tmp_path, data, every_s=0.5))


def test_a_run_from_before_frames_could_be_paced_goes_on(tmp_path):
    data = miniatures.stronger_together(tmp_path / "data", write=show_somebody)
    manifest = prepare(prepared(tmp_path, data))
    for path in (manifest.with_name(f"{manifest.name}.from.json"), tmp_path / "run/journal.jsonl"):
        noted = path.read_text("utf-8")
        assert "frames_real" in noted
        assert "every_s" not in noted


def test_without_a_margin_a_crop_is_the_box_and_nothing_else(tmp_path):
    data = miniatures.stronger_together(tmp_path / "data", write=show_somebody)
    settings = prepared(tmp_path, data, margin=0.0, format="png", frames_real=1, frames_fake=1)
    manifest = prepare(settings)
    rows = read_manifest(manifest)
    clips = {clip.name: clip for clip in index_dataset("stronger_together", data)}
    finder = create_face_finder()
    for row in rows:
        x0, y0, x1, y1 = row.box
        assert max(x1 - x0, y1 - y0) == pytest.approx(64, abs=1e-3)
        assert (x0 + x1, y0 + y1) == pytest.approx((64, 64), abs=1e-3)
    row = rows[0]
    path, limits = clips[row.clip].path, LimitSettings()
    (frame,) = sample_frames(path, probe(path, limits), 1, limits)
    face = max(finder.find(frame.image), key=lambda face: face.side_px)
    stored = read_crop(manifest.parent, row.path)
    half, (x0, y0, x1, y1) = face.side_px / 2, face.box
    center = (x0 + x1) / 2, (y0 + y1) / 2
    raw = frame.image[
        round(center[1] - half) : round(center[1] + half),
        round(center[0] - half) : round(center[0] + half),
    ]
    resized = cv2.resize(raw, (64, 64), interpolation=cv2.INTER_LINEAR)
    assert np.abs(stored.astype(int) - resized).mean() < 6
    assert np.array_equal(plain_crops([row], manifest.parent, margin=0.0, side=64)[0], stored)


@pytest.mark.parametrize("recipe", sorted(RECIPES))
def test_every_recipe_makes_batches_of_crops_without_a_margin(tmp_path, recipe):
    data = miniatures.stronger_together(tmp_path / "data", write=show_somebody)
    settings = prepared(tmp_path, data, margin=0.0, format="png", frames_real=1, frames_fake=1)
    manifest = prepare(settings)
    rows = [row for row in read_manifest(manifest) if row.split == "train"]
    for side in (48, 96):
        samples = Samples(rows, manifest.parent, settings, recipe=recipe, side=side, seed=0)
        batch = samples.batch(0)
        assert batch.crops.shape == (2, side, side, 3)
        assert batch.crops.std(axis=(1, 2, 3)).min() > 5
    wide = settings.model_copy(update={"train": settings.train.model_copy(update={"margin": 0.1})})
    with pytest.raises(SettingsError, match=r"margin = 0.1, but .* margin = 0.0; set one no"):
        Samples(rows, manifest.parent, wide, recipe=recipe, side=48, seed=0)
