"""One ensemble: how its members learned, what tier 2 made of them, how it was calibrated."""

from __future__ import annotations

import math
from collections.abc import Mapping

from trainer.plots import family_weights, learning_curves, reliability
from trainer.plots.figures import number
from trainer.run_report.dataset_section import dataset_section
from trainer.run_report.found import PLAIN, Found
from trainer.run_report.page import Block, Pictures, Section, Table, Text, draw, embed_png, not_run
from trainer.run_report.portrait_section import portrait_section
from trainer.run_report.words import figure_cell, listed, name_of


def experiment_section(found: Found) -> Section:
    """Everything about one ensemble, and each data set it was tested on."""
    own = found.experiment
    pictures = "not augmented" if own.recipe == PLAIN else f"augmented by the recipe “{own.recipe}”"
    lead = Text(f"Learned from {listed(own.datasets)}; training pictures {pictures}.")
    parts = [_training(found), _tier_2(found)]
    if found.metrics is None:
        parts.append(Section("Figures", [not_run("Figures on the test part", "evaluate")]))
    parts += [dataset_section(found, name) for name in found.sets]
    parts += portrait_section(found)
    return Section(f"Ensemble {own.name}", [lead], parts)


def _training(found: Found) -> Section:
    own, blocks = found.experiment, []
    if found.grid:
        caption = f"Training crops as the recipe “{own.recipe}” leaves them"
        blocks.append(Pictures([embed_png(found.grid, f"Grid of face crops. {caption}.", caption)]))
    else:
        blocks.append(not_run("The grid of augmented training crops", "train"))
    if not found.curves:
        return Section("Training", [*blocks, not_run("Learning curves", "train")])
    missing = [f"{f}-{i}" for f, i in own.members if (f, i) not in found.curves]
    if missing:
        blocks.append(Text(f"Not trained yet: {listed(missing)}.", "missing"))
    aucs = [
        number(line.get("validation_auc")) for lines in found.curves.values() for line in lines[-1:]
    ]
    aucs = [value for value in aucs if math.isfinite(value)]
    alt = f"Learning curves of {len(found.curves)} members" + (
        f"; the last validation AUC is {min(aucs):.3f} to {max(aucs):.3f}." if aucs else "."
    )
    figure = learning_curves(found.curves, own.families)
    caption = (
        "Color and marker: family; kind of line: member. Curves were compared on validation people."
    )
    blocks.append(Pictures([draw(figure, alt, caption)]))
    head = ["member", "seed", "steps", "last validation AUC", "best validation AUC",
            "last validation loss, nats", "images a second"]  # fmt: skip
    rows = [
        [f"{f}-{i}", str(own.seed(f, i)), *_summary(lines)]
        for (f, i), lines in found.curves.items()
    ]
    blocks.append(Table("Members, by the last line of their logs", head, rows))
    return Section("Training", blocks)


def _summary(lines: list[dict]) -> list:
    """Cells of one member's row."""
    last = lines[-1]
    aucs = [number(line.get("validation_auc")) for line in lines]
    best = max((value for value in aucs if math.isfinite(value)), default=math.nan)
    steps = number(last.get("step"))
    return [
        f"{steps:,.0f}" if math.isfinite(steps) else "–",
        figure_cell(last.get("validation_auc"), 4),
        figure_cell(best, 4),
        figure_cell(last.get("validation_loss"), 4),
        figure_cell(last.get("images_a_second"), 1),
    ]


def _tier_2(found: Found) -> Section:
    title, fitted = "Family weights, calibration, threshold", found.fitted
    if fitted is None:
        return Section(title, [not_run("Family weights, calibration and threshold", "ensemble")])
    families, weights = found.experiment.families, fitted["weights"]
    words = listed(f"{family} {number(weights.get(family)):.3f}" for family in families)
    blocks: list[Block] = [
        Text(f"Fitted on {fitted.get('fitted_on', 'what nobody noted')}."),
        Text(
            f"“{found.ships}” ships. A clip's log-odds are multiplied by {fitted['scale']:.3f} and "
            f"{fitted['offset']:+.3f} is added; from a probability of {fitted['threshold']:.3f} up "
            "it is flagged as fake."
        ),
    ]
    pictures = [
        draw(
            family_weights(weights, families), f"Share of the vote of each family: {words}.",
            "Shares of the vote that tier 2 learned; the plain mean would give each the same.",
        )
    ]  # fmt: skip
    comparison = (found.metrics or {}).get("calibration") or fitted.get("comparison")
    if comparison and comparison.get("reliability"):
        pictures.append(_reliability(comparison))
    blocks.append(Pictures(pictures))
    if fitted.get("ensembles"):
        blocks.append(_ensembles(fitted["ensembles"], found.ships))
    if comparison:
        blocks.append(_methods(comparison))
    if fitted.get("table"):
        rows = [
            [f"{row['threshold']:.2f}", f"{row['false_alarm_rate']:.1%}",
             f"{row['detection_rate']:.1%}"]
            for row in fitted["table"]
        ]  # fmt: skip
        blocks.append(Table(
            "What each threshold did to the clips that it was chosen on (optimistic: see the test "
            "parts below)", ["threshold", "genuine clips flagged", "fake clips flagged"], rows,
        ))  # fmt: skip
    return Section(title, blocks)


def _ensembles(ensembles: Mapping[str, Mapping], ships: str) -> Table:
    """Every ensemble that was fitted, the one in the bundle marked."""
    rows = [
        [f"{name} (ships)" if name == ships else name, one["combiner"],
         ", ".join(f"{family} {share:.3f}" for family, share in one["weights"].items()),
         one["chosen_by"]]
        for name, one in ensembles.items()
    ]  # fmt: skip
    caption = (
        "Ensembles that were fitted on validation people. Shares of a stack say how much its "
        "forest heeds each family"
    )
    return Table(caption, ["ensemble", "combiner", "families and shares", "why these"], rows)


def _reliability(comparison: Mapping):
    """Diagram of the calibration that was chosen: rows of bins, or a name for each of several."""
    bins = comparison["reliability"]
    if not isinstance(bins, Mapping):
        bins = {str(comparison.get("chosen", "calibrated")): bins}
    said = listed(bins)
    return draw(
        reliability(bins), f"Reliability diagram of the probabilities {said}.",
        f"Of clips that were given a probability, how many were fake: {said}. On the dotted line a "
        "probability means what it says.",
    )  # fmt: skip


def _methods(comparison: Mapping) -> Table:
    """Kinds of calibration side by side."""
    chosen = comparison.get("chosen")
    names = list(dict.fromkeys(key for row in comparison["methods"].values() for key in row))
    rows = [
        [f"{name} (used)" if name == chosen else name,
         *(figure_cell(row.get(key), 4) for key in names)]
        for name, row in comparison["methods"].items()
    ]  # fmt: skip
    caption = f"Kinds of calibration compared: {comparison.get('protocol', 'protocol not noted')}"
    return Table(caption, ["calibration", *map(name_of, names)], rows)
