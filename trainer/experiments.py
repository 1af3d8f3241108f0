"""One ensemble of the grid: what it learns from, how its pictures are augmented, where it lies.

What the stages make of an experiment lies in its own folder, so that no two of a grid meet:

    members/FAMILY-INDEX/   weights, learning curve, state of one member
    fit.json metrics.json   tier 2, calibration, threshold; figures
    bundle/                 what the page runs, where the grid has several
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from awarenet.errors import SettingsError
from awarenet.zoo import Spec, adapt_spec, get_spec
from trainer.manifest import Row
from trainer.settings import TrainerSettings

EVERYTHING = "all"  # of [grid] data


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
        own = self.settings.ensemble
        return adapt_spec(get_spec(family), side=own.side, normalization=own.normalization)

    def seed(self, family: str, index: int) -> int:
        """Seed of a member: its number among all members of the ensemble."""
        own = self.settings
        return own.train.seed + self.families.index(family) * own.ensemble.members + index

    def member_folder(self, family: str, index: int) -> Path:
        """Where a member's weights, state and learning curve lie."""
        return self.folder / "members" / f"{family}-{index}"

    def learns_from(self, row: Row) -> bool:
        """Whether a crop's data set is one that this experiment trains and validates on."""
        if row.dataset in self.settings.data.test_photos:
            return False
        return self.data in (EVERYTHING, row.dataset)

    def rows(self, rows: Iterable[Row], part: str) -> list[Row]:
        """Crops of a part that this experiment learns from."""
        return [row for row in rows if row.split == part and self.learns_from(row)]


def experiments(settings: TrainerSettings) -> list[Experiment]:
    """List the grid: every data set of [grid] data times every recipe.

    Raises:
        SettingsError: An empty grid, or one that holds an ensemble twice.
    """
    grid = [
        Experiment(settings, data, recipe)
        for data in settings.grid.data
        for recipe in settings.grid.recipes
    ]
    names = [one.name for one in grid]
    if not grid or len(set(names)) < len(names):
        raise SettingsError(
            f"[grid] data = {list(settings.grid.data)}, recipes = {list(settings.grid.recipes)}; "
            "expected one or more of each, none of them twice"
        )
    return grid
