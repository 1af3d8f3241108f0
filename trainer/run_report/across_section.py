"""All ensembles of the grid side by side, and beside what others have published."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from trainer.evaluation.published import PUBLISHED, SETS
from trainer.plots import heat_map
from trainer.plots.figures import measured
from trainer.run_report.clip_scores import ClipScores, clip_scores, gain
from trainer.run_report.found import PLAIN, Found
from trainer.run_report.page import Block, Cell, Link, Pictures, Section, Table, Text, draw, not_run
from trainer.run_report.words import figure_cell, in_words, listed


def across_section(grid: Sequence[Found]) -> Section:
    """The cross-data-set matrix, and what augmentation brought."""
    return Section("Across ensembles", (), [_matrix(grid), _augmentation(grid)])


def _auc(found: Found, dataset: str, level: str = "clips_level") -> Mapping | None:
    return found.sets.get(dataset, {}).get(level, {}).get(found.ships, {}).get("auc")


def _datasets(grid: Sequence[Found]) -> list[str]:
    """Every data set that any ensemble was tested on."""
    return list(dict.fromkeys(name for found in grid for name in found.sets))


def _matrix(grid: Sequence[Found]) -> Section:
    title, columns = "Trained on one, tested on another", _datasets(grid)
    if not columns:
        words = not_run("The matrix of data sets", "evaluate")
        if any(found.metrics for found in grid):
            words = Text("No data set of [data] sets was tested on, so there is no matrix.",
                         "missing")  # fmt: skip
        return Section(title, [words])
    names = [found.experiment.name for found in grid]
    cells = {
        (found.experiment.name, column): _auc(found, column) for found in grid for column in columns
    }
    learned = {
        (found.experiment.name, column)
        for found in grid
        for column, figures in found.sets.items()
        if figures["learned_from"]
    }
    elsewhere = [
        measured(cell).value
        for key, cell in cells.items()
        if key not in learned and measured(cell).is_there
    ]
    alt = "AUC of clips of each ensemble on each data set"
    if elsewhere:
        alt += (f"; on data sets that were not learned from {min(elsewhere):.3f} to "
                f"{max(elsewhere):.3f}")  # fmt: skip
    picture = draw(
        heat_map(cells, names, columns, learned=learned), f"{alt}.",
        "AUC of clips, of what ships. Outlined: the ensemble learned from other people of that "
        "data set. The other cells tell how it does on data that it does not know.",
    )  # fmt: skip
    rows = [
        [name, *(_marked(cells[name, c], (name, c) in learned) for c in columns)] for name in names
    ]
    table = Table("The same numbers; * learned from that data set", ["ensemble", *columns], rows)
    missing = [found.experiment.name for found in grid if not found.sets]
    notes = [not_run(f"Figures of {listed(missing)}", "evaluate")] if missing else []
    return Section(title, [Pictures([picture]), table, *notes])


def _marked(figure: Mapping | None, learned: bool) -> Cell:
    cell = figure_cell(figure)
    return cell._replace(words=f"{cell.words} *") if learned else cell


def _augmentation(grid: Sequence[Found]) -> Section:
    """Ensembles that differ in their recipe alone, side by side."""
    title, rows = "With and without augmentation", []
    scores: dict[tuple[str, str], ClipScores | None] = {}
    for found in grid:
        plain = _without(grid, found)
        if plain is None:
            continue
        for dataset in found.sets:
            if dataset not in plain.sets:
                continue
            for one in (found, plain):
                key = (one.experiment.name, dataset)
                if key not in scores:
                    scores[key] = _scores(one, dataset)
            pair = [scores[one.experiment.name, dataset] for one in (found, plain)]
            resamples = found.experiment.settings.evaluate.resamples
            difference = gain(*pair, resamples=resamples) if all(pair) else None
            rows.append([
                found.experiment.data, dataset, found.experiment.recipe,
                figure_cell(_auc(plain, dataset)), figure_cell(_auc(found, dataset)),
                figure_cell(difference, 4, sign=True),
            ])  # fmt: skip
    if not rows:
        words = "No two ensembles with figures differ in augmentation alone: nothing to compare."
        return Section(title, [Text(words, "missing")])
    head = ["learned from", "tested on", "recipe", "AUC without", "AUC with the recipe",
            "difference"]  # fmt: skip
    caption = (
        "AUC of clips. The interval of the difference is paired: the same clips and the same draws "
        "of people for both ensembles"
    )
    return Section(title, [Table(caption, head, rows)])


def _without(grid: Sequence[Found], found: Found) -> Found | None:
    """The ensemble that learned from the same data without augmentation."""
    own = found.experiment
    if own.recipe == PLAIN:
        return None
    same = (o for o in grid if (o.experiment.data, o.experiment.recipe) == (own.data, PLAIN))
    return next(same, None)


def _scores(found: Found, dataset: str) -> ClipScores | None:
    predictions = found.predictions(dataset)
    if predictions is None or found.fitted is None:
        return None
    return clip_scores(predictions, found.fitted)


def published_section(grid: Sequence[Found]) -> Section:
    """Published rows and this run's, each with its protocol, one table a data set."""
    title, tested = "Beside published figures", _datasets(grid)
    known = [name for name in tested if any(row.tested_on == name for row in PUBLISHED)]
    if not known:
        words = f"Of {listed(SETS.values())}, of which published figures are kept here, this run "
        return Section(title, [Text(f"{words}tested on none so far.", "missing")])
    lead = Text(
        "Two rows can be compared only where level, training data, and split are the same. They "
        "seldom are: an AUC of frames is not one of clips, and frames dealt out at random put the "
        "same clip into training and test.", "warning",
    )  # fmt: skip
    head = ["who", "trained on", "level", "split", "learned from it", "AUC", "F1", "remark",
            "source"]  # fmt: skip
    blocks: list[Block] = [lead]
    for name in known:
        rows = [row for found in grid for row in _own_rows(found, name)]
        rows += [_published_row(row) for row in PUBLISHED if row.tested_on == name]
        blocks.append(Table(f"Tested on {SETS.get(name, name)}", head, rows))
    return Section(title, blocks)


def _own_rows(found: Found, dataset: str) -> list[list[Cell]]:
    if dataset not in found.sets:
        return []
    own, figures = found.experiment, found.sets[dataset]
    all_fake = measured(figures["clips_level"][found.ships].get("all_fake_f1"))
    return [
        [f"this run, {own.name}", f"{listed(own.datasets)}, recipe “{own.recipe}”", level,
         figures["protocol"], "yes" if figures["learned_from"] else "no",
         figure_cell(figures[key][found.ships].get("auc")),
         figure_cell(figures[key][found.ships].get("f1")),
         f"F1 of calling every clip fake: {in_words(all_fake)}" if level == "clip" else "",
         "this page"]
        for level, key in (("clip", "clips_level"), ("frame", "frames"))
    ]  # fmt: skip


def _published_row(row) -> list[Cell]:
    address, _, rest = row.source.partition(", ")
    return [
        row.system, row.trained_on, row.level, row.split, "yes" if row.learned_from else "no",
        figure_cell(row.auc, 4), figure_cell(row.f1, 4), row.remark,
        Link(rest or address, address),
    ]  # fmt: skip
