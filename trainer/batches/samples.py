"""From the manifest to batches.

A batch is a function of (seed, number) and of nothing else, so a run that was killed goes on with
exactly the batches that it would have seen, however many processes make them.
Labels: 0 real, 1 fake. B crops a batch, S px a side.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np

from awarenet.errors import AwareNetError, SettingsError
from awarenet.faces import crop_face
from trainer.augmentation import (
    OFF,
    apply_conditions,
    draw_conditions,
    get_recipe,
)
from trainer.augmentation.camera import REGIMES, Regime, degrade, draw_degradation
from trainer.augmentation.cut_outs import known_points
from trainer.batches.follow import follow_in_processes, follow_in_thread
from trainer.batches.pairing import Order, pair_up
from trainer.extraction.crops import read_crop
from trainer.manifest import Row
from trainer.portraits.forge import MADE_OF_ITSELF, make_pair
from trainer.settings import AugmentSettings, TrainerSettings


class Batch(NamedTuple):
    """Training crops with what is known of them."""

    crops: np.ndarray  # (B, S, S, 3) uint8 RGB
    labels: np.ndarray  # (B,) float32, 0 or 1
    weights: np.ndarray  # (B,) float32 of the loss; their mean over all rows is 1
    clips: tuple[str, ...]  # whose crops they are


class Samples:
    """Training crops of one member, batch by batch."""

    def __init__(
        self,
        rows: Sequence[Row],
        root: Path,
        settings: TrainerSettings,
        *,
        recipe: str,
        side: int,
        seed: int,
    ):
        """Keep the rows, and settle who goes with whom.

        Args:
            rows: Of the train part of a manifest.
            root: Folder of the manifest.
            settings: [train] input, balance, batch and margin, [augment] and [prepare] are read.
            recipe: Of `trainer.augmentation.RECIPES`.
            side: Of the crops, px.
            seed: Of order, choice and augmentation.

        Raises:
            SettingsError: No such recipe, or settings that do not go together.
            AwareNetError: A row of another part, too few rows, or a mesh that is missing.
        """
        train, self.augment = settings.train, settings.augment
        _check_settings(settings, rows)
        self.root, self.side, self.seed = root, side, seed
        self.recipe, self.longer = recipe, get_recipe(recipe).epoch
        self.margin, self.size, self.input = train.margin, train.batch, train.input
        self.kind = MADE_OF_ITSELF.get(train.input)  # of fakes that are made here; None: of none
        if self.kind is None and not self.augment.cut_out:  # then nobody asks for meshes
            rows = [row if row.mesh is None else replace(row, mesh=None) for row in rows]
        reals, fakes = ([row for row in rows if row.label == label] for label in (0, 1))
        self.partners: list[list[Row]] = []
        self.class_weights = (1.0, 1.0)
        if train.input == "pairs":
            reals, self.partners = pair_up(rows)
            if not reals:
                raise AwareNetError("the train part has no real face with a fake; check [prepare]")
            self.lists = (reals,)
        elif self.kind is not None:
            bare = sum(row.mesh is None for row in reals)
            if bare or not reals:
                raise AwareNetError(
                    f"[train] input = {train.input}: {len(reals)} real crops of the train part, "
                    f"{bare} of them without a mesh; set [prepare] mesh = true and prepare again"
                )
            self.lists = (reals,)
        else:
            if not reals or not fakes:
                raise AwareNetError(
                    f"[train] input = rows: the train part has {len(reals)} real and {len(fakes)} "
                    "fake crops, both expected; see [data] and [split]"
                )
            self.lists = (reals, fakes) if train.balance == "sampling" else (list(rows),)
            if train.balance == "loss":
                self.class_weights = tuple(len(rows) / (2 * len(x)) for x in (reals, fakes))
        self.orders = [
            Order(len(found), [seed, stream], self.longer)
            for stream, found in zip((4, 6), self.lists, strict=False)
        ]

    @property
    def batches_per_epoch(self) -> int:
        """Batches until every crop was seen; the last one may reach into the next epoch."""
        return math.ceil(max(map(len, self.orders)) / self._places)

    @property
    def _places(self) -> int:
        """How many of each order come in a batch: all of it, or half."""
        alone = self.input == "rows" and len(self.orders) == 1
        return self.size if alone else self.size // 2

    def batch(self, number: int) -> Batch:
        """Make the batch of a number, counted from the start of training.

        Raises:
            AwareNetError: A crop is missing or broken; the message names it.
        """
        rng = np.random.default_rng([self.seed, 3, number])
        crops = np.empty((self.size, self.side, self.side, 3), np.uint8)
        labels, clips = np.empty(self.size, np.float32), []
        for slot, group in enumerate(self._groups(number, rng)):
            conditions = draw_conditions(self.recipe, rng, self.augment)
            for row, scene in self._scenes(group, [self.seed, 9, number, slot]):
                place = len(clips)
                crops[place] = apply_conditions(
                    scene, conditions, box=row.box, landmarks=known_points(row),
                    margin=self.margin, side=self.side,
                )  # fmt: skip
                labels[place] = row.label
                clips.append(row.clip)
        weights = np.array(self.class_weights, np.float32)[labels.astype(int)]
        return Batch(crops, labels, weights, tuple(clips))

    def follow(self, numbers: Sequence[int], loaders: int) -> Iterator[Batch]:
        """Batches of these numbers in this order, made ahead by a thread or by processes.

        Args:
            numbers: Of the batches.
            loaders: Processes; 0: a thread of this one.

        Raises:
            AwareNetError: As `batch`, or a process died.
        """
        if loaders:
            return follow_in_processes(self.batch, numbers, loaders)
        return follow_in_thread(self.batch, numbers)

    def _groups(self, number: int, rng: np.random.Generator) -> Iterator[tuple[Row, ...]]:
        """Rows of a batch; those of a group suffer alike."""
        start, stop = number * self._places, (number + 1) * self._places
        drawn = [order.between(start, stop) for order in self.orders]
        for chosen in zip(*drawn, strict=True):
            rows = [found[index] for found, index in zip(self.lists, chosen, strict=True)]
            if self.input == "pairs":
                fakes = self.partners[chosen[0]]
                yield rows[0], fakes[int(rng.integers(len(fakes)))]
            else:
                yield from ((row,) for row in rows)

    def _scenes(
        self, group: tuple[Row, ...], key: Sequence[int]
    ) -> Iterator[tuple[Row, np.ndarray]]:
        """Stored crops of a group; each with the fake that is made of it, where that is asked."""
        for row in group:
            scene = read_crop(self.root, row.path)
            if self.kind is None:
                yield row, scene
                continue
            real, fake = make_pair(self.kind, (scene, row.mesh), np.random.default_rng(key))
            yield row, real
            yield replace(row, label=1), fake


def _check_settings(settings: TrainerSettings, rows: Sequence[Row]) -> None:
    """Refuse what no batch can be made of."""
    train, augment, prepared = settings.train, settings.augment, settings.prepare.margin
    if train.margin > prepared:
        raise SettingsError(
            f"[train] margin = {train.margin}, but the crops have [prepare] margin = {prepared}; "
            "set one no larger, or prepare again with more"
        )
    if train.batch % 2 and (train.input != "rows" or train.balance == "sampling"):
        raise SettingsError(
            f"[train] batch = {train.batch}; an even number expected, as half of it is fake"
        )
    if not 0 <= augment.crf[0] <= augment.crf[1] <= 51:
        raise SettingsError(
            f"[augment] crf = {list(augment.crf)}; lowest and highest of 0-51 expected"
        )
    if not rows:
        raise AwareNetError("the train part is empty; see [data] and [split] shares")
    if other := next((row for row in rows if row.split != "train"), None):
        raise AwareNetError(f"{other.path} is of the {other.split} part; train rows expected")


def draw_crops(
    rows: Sequence[Row],
    root: Path,
    regime: str | Regime,
    *,
    draws: int,
    margin: float,
    side: int,
    seed: int,
    settings: AugmentSettings = OFF,
) -> tuple[np.ndarray, np.ndarray]:
    """Degrade rows a fixed number of times each, the same way at every call.

    A fake shares its conditions with the real face that it was made of.

    Args:
        rows: Of any part.
        root: Folder of the manifest.
        regime: Of `camera.REGIMES`, by name or itself; or the name of a recipe.
        draws: Of each row.
        margin: Of the crop around the box, of the longer side of it.
        side: Of a crop, px.
        seed: Of the draws.
        settings: [augment], for a recipe.

    Returns:
        (len(rows) * draws, side, side, 3) uint8 RGB crops, and the (len(rows) * draws,) int64
        index of the row that each was made of.
    """
    regime = REGIMES.get(regime, regime) if isinstance(regime, str) else regime
    crops = np.empty((len(rows) * draws, side, side, 3), np.uint8)
    index = np.repeat(np.arange(len(rows)), draws)
    for place, row_index in enumerate(index):
        row = rows[row_index]
        key = int.from_bytes(row.source_clip.encode()[-8:], "big")
        rng = np.random.default_rng([seed, 5, key, place % draws])
        scene = read_crop(root, row.path)
        if isinstance(regime, Regime):
            drawn = draw_degradation(rng, regime)
            crops[place] = degrade(scene, drawn, box=row.box, margin=margin, side=side)
        else:
            crops[place] = apply_conditions(
                scene, draw_conditions(regime, rng, settings), box=row.box,
                landmarks=known_points(row), margin=margin, side=side,
            )  # fmt: skip
    return crops, index


def plain_crops(rows: Sequence[Row], root: Path, *, margin: float, side: int) -> np.ndarray:
    """Crops as they were prepared, nothing augmented: (N, side, side, 3) uint8 RGB.

    Raises:
        AwareNetError: A crop is missing or broken; the message names it.
    """
    crops = np.empty((len(rows), side, side, 3), np.uint8)
    for place, row in enumerate(rows):
        crops[place] = crop_face(read_crop(root, row.path), row.box, margin=margin, side=side)
    return crops
