"""The table of face crops, one row a crop; it is written whole or not at all."""

from __future__ import annotations

import os
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from awarenet.errors import AwareNetError


@dataclass(frozen=True)
class Row:
    """One face crop.

    `box` is x0, y0, x1, y1 of the face in px of the crop; `landmarks` the detector's five points
    and `mesh` the 468 of FaceMesh, x, y in px of the crop, flattened.
    """

    path: str  # relative to the manifest
    clip: str
    frame: int
    time_s: float
    box: tuple[float, ...]
    landmarks: tuple[float, ...]
    mesh: tuple[float, ...]
    label: int
    method: str
    dataset: str
    identities: tuple[str, ...]
    source_clip: str
    split: str
    sha256: str

    @property
    def mesh_points(self) -> np.ndarray:
        """(468, 2) float32 px of the crop."""
        return np.array(self.mesh, np.float32).reshape(-1, 2)


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
    table = pa.Table.from_pylist([asdict(row) for row in ordered], schema=SCHEMA)
    temporary = path.with_suffix(".part")
    pq.write_table(table, temporary, compression="zstd")
    os.replace(temporary, path)


def read_manifest(path: Path) -> list[Row]:
    """Read what `write_manifest` wrote.

    Raises:
        AwareNetError: Not there, or a table of another format.
    """
    if not path.is_file():
        raise AwareNetError(f"no {path}; run the stage `prepare` first")
    table = pq.read_table(path)
    if not table.schema.equals(SCHEMA):
        raise AwareNetError(
            f"{path} has columns {', '.join(table.schema.names)}; expected "
            f"{', '.join(SCHEMA.names)}; delete it and run `prepare` again"
        )
    return [
        Row(**{k: tuple(v) if isinstance(v, list) else v for k, v in record.items()})
        for record in table.to_pylist()
    ]
