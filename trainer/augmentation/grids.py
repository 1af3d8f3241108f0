"""Pictures of what training sees: crops as they were prepared, and below them what becomes of them.

A column is a crop, a line a draw. A real crop and the fake made of it stand side by side and share
their draws, as they do in a batch of pairs.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np

from awarenet.atomic import written_whole
from awarenet.errors import AwareNetError
from awarenet.faces import crop_face
from trainer.augmentation import apply_conditions, draw_conditions
from trainer.augmentation.cut_outs import known_points
from trainer.batches.pairing import pair_up
from trainer.extraction.crops import read_crop
from trainer.manifest import Row, iterate_manifest
from trainer.portraits.forge import MADE_OF_ITSELF, make_pair
from trainer.settings import TrainerSettings
from trainer.stamps import needed

if TYPE_CHECKING:
    from trainer.experiments import Experiment

CELL = 160  # px, side of a crop
GAP = 4  # px between crops
LABEL = 22  # px, height of the line of labels, and width of the column of them
LINES = 6
INK = (40, 40, 40)
MADE = "fake: made here"  # above one that is made of the real face, which no file holds


def sample_grid(
    rows: Sequence[Row],
    root: Path,
    settings: TrainerSettings,
    recipe: str,
    *,
    lines: int = LINES,
    seed: int = 0,
) -> np.ndarray:
    """Draw a grid: its first line the crops as they are, the others augmented.

    Args:
        rows: To choose from: real crops and fakes made of them as far as there are any.
        root: Folder of the manifest.
        settings: [augment] grid_columns, cut_out and recompress; [train] input and margin.
        recipe: Of `trainer.augmentation.RECIPES`.
        lines: How many, the first one included.
        seed: Of the draws.

    Returns:
        (H, W, 3) uint8 RGB.

    Raises:
        AwareNetError: There are no rows, or a crop is missing.
        SettingsError: There is no such recipe.
    """
    if not rows:
        raise AwareNetError("no crop to show in a grid of samples; see [data] and [split] shares")
    kind = MADE_OF_ITSELF.get(settings.train.input)
    columns = _choose(rows, settings.augment.grid_columns, kind is not None)
    cells = [[] for _ in range(lines)]
    for row, name, pair in columns:
        scene = read_crop(root, row.path)
        if kind is not None and row.label == 0 and row.mesh is not None:
            both = make_pair(kind, (scene, row.mesh), np.random.default_rng([seed, pair]))
            scene = both[name == MADE]
        margin = settings.train.margin
        cells[0].append(crop_face(scene, row.box, margin=margin, side=CELL))
        for line in range(1, lines):
            rng = np.random.default_rng([seed, line, pair])
            cells[line].append(
                apply_conditions(
                    scene, draw_conditions(recipe, rng, settings.augment), box=row.box,
                    landmarks=known_points(row), margin=margin, side=CELL,
                )
            )  # fmt: skip
    return _lay_out(cells, [name for _, name, _ in columns], recipe)


def write_grids(experiment: Experiment, path: Path) -> Path:
    """Write the grid of an experiment's training crops as PNG, whole.

    Args:
        experiment: Whose manifest, recipe and settings are shown.
        path: Of the picture; its folder is made.

    Raises:
        AwareNetError: There is no manifest, or no crop to train on.
    """
    rows = experiment.rows(iterate_manifest(needed(experiment.manifest, "prepare")), "train")
    recipe = experiment.recipe
    lines = LINES if recipe != "none" else 1  # the others would show the same again
    grid = sample_grid(rows, experiment.run, experiment.settings, recipe, lines=lines)
    _, data = cv2.imencode(".png", cv2.cvtColor(grid, cv2.COLOR_RGB2BGR))
    path.parent.mkdir(parents=True, exist_ok=True)
    with written_whole(path) as temporary:
        temporary.write_bytes(data.tobytes())
    return path


def _choose(rows: Sequence[Row], count: int, made: bool) -> list[tuple[Row, str, int]]:
    """Crops, what is written above them, and the number of their pair, evenly over the rows."""
    wanted = -(-count // 2)
    if made:
        reals = [row for row in rows if row.label == 0 and row.mesh is not None]
        couples = [((row, "real"), (row, MADE)) for row in _spread(reals, wanted)]
    else:
        paired, partners = pair_up(rows)
        places = _spread(range(len(paired)), wanted)
        couples = []
        for number, place in enumerate(places):  # from another part of each list: kinds differ
            fake = partners[place][number * len(partners[place]) // len(places)]
            couples.append(((paired[place], "real"), (fake, _name(fake))))
    if not couples:  # no fake of any of these real crops: whatever there is
        couples = [
            ((row, f"fake: {row.method}" if row.label else "real"),) for row in _spread(rows, count)
        ]
    columns = [(row, name, pair) for pair, couple in enumerate(couples) for row, name in couple]
    return columns[:count]


def _name(row: Row) -> str:
    return f"fake: {row.method}" if row.label else "real"


def _spread(things: Sequence, count: int) -> list:
    """Take `count` things at most, evenly."""
    count = min(count, len(things))
    return [things[(2 * place + 1) * len(things) // (2 * count)] for place in range(count)]


def _lay_out(
    cells: Sequence[Sequence[np.ndarray]], names: Sequence[str], recipe: str
) -> np.ndarray:
    """Put cells under their names and beside the number of their draw, on white."""
    step = CELL + GAP
    height, width = LABEL + step * len(cells), LABEL + step * len(names)
    sheet = np.full((height, width, 3), 255, np.uint8)
    for column, name in enumerate(names):
        _write(sheet, name, (LABEL + column * step, 0), CELL)
    aside = np.full((width, height, 3), 255, np.uint8)  # written across, turned later
    for line, row in enumerate(cells):
        top = LABEL + line * step
        text = f"{recipe} {line}" if line else "as prepared"
        _write(aside, text, (height - top - CELL, 0), CELL)
        for column, crop in enumerate(row):
            left = LABEL + column * step
            sheet[top : top + CELL, left : left + CELL] = crop
    turned = cv2.rotate(aside, cv2.ROTATE_90_COUNTERCLOCKWISE)
    sheet[LABEL:, :LABEL] = turned[LABEL:, :LABEL]
    return sheet


def _write(sheet: np.ndarray, text: str, corner: tuple[int, int], width: int) -> None:
    """Write a line of text into a sheet, as large as fits."""
    (length, _), _ = cv2.getTextSize(text, cv2.FONT_HERSHEY_SIMPLEX, 0.5, 1)
    size = 0.5 * min(1.0, width / max(length, 1))
    place = (corner[0], corner[1] + LABEL - 7)
    cv2.putText(sheet, text, place, cv2.FONT_HERSHEY_SIMPLEX, size, INK, 1, cv2.LINE_AA)
