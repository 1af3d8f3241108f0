"""The table of crops: what is written is what is read, whole or not at all."""

import dataclasses
import pickle

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tiny_people import row

from awarenet.errors import AwareNetError
from trainer import manifest
from trainer.manifest import (
    MESH,
    SCHEMA,
    iterate_manifest,
    read_manifest,
    read_notes,
    write_manifest,
    write_rows,
)


def mesh(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, 100, MESH).astype(np.float32)


def test_rows_come_back_as_they_were_sorted_by_path(tmp_path):
    rows = [
        row("b", label=1, source="a", people=("ann", "bob"), mesh=mesh(1)),
        row("a", people=("ann",), split="validation", mesh=mesh(0)),
    ]
    write_manifest(rows, tmp_path / "manifest.parquet")
    found = read_manifest(tmp_path / "manifest.parquet")
    assert found == rows[::-1]
    for one, other in zip(found, rows[::-1], strict=True):
        assert (one.mesh.dtype, one.mesh.shape) == (np.float32, MESH)
        assert np.array_equal(one.mesh, other.mesh)
    assert found[1].identities == ("ann", "bob")
    assert found[1].box == (16.0, 16.0, 48.0, 48.0)


def test_the_same_rows_give_the_same_file(tmp_path):
    rows = [row(name, mesh=mesh(seed)) for seed, name in enumerate("dacb")]
    write_manifest(rows, tmp_path / "one.parquet")
    write_manifest(rows[::-1], tmp_path / "two.parquet")
    assert (tmp_path / "one.parquet").read_bytes() == (tmp_path / "two.parquet").read_bytes()


def test_the_file_has_the_columns_of_the_contract(tmp_path):
    write_manifest([row("a", mesh=mesh(0))], tmp_path / "manifest.parquet")
    table = pq.read_table(tmp_path / "manifest.parquet")
    assert table.schema.equals(SCHEMA)
    assert table.column_names == [field.name for field in dataclasses.fields(manifest.Row)]
    assert table["mesh"][0].as_py() == mesh(0).ravel().tolist()


def test_no_rows_are_a_manifest_too(tmp_path):
    write_manifest([], tmp_path / "manifest.parquet")
    assert read_manifest(tmp_path / "manifest.parquet") == []


def test_an_old_manifest_survives_a_write_that_fails(tmp_path, monkeypatch):
    path = tmp_path / "manifest.parquet"
    write_manifest([row("old")], path)

    def fail(writer, table, **options):
        raise OSError("no space left on device")

    monkeypatch.setattr(manifest.pq.ParquetWriter, "write_table", fail)
    with pytest.raises(OSError, match="no space"):
        write_manifest([row("new")], path)
    assert [found.clip for found in read_manifest(path)] == ["old"]
    assert [file.name for file in tmp_path.iterdir()] == ["manifest.parquet"]


def test_rows_without_a_mesh_stand_beside_rows_with_one(tmp_path):
    rows = [row(name, mesh=mesh(seed)) for seed, name in enumerate("abcd")]
    rows[1], rows[2] = (dataclasses.replace(one, mesh=None) for one in rows[1:3])
    write_manifest(rows, tmp_path / "manifest.parquet")
    found = [one.mesh for one in read_manifest(tmp_path / "manifest.parquet")]
    assert [points is None for points in found] == [False, True, True, False]
    assert np.array_equal(found[0], mesh(0))
    assert np.array_equal(found[3], mesh(3))


@pytest.mark.parametrize("count", [0, 4, 5, 12])
def test_rows_are_written_in_groups_as_they_come_and_stay_in_their_order(
    tmp_path, monkeypatch, count
):
    monkeypatch.setattr(manifest, "GROUP_ROWS", 5)
    rows = [row(f"{number * 7 % 12:02d}", mesh=mesh(number)) for number in range(count)]
    path, asked = tmp_path / "manifest.parquet", []

    def give():
        for one in rows:
            asked.append(one)
            yield one

    assert write_rows(give(), path) == count
    assert len(asked) == count
    assert pq.ParquetFile(path).num_row_groups == -(-count // 5)
    for one, other in zip(iterate_manifest(path), rows, strict=True):
        assert one == other
        assert np.array_equal(one.mesh, other.mesh)
    before = path.read_bytes()
    write_rows(rows, path)
    assert path.read_bytes() == before


def test_notes_travel_with_the_rows_and_do_not_change_them(tmp_path):
    path = tmp_path / "manifest.parquet"
    notes = {"warning": "frames of one clip are in several parts", "protocol": "frame"}
    write_manifest([row("a")], path, notes)
    assert read_notes(path) == notes
    assert read_manifest(path) == [row("a")]
    write_manifest([row("a")], path)
    assert read_notes(path) == {}


def test_a_row_for_a_worker_does_not_carry_all_the_others(tmp_path):
    write_manifest([row(f"{number:03d}") for number in range(200)], tmp_path / "manifest.parquet")
    assert len(pickle.dumps(read_manifest(tmp_path / "manifest.parquet")[7])) < 8192


def test_rows_can_be_told_apart_and_stand_in_sets():
    rows = {row("a", mesh=mesh(0)), row("a", mesh=mesh(1)), row("b")}
    assert len(rows) == 2


def test_a_manifest_that_is_not_there_says_which_stage_makes_it(tmp_path):
    with pytest.raises(AwareNetError, match=r"no .*manifest\.parquet; run the stage `prepare`"):
        read_manifest(tmp_path / "manifest.parquet")


def test_a_table_of_another_format_is_refused(tmp_path):
    pq.write_table(pa.table({"path": ["a"], "mood": ["fine"]}), tmp_path / "manifest.parquet")
    with pytest.raises(AwareNetError, match=r"has columns path, mood; expected path, clip, .*"):
        read_manifest(tmp_path / "manifest.parquet")


def test_meshes_of_another_size_are_refused(tmp_path):
    write_manifest([row("a", mesh=np.zeros((478, 2)))], tmp_path / "manifest.parquet")
    with pytest.raises(AwareNetError, match="meshes of other than 468 points"):
        read_manifest(tmp_path / "manifest.parquet")
