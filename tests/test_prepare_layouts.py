"""Every data set in miniature, from its folders to a manifest that leaks nothing it should not."""

from __future__ import annotations

from collections import Counter
from functools import partial
from pathlib import Path

import miniatures
import pytest
from face_clips import show_somebody

from awarenet.errors import AwareNetError
from trainer.extraction.crops import read_crop
from trainer.manifest import read_manifest, read_notes
from trainer.prepare import check, manifest_hash, prepare
from trainer.settings import TrainerSettings
from trainer.sources import index_sets
from trainer.splits.split_file import read_split

LISTED = "1 Celeb-real/id0_0000.mp4\n0 Celeb-synthesis/id0_id1_0000.mp4\n"
LAYOUTS = {  # data set, protocol -> what builds it
    ("faceforensics", "identity"): partial(
        miniatures.faceforensics, pairs=1, methods=("Deepfakes", "NeuralTextures")
    ),
    ("faceforensics", "official"): partial(
        miniatures.faceforensics, pairs=1, methods=("Deepfakes", "FaceShifter")
    ),
    ("dfd", "identity"): partial(miniatures.dfd, actors=(1, 2, 3, 4)),
    ("celebdf_v1", "official"): partial(miniatures.celebdf, version=1, listed=LISTED),
    ("celebdf_v2", "official"): miniatures.celebdf,
    ("celebdf_v2", "identity"): miniatures.celebdf,
    ("dfdc", "official"): miniatures.dfdc,
    ("dfdc_preview", "official"): miniatures.dfdc_preview,
    ("stronger_together", "video"): miniatures.stronger_together,
    ("aware_net", "frame"): miniatures.aware_net,
    ("folders", "identity"): miniatures.folders,
    ("table", "identity"): miniatures.table,
}


def small(folder: Path, name: str, data: Path, **sections: dict) -> TrainerSettings:
    """Settings of a run over one data set, small and in this process."""
    values = {
        "data": {"sets": {name: str(data)}, "run": str(folder / "run")},
        "prepare": {
            "side": 64, "min_face_px": 32, "frames_real": 3, "frames_fake": 2, "workers": 0,
        },
    }  # fmt: skip
    return TrainerSettings.model_validate(values | sections)


@pytest.mark.parametrize(("name", "protocol"), LAYOUTS)
def test_a_data_set_goes_from_its_folders_to_an_honest_manifest(tmp_path, name, protocol):
    data = LAYOUTS[name, protocol](tmp_path / "data", write=show_somebody)
    settings = small(tmp_path, name, data, split={"protocol": protocol})
    manifest = prepare(settings)
    rows, split = read_manifest(manifest), read_split(manifest.parent / "split.json")
    clips = {clip.name: clip for clip in index_sets(settings.data)}
    assert {row.clip for row in rows} == set(split.parts)
    assert set(split.parts) | set(split.dropped) == set(clips)
    for row in rows:
        clip = clips[row.clip]
        assert (row.label, row.method, row.identities) == (clip.label, clip.method, clip.identities)
        assert read_crop(manifest.parent, row.path).shape == (64, 64, 3)
    assert set(Counter(row.clip for row in rows).values()) <= {2, 3}  # frames of fake and real
    told = check(settings)
    parts = {part: {i for row in rows if row.split == part for i in row.identities}
             for part in {row.split for row in rows}}  # fmt: skip
    crossing = any(parts[a] & parts[b] for a in parts for b in parts if a < b)
    if protocol == "identity":
        assert not crossing
        assert told == "nothing is in two parts"
    assert read_notes(manifest)["protocol"] == protocol
    assert manifest_hash(manifest) == split.sha256


def test_what_was_prepared_is_not_prepared_again(tmp_path):
    data = miniatures.folders(tmp_path / "data", write=show_somebody)
    settings = small(tmp_path, "folders", data)
    manifest = prepare(settings)
    before = manifest.stat().st_mtime_ns
    assert prepare(settings) == manifest
    assert manifest.stat().st_mtime_ns == before
    other = small(tmp_path, "folders", data, split={"seed": 1})
    with pytest.raises(AwareNetError, match=r"split\.seed = 0, now it is 1"):
        prepare(other)


def test_shares_of_several_machines_make_one_manifest(tmp_path):
    data = miniatures.folders(tmp_path / "data", write=show_somebody)
    whole = prepare(small(tmp_path / "one", "folders", data))
    settings = small(tmp_path / "many", "folders", data)
    assert [prepare(settings, shard=(i, 2)) for i in (1, 2)] == [None, None]
    assert prepare(settings).read_bytes() == whole.read_bytes()


def test_a_folder_under_two_names_is_found_out(tmp_path):
    data = miniatures.folders(tmp_path / "data", write=show_somebody)
    for path in (data / "real" / "stray.mp4", data / "real" / "ann" / "1.mp4"):
        for copy in range(3):  # somebody unknown each, says the index; one picture, say the crops
            (data / "real" / f"copy-{path.stem}-{copy}.mp4").write_bytes(path.read_bytes())
    settings = small(tmp_path, "folders", data, split={"shares": (0.4, 0.3, 0.3)})
    prepare(settings)
    with pytest.raises(AwareNetError, match="identical crop"):
        check(settings)
    with pytest.raises(AwareNetError, match="identical crop"):
        check(settings)  # a refusal is not remembered as a check that was done


def test_nothing_to_prepare_says_what_to_set(tmp_path):
    settings = TrainerSettings.model_validate({"data": {"run": str(tmp_path)}})
    with pytest.raises(AwareNetError, match=r"set \[data\] sets or photos"):
        prepare(settings)
