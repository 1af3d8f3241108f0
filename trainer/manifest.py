"""The table of face crops, one row a crop; it is written whole or not at all."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from awarenet.errors import AwareNetError
from trainer.atomic import written_whole
from trainer.stamps import needed

MESH = (468, 2)  # points of FaceMesh, x and y of each


@dataclass(frozen=True)
class Row:
    """One face crop.

    `box` is x0, y0, x1, y1 of the face in px of the crop; `landmarks` the detector's five points,
    x, y in px of the crop, flattened; `mesh` the (468, 2) float32 points of FaceMesh, px of the
    crop. Two rows are equal when everything but `mesh` is.
    """

    path: str  # relative to the manifest
    clip: str
    frame: int
    time_s: float
    box: tuple[float, ...]
    landmarks: tuple[float, ...]
    mesh: np.ndarray = field(compare=False, repr=False)
    label: int
    method: str
    dataset: str
    identities: tuple[str, ...]
    source_clip: str
    split: str
    sha256: str


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
    ]
)


def write_manifest(rows: list[Row], path: Path) -> None:
    """Write rows, sorted by path, in one step: readers see the old file or the new one."""
    ordered = sorted(rows, key=lambda row: row.path)
    columns = {name: [getattr(row, name) for row in ordered] for name in SCHEMA.names}
    columns["mesh"] = [np.asarray(mesh, np.float32).ravel() for mesh in columns["mesh"]]
    with written_whole(path) as temporary:
        pq.write_table(pa.table(columns, schema=SCHEMA), temporary, compression="zstd")


def read_manifest(path: Path) -> list[Row]:
    """Read what `write_manifest` wrote.

    Raises:
        AwareNetError: Not there, or a table of another format.
    """
    table = pq.read_table(needed(path, "prepare"))
    if not table.schema.equals(SCHEMA):
        raise AwareNetError(
            f"{path} has columns {', '.join(table.schema.names)}; expected "
            f"{', '.join(SCHEMA.names)}; delete it and run `prepare` again"
        )
    # one block for all rows: as Python's own floats, 11,000 meshes fill 0.7 GB
    points = table["mesh"].combine_chunks().flatten().to_numpy(zero_copy_only=False)
    if len(points) != len(table) * MESH[0] * MESH[1]:
        raise AwareNetError(
            f"{path} has meshes of other than {MESH[0]} points; delete it and run `prepare` again"
        )
    meshes = np.array(points, np.float32).reshape(-1, *MESH)
    records = table.drop_columns(["mesh"]).to_pylist()
    del table, points
    pa.default_memory_pool().release_unused()  # Arrow would keep six times the table for later
    return [
        Row(mesh=mesh, **{k: tuple(v) if isinstance(v, list) else v for k, v in record.items()})
        for record, mesh in zip(records, meshes, strict=True)
    ]
