"""One ensemble of the grid: what it learns from, how its pictures are augmented, where it lies.

What the stages make of an experiment lies in its own folder, so that no two of a grid meet:

    members/FAMILY-INDEX/   weights, learning curve, state of one member
    fit.json metrics.json   tier 2, calibration, threshold; figures
    predictions-*.parquet   what every member says of every crop
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from awarenet.errors import SettingsError
from trainer.settings import TrainerSettings, TrainSettings

if TYPE_CHECKING:
    from awarenet.zoo import Spec
    from trainer.manifest import Row

EVERYTHING, EACH = "all", "each"  # of [grid] data


@dataclass(frozen=True)
class Experiment:
    """One ensemble: `families` times `members` networks under one combiner."""

    settings: TrainerSettings
    data: str  # a data set's name, or "all"
    recipe: str  # of trainer.augmentation.RECIPES

    @property
    def name(self) -> str:
        """As it is called in the run's folder, in tables and in [push] experiment."""
        return f"{self.data}-{self.recipe}"

    @property
    def run(self) -> Path:
        """Folder of the run, with the manifest that all experiments share."""
        return Path(self.settings.data.run)

    @property
    def folder(self) -> Path:
        """Folder of everything that belongs to this experiment alone."""
        return self.run / "experiments" / self.name

    @property
    def manifest(self) -> Path:
        """The table of crops."""
        return self.run / "manifest.parquet"

    @property
    def bundle(self) -> Path:
        """Folder that the page runs: [ensemble] bundle, or one in it where the grid has several."""
        target = Path(self.settings.ensemble.bundle)
        return target if len(experiments(self.settings)) == 1 else target / self.name

    @property
    def families(self) -> tuple[str, ...]:
        """Names of the families, in the order of every array of logits."""
        return self.settings.ensemble.families

    @property
    def members(self) -> list[tuple[str, int]]:
        """Family and number of each member; one of each family before the second of any."""
        return [(f, i) for i in range(self.settings.ensemble.members) for f in self.families]

    @property
    def side(self) -> int:
        """Side of the crops that are cut once for all families, px: the largest one takes."""
        return max(self.spec(family).side for family in self.families)

    def spec(self, family: str) -> Spec:
        """How a family is fed."""
        from awarenet.zoo import adapt_spec, get_spec  # late: torch takes seconds

        own = self.settings.ensemble
        return adapt_spec(get_spec(family), side=own.side, normalization=own.normalization)

    def train(self, family: str) -> TrainSettings:
        """How members of a family are trained: [train], and what its `families` says of this one.

        Raises:
            SettingsError: What it says of this one cannot be.
        """
        try:
            return self.settings.train.of(family)
        except ValueError as error:
            raise SettingsError(f"[train] {error}") from None

    def seed(self, family: str, index: int) -> int:
        """Seed of a member: its number among all members of the ensemble."""
        own = self.settings
        return own.train.seed + self.families.index(family) * own.ensemble.members + index

    @property
    def seeds(self) -> dict[str, list[int]]:
        """Seed of every member, by family."""
        count = self.settings.ensemble.members
        return {family: [self.seed(family, i) for i in range(count)] for family in self.families}

    @property
    def datasets(self) -> list[str]:
        """Names of the data sets and folders of photographs that it learns from."""
        known = learnable(self.settings)
        return known if self.data == EVERYTHING else [self.data]

    def member_folder(self, family: str, index: int) -> Path:
        """Where a member's weights, state and learning curve lie."""
        return self.folder / "members" / f"{family}-{index}"

    def learns_from(self, row: Row) -> bool:
        """Whether a crop's data set is one that this experiment trains and validates on."""
        if row.dataset in self.settings.data.test_photos:
            return False
        return self.data in (EVERYTHING, row.dataset)

    def is_portrait(self, row: Row) -> bool:
        """Whether a crop is of a photograph (or a fake made of one), not of a data set's clip."""
        own = {Path(entry).name for entry in self.settings.data.photos}
        return row.dataset in own or row.dataset in self.settings.data.test_photos

    def rows(self, rows: Iterable[Row], part: str) -> list[Row]:
        """Crops of a part that this experiment learns from.

        The kind of fake that is held out is in none but the test part.
        """
        held_out = self.settings.forge.held_out
        return [
            row
            for row in rows
            if row.split == part
            and self.learns_from(row)
            and (part == "test" or row.method != held_out)
        ]


def experiments(settings: TrainerSettings) -> list[Experiment]:
    """List the grid: every data set of [grid] data times every recipe.

    Raises:
        SettingsError: An empty grid, one that holds an ensemble twice, or data nobody has named.
    """
    known = learnable(settings)
    if EACH in settings.grid.data and not known:
        raise SettingsError(
            "nothing to learn from; add --data NAME=PATH (every time, or as [data] sets), or set "
            "[data] photos"
        )
    asked = [name for one in settings.grid.data for name in (known if one == EACH else [one])]
    recipes = settings.grid.recipes
    grid = [Experiment(settings, data, recipe) for data in asked for recipe in recipes]
    names, known = [one.name for one in grid], [EVERYTHING, *known]
    if unknown := [one.data for one in grid if one.data not in known]:
        raise SettingsError(
            f"[grid] data: no {unknown[0]!r} to learn from; there are {', '.join(known)}"
        )
    if not grid or len(set(names)) < len(names):
        raise SettingsError(
            f"[grid] data = {list(settings.grid.data)}, recipes = {list(settings.grid.recipes)}; "
            "expected one or more of each, none of them twice"
        )
    return grid


def learnable(settings: TrainerSettings) -> list[str]:
    """Names of everything in [data] that can be learned from."""
    return [*settings.data.sets, *(Path(entry).name for entry in settings.data.photos)]
