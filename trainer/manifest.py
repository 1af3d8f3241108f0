"""The table of face crops, one row a crop; it is written whole or not at all."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from awarenet.atomic import written_whole
from awarenet.errors import AwareNetError
from trainer.stamps import needed

MESH = (468, 2)  # points of FaceMesh, x and y of each
GROUP_ROWS = 4096  # held in memory at once; with meshes 15 MB


@dataclass(frozen=True)
class Row:
    """One face crop.

    `box` is x0, y0, x1, y1 of the face in px of the crop; `landmarks` the detector's five points,
    x, y in px of the crop, flattened, or none; `mesh` the (468, 2) float32 points of FaceMesh, px
    of the crop, or None where nobody asked for them. Two rows are equal when everything but `mesh`
    is.
    """

    path: str  # relative to the manifest; shards/NAME.tar#MEMBER in a tar shard
    clip: str
    frame: int
    time_s: float
    box: tuple[float, ...]
    landmarks: tuple[float, ...]
    mesh: np.ndarray | None = field(compare=False, repr=False)
    label: int
    method: str
    dataset: str
    identities: tuple[str, ...]
    source_clip: str
    split: str
    sha256: str  # of the pixels of the crop before it was encoded
    compression: str  # of the data set: raw, c23, c40; "" where it comes in one
    face_px: float  # longer side of the face in the frame that it was cut out of


SCHEMA = pa.schema(
    [
        ("path", pa.string()),
        ("clip", pa.string()),
        ("frame", pa.int32()),
        ("time_s", pa.float64()),
        ("box", pa.list_(pa.float32())),
        ("landmarks", pa.list_(pa.float32())),
        ("mesh", pa.list_(pa.float32())),
        ("label", pa.int8()),
        ("method", pa.string()),
        ("dataset", pa.string()),
        ("identities", pa.list_(pa.string())),
        ("source_clip", pa.string()),
        ("split", pa.string()),
        ("sha256", pa.string()),
        ("compression", pa.string()),
        ("face_px", pa.float32()),
    ]
)


def write_manifest(rows: Iterable[Row], path: Path, notes: Mapping[str, str] | None = None) -> int:
    """Write rows, sorted by path, in one step: readers see the old file or the new one."""
    return write_rows(sorted(rows, key=lambda row: row.path), path, notes)


def write_rows(rows: Iterable[Row], path: Path, notes: Mapping[str, str] | None = None) -> int:
    """Write rows as they come, in one step; only `GROUP_ROWS` of them are held in memory.

    Args:
        rows: In the order in which they are to stand; the same rows give the same bytes.
        path: Of the manifest.
        notes: Kept in the file's metadata: what whoever reads the table ought to know.

    Returns:
        How many there were.
    """
    rows, total = iter(rows), 0
    schema = SCHEMA.with_metadata(dict(notes)) if notes else SCHEMA
    with (
        written_whole(path) as temporary,
        pq.ParquetWriter(temporary, schema, compression="zstd") as writer,
    ):
        while group := list(itertools.islice(rows, GROUP_ROWS)):
            columns = {name: [getattr(row, name) for row in group] for name in SCHEMA.names}
            columns["mesh"] = [
                () if mesh is None else np.asarray(mesh, np.float32).ravel()
                for mesh in columns["mesh"]
            ]
            writer.write_table(pa.table(columns, schema=schema), row_group_size=GROUP_ROWS)
            total += len(group)
    return total


def read_manifest(path: Path) -> list[Row]:
    """Read what `write_manifest` wrote.

    Raises:
        AwareNetError: Not there, or a table of another format.
    """
    return list(iterate_manifest(path))


def iterate_manifest(path: Path) -> Iterator[Row]:
    """Read a manifest row by row; only one group of rows is held in memory.

    Raises:
        AwareNetError: Not there, or a table of another format.
    """
    with pq.ParquetFile(needed(path, "prepare")) as file:
        if not file.schema_arrow.equals(SCHEMA):
            raise AwareNetError(
                f"{path} has columns {', '.join(file.schema_arrow.names)}; expected "
                f"{', '.join(SCHEMA.names)}; delete it and run `prepare` again"
            )
        for group in range(file.num_row_groups):
            table = file.read_row_group(group, use_threads=False)
            meshes = _meshes(table["mesh"].combine_chunks(), path)
            records = table.drop_columns(["mesh"]).to_pylist()
            del table
            pa.default_memory_pool().release_unused()  # Arrow would keep six times it for later
            for record, mesh in zip(records, meshes, strict=True):
                values = {k: tuple(v) if isinstance(v, list) else v for k, v in record.items()}
                yield Row(mesh=mesh, **values)


def read_notes(path: Path) -> dict[str, str]:
    """Notes that were written with a manifest.

    Raises:
        AwareNetError: It is not there.
    """
    metadata = pq.read_schema(needed(path, "prepare")).metadata or {}
    return {key.decode(): value.decode() for key, value in metadata.items()}


def _meshes(column: pa.ListArray, path: Path) -> list[np.ndarray | None]:
    """Points of each row; one block for all: as Python's own floats, 11,000 meshes fill 0.7 GB."""
    size = MESH[0] * MESH[1]
    lengths = np.diff(column.offsets.to_numpy())
    if not np.isin(lengths, (0, size)).all():
        raise AwareNetError(
            f"{path} has meshes of other than {MESH[0]} points; delete it and run `prepare` again"
        )
    points = column.flatten().to_numpy(zero_copy_only=False)
    blocks = iter(np.array(points, np.float32).reshape(-1, *MESH))
    return [next(blocks) if length else None for length in lengths]
