"""What every member said of every crop, kept so that any figure can be computed again.

Shapes: N crops, C clips, F families, K members a family.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from functools import cached_property
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from awarenet.atomic import written_whole
from awarenet.errors import AwareNetError
from awarenet.odds import vote_odds
from trainer.ensembles.scorers import Scorer
from trainer.evaluation.metrics import log_odds
from trainer.manifest import Row
from trainer.stamps import needed

COLUMNS = {  # name -> NumPy's and Arrow's type; `identity` is written too, for other readers
    "clip": (np.str_, pa.string()),
    "frame": (np.int32, pa.int32()),
    "label": (np.int8, pa.int8()),
    "method": (np.str_, pa.string()),
    "dataset": (np.str_, pa.string()),
    "compression": (np.str_, pa.string()),
    "face_px": (np.float32, pa.float32()),
    "split": (np.str_, pa.string()),
}


@dataclass(frozen=True)
class Clips:
    """What there is to know of each clip, (C,) each, in the order of `Predictions.by_clip`."""

    name: np.ndarray  # str, sorted
    label: np.ndarray  # int8
    identity: np.ndarray  # str
    method: np.ndarray  # str
    dataset: np.ndarray  # str
    compression: np.ndarray  # str
    face_px: np.ndarray  # float32, median of its crops
    crops: np.ndarray  # int64, how many it has

    def __len__(self) -> int:
        return len(self.name)


@dataclass(frozen=True, eq=False)
class Predictions:
    """The members' logits of N crops, and what the manifest says of these."""

    clip: np.ndarray  # (N,) str
    frame: np.ndarray  # (N,) int32
    label: np.ndarray  # (N,) int8, 0 real, 1 fake
    method: np.ndarray  # (N,) str
    dataset: np.ndarray  # (N,) str
    identities: tuple[tuple[str, ...], ...]  # N times everybody whose face is in it, one or more
    compression: np.ndarray  # (N,) str, "" where the data set comes in one
    face_px: np.ndarray  # (N,) float32, in the frame that the crop was cut out of
    split: np.ndarray  # (N,) str
    logits: np.ndarray  # (N, F, K) float32, finite, above 0 leans fake
    families: tuple[str, ...]  # F names

    def __post_init__(self) -> None:
        """Refuse what no figure can be computed of.

        Raises:
            AwareNetError: A logit is not finite, or a clip has real and fake crops.
            ValueError: Shapes, labels or identities that do not fit.
        """
        count = len(self.clip)
        lengths = {name: len(getattr(self, name)) for name in (*COLUMNS, "identities", "logits")}
        if set(lengths.values()) != {count}:
            raise ValueError(f"columns of lengths {lengths}; expected as many of each")
        shape = self.logits.shape
        if len(shape) != 3 or shape[1] != len(self.families) or 0 in shape[1:]:
            raise ValueError(f"logits {shape} of {self.families}; expected (N, F, K), F names")
        if not np.isin(self.label, (0, 1)).all() or not all(self.identities):
            raise ValueError("expected labels of 0 (real) and 1 (fake), and an identity each")
        if len(bad := np.flatnonzero(~np.isfinite(self.logits).all(axis=(1, 2)))):
            raise AwareNetError(
                f"a member's logit of frame {self.frame[bad[0]]} of {self.clip[bad[0]]} is not a "
                "finite number; train that member again with a lower learning rate"
            )
        pairs = np.unique(np.rec.fromarrays([self.clip, self.label]))
        if len(pairs) > len(np.unique(self.clip)):
            names, counts = np.unique(pairs["f0"], return_counts=True)
            raise AwareNetError(
                f"{names[counts > 1][0]} has real and fake crops; expected one label a clip, "
                "look at its rows in the manifest"
            )

    @classmethod
    def of(cls, rows: Sequence[Row], logits: np.ndarray, families: Sequence[str]) -> Predictions:
        """Put N rows of the manifest and their (N, F, K) logits together."""
        return cls(
            **{
                name: np.array([getattr(row, name) for row in rows], kind)
                for name, (kind, _) in COLUMNS.items()
            },
            identities=tuple(row.identities for row in rows),
            logits=np.asarray(logits, np.float32),
            families=tuple(families),
        )

    def __len__(self) -> int:
        return len(self.clip)

    @property
    def identity(self) -> np.ndarray:
        """(N,) str: the first of the identities, for whom the crop counts in a bootstrap."""
        return np.array([people[0] for people in self.identities], np.str_)

    def take(self, positions: np.ndarray) -> Predictions:
        """Keep some of the crops: (M,) positions, or (N,) bool."""
        positions = np.arange(len(self))[positions]
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        taken = {name: values[name][positions] for name in (*COLUMNS, "logits")}
        people = tuple(self.identities[at] for at in positions)
        return Predictions(**taken, identities=people, families=self.families)

    def write(self, path: Path) -> None:
        """Write a parquet file, whole: a row a crop, its F x K logits as a list by family."""
        size = self.logits[0].size if len(self) else 0
        columns = {name: pa.array(getattr(self, name), kind) for name, (_, kind) in COLUMNS.items()}
        columns["identity"] = pa.array(self.identity, pa.string())
        columns["identities"] = pa.array(map(list, self.identities), pa.list_(pa.string()))
        starts = np.arange(len(self) + 1, dtype=np.int32) * size
        columns["logits"] = pa.ListArray.from_arrays(starts, pa.array(self.logits.ravel()))
        notes = {"families": json.dumps(self.families), "members": str(self.logits.shape[2])}
        table = pa.table(columns).replace_schema_metadata(notes)
        with written_whole(path) as temporary:
            pq.write_table(table, temporary, compression="zstd")

    @classmethod
    def read(cls, path: Path) -> Predictions:
        """Read what `write` wrote, exactly.

        Raises:
            AwareNetError: Not there, or a table of another format.
        """
        table = pq.read_table(needed(path, "evaluate"))
        notes = table.schema.metadata or {}
        expected = {*COLUMNS, "identity", "identities", "logits"}
        if set(table.column_names) != expected or not {b"families", b"members"} <= set(notes):
            raise AwareNetError(
                f"{path} has columns {', '.join(table.column_names)}; expected those of scored "
                "crops; delete it and run `evaluate` again"
            )
        families = tuple(json.loads(notes[b"families"]))
        logits = table["logits"].combine_chunks().flatten().to_numpy(zero_copy_only=False)
        return cls(
            **{name: table[name].to_numpy().astype(kind) for name, (kind, _) in COLUMNS.items()},
            identities=tuple(map(tuple, table["identities"].to_pylist())),
            logits=logits.reshape(len(table), len(families), int(notes[b"members"])),
            families=families,
        )

    def scores(self, scorers: Mapping[str, Scorer]) -> dict[str, np.ndarray]:
        """Let everybody judge every crop.

        Args:
            scorers: By name, over the families of `families`.

        Returns:
            Scorer -> (N,) float64 probability of fake, not calibrated.
        """
        return {name: scorer.crops(self.logits) for name, scorer in scorers.items()}

    def clips(self) -> Clips:
        """Say what is known of each clip, by name in rising order."""
        names, first, of_clip = self._grouped
        order = np.argsort(of_clip, kind="stable")
        counts = np.bincount(of_clip, minlength=len(names))
        blocks = np.split(self.face_px[order], np.cumsum(counts)[:-1]) if len(names) else []
        return Clips(
            name=names,
            label=self.label[first],
            identity=self.identity[first],
            method=self.method[first],
            dataset=self.dataset[first],
            compression=self.compression[first],
            face_px=np.array([np.median(block) for block in blocks], np.float32),
            crops=counts,
        )

    def by_clip(self, probabilities: np.ndarray, pooling: str = "log_odds") -> np.ndarray:
        """Judge clips by their crops as the detector does, so that figures hold for what ships.

        Args:
            probabilities: (N,) of the crops, not calibrated.
            pooling: As `awarenet.scoring.pool` takes it.

        Returns:
            (C,) float64 log-odds, in the order of `clips`.
        """
        of_clip = self._grouped[2]
        counts = np.bincount(of_clip)
        if pooling == "log_odds":
            return np.bincount(of_clip, weights=log_odds(probabilities)) / counts
        share = np.bincount(of_clip, weights=probabilities) / counts
        return vote_odds(share, counts)

    @cached_property
    def _grouped(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """(C,) names of clips, (C,) where each first is, (N,) number of each crop's clip."""
        return np.unique(self.clip, return_index=True, return_inverse=True)
