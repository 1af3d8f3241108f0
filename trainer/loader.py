"""From the manifest to batches: pairs of a real face and a fake made of it, degraded alike.

A batch is a function of (seed, step) and of nothing else, so a run that was killed goes on with
exactly the batches that it would have seen.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from awarenet.errors import AwareNetError
from trainer.augment import REGIMES, Regime, degrade, draw_degradation
from trainer.extraction.crops import read_scene
from trainer.manifest import Row


class Pairs:
    """Training pairs of one member."""

    def __init__(
        self, rows: Sequence[Row], root: Path, *, pairs: int, margin: float, side: int, seed: int
    ):
        """Keep the training rows.

        Args:
            rows: Of a manifest; those that are not for training are passed over.
            root: Folder of the manifest.
            pairs: Real faces a batch; a batch has as many fakes.
            margin: Of the crop, as in `crop_face`.
            side: Of the crop, px.
            seed: Of order, choice and degradation.

        Raises:
            AwareNetError: There is no real face, or none with a fake.
        """
        train = [row for row in rows if row.split == "train"]
        fakes: dict[str, list[Row]] = {}
        for row in train:
            if row.label == 1:
                fakes.setdefault(row.source_clip, []).append(row)
        self.reals = [row for row in train if row.label == 0 and row.clip in fakes]
        if not self.reals:
            raise AwareNetError("the train part has no real face with a fake; check [prepare]")
        self.fakes, self.root, self.pairs = fakes, root, pairs
        self.margin, self.side, self.seed = margin, side, seed

    def batch(self, step: int) -> tuple[np.ndarray, np.ndarray]:
        """Make the batch of a step.

        Returns:
            (2 * pairs, side, side, 3) uint8 RGB crops, real and fake in turn, and their
            (2 * pairs,) float32 labels.
        """
        rng = np.random.default_rng([self.seed, 3, step])
        crops = np.empty((2 * self.pairs, self.side, self.side, 3), np.uint8)
        for slot, row in enumerate(self._reals_of(step)):
            fake = self.fakes[row.clip][int(rng.integers(len(self.fakes[row.clip])))]
            conditions = draw_degradation(rng)
            for offset, one in enumerate((row, fake)):
                scene, _ = read_scene(one, self.root)
                crops[2 * slot + offset] = degrade(
                    scene, conditions, margin=self.margin, side=self.side
                )
        return crops, np.tile(np.array([0, 1], np.float32), self.pairs)

    def _reals_of(self, step: int) -> list[Row]:
        """Everybody once, in a new order, before anybody comes again."""
        total = len(self.reals)
        chosen = []
        for position in range(step * self.pairs, (step + 1) * self.pairs):
            order = np.random.default_rng([self.seed, 4, position // total]).permutation(total)
            chosen.append(self.reals[order[position % total]])
        return chosen

    def batches(self, start: int, stop: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Batches of steps `start` to `stop` - 1, the next one made while this one is used."""
        with ThreadPoolExecutor(1) as worker:
            coming = worker.submit(self.batch, start)
            for step in range(start, stop):
                current = coming.result()
                if step + 1 < stop:
                    coming = worker.submit(self.batch, step + 1)
                yield current


def draw_crops(
    rows: Sequence[Row],
    root: Path,
    regime: str | Regime,
    *,
    draws: int,
    margin: float,
    side: int,
    seed: int,
) -> tuple[np.ndarray, np.ndarray]:
    """Degrade rows a fixed number of times each, the same way at every call.

    A fake shares its conditions with the real face that it was made of.

    Returns:
        (len(rows) * draws, side, side, 3) uint8 RGB crops, and the (len(rows) * draws,) int64
        index of the row that each was made of.
    """
    regime = REGIMES[regime] if isinstance(regime, str) else regime
    crops = np.empty((len(rows) * draws, side, side, 3), np.uint8)
    index = np.repeat(np.arange(len(rows)), draws)
    for place, row_index in enumerate(index):
        row = rows[row_index]
        key = int.from_bytes(row.source_clip.encode()[-8:], "big")
        rng = np.random.default_rng([seed, 5, key, place % draws])
        scene, _ = read_scene(row, root)
        crops[place] = degrade(scene, draw_degradation(rng, regime), margin=margin, side=side)
    return crops, index
