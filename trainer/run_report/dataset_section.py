"""One ensemble on the test part of one data set."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from trainer.ensembles import TWO_TIERS
from trainer.evaluation.calibration import even_weights
from trainer.evaluation.calibration import reliability as reliability_bins
from trainer.evaluation.robustness import UNTOUCHED
from trainer.plots import (
    auc_bars,
    confusion_matrix,
    precision_recall_curves,
    reliability,
    robustness_curves,
    roc_curves,
    score_distributions,
    scorer_look,
)
from trainer.plots.figures import measured
from trainer.run_report.clip_scores import ClipScores, clip_scores, roc_band
from trainer.run_report.found import Found
from trainer.run_report.page import (
    Block,
    Bullets,
    Picture,
    Pictures,
    Section,
    Table,
    Text,
    draw,
    not_run,
)
from trainer.run_report.words import count, figure_cell, in_words, name_of, sentence

GROUPS = {
    "by_method": ("method", "By method of the fakes, each against all genuine clips"),
    "by_compression": ("compression", "By compression"),
    "by_face_px": ("face, px", "By size of the face in the frame, px"),
}


def dataset_section(found: Found, name: str) -> Section:
    """Figures, curves and tables of a data set that metrics.json has figures of."""
    figures = found.sets[name]
    clips, relation = figures["clips"], "learned from" if figures["learned_from"] else "never seen"
    blocks: list[Block] = [
        Text(
            f"{sentence(figures['protocol'])}. {count(figures['crops'])} crops of "
            f"{count(clips['real'])} genuine and {count(clips['fake'])} fake clips, "
            f"{count(figures['people'])} people; "
            f"the data set was {relation} in training."
        ),
        Text(at_threshold(figures["thresholds"], (found.fitted or {}).get("threshold"))),
    ]
    if figures.get("notes"):
        blocks.append(Bullets([sentence(note) for note in figures["notes"]]))
    blocks.append(_all_figures("Clips", figures["clips_level"]))
    blocks.append(_all_figures("Frames", figures["frames"]))
    blocks.append(paired_table(figures["paired"]))
    blocks += _pictures(found, name, figures)
    for key, (head, caption) in GROUPS.items():
        if figures.get(key):
            rows = [
                [group, figure_cell(auc), count((auc or {}).get("people")),
                 count((auc or {}).get("count"))]
                for group, auc in figures[key].items()
            ]  # fmt: skip
            blocks.append(Table(f"AUC of clips. {caption}", [head, "AUC", "people", "clips"], rows))
    blocks.append(_thresholds(figures["thresholds"]))
    blocks += _robustness(figures)
    return Section(f"Tested on {name}", blocks)


def at_threshold(rows: list[Mapping], shipped: float | None) -> str:
    """Say in words what the shipped threshold did: "5 of 100 genuine clips were flagged"."""
    near = [row for row in rows if shipped is not None and abs(row["threshold"] - shipped) < 1e-3]
    if not near:
        return "Nobody counted what is flagged at the threshold that ships."
    row = min(near, key=lambda row: abs(row["threshold"] - shipped))
    return (
        f"At the threshold that ships, {shipped:.3f}, {count(row['flagged_genuine'])} of "
        f"{count(row['genuine'])} genuine clips were flagged, and {count(row['flagged_fake'])} of "
        f"{count(row['fake'])} fake ones."
    )


def _all_figures(level: str, scorers: Mapping[str, Mapping]) -> Table:
    names = list(dict.fromkeys(key for row in scorers.values() for key in row))
    rows = [
        [scorer, *(figure_cell(row.get(key)) for key in names)] for scorer, row in scorers.items()
    ]
    caption = f"{level}: every scorer, with 95 % intervals over people"
    return Table(caption, ["scorer", *map(name_of, names)], rows)


def paired_table(rows: Sequence[Mapping], samples: str = "clips") -> Table:
    """Show by how much an ensemble is ahead of each other scorer on the same `samples`."""
    cells, of = [], rows[0]["of"] if rows else TWO_TIERS
    brings = "tier 2 brings: AUC of both tiers" if of == TWO_TIERS else f"“{of}” brings: its AUC"
    for row in rows:
        figure = measured(row["auc difference"])
        words = "cannot be told apart"
        if figure.arms and figure.low > 0:
            words = f"{of}: better"
        elif figure.arms and figure.high < 0:
            words = f"{of}: worse"
        cells.append([row["against"], figure_cell(row["auc difference"], 4, sign=True), words])
    return Table(
        f"What {brings} minus that of each other scorer, on the same {samples} and the same draws "
        "of people",
        [f"{of} against", "difference in AUC", "by the 95 % interval"], cells,
    )  # fmt: skip


def _thresholds(rows: list[Mapping]) -> Table:
    cells = [
        [f"{row['threshold']:.3f}", _of(row["flagged_genuine"], row["genuine"]),
         _of(row["flagged_fake"], row["fake"])]
        for row in rows
    ]  # fmt: skip
    head = ["threshold", "genuine clips flagged", "fake clips flagged"]
    return Table("What each threshold flags", head, cells)


def _of(part: int, whole: int) -> str:
    return f"{count(part)} of {count(whole)} ({part / whole:.1%})" if whole else "none there"


def _pictures(found: Found, name: str, figures: Mapping) -> list[Block]:
    families = found.experiment.families
    scorers = {scorer: row.get("auc") for scorer, row in figures["clips_level"].items()}
    colors = {scorer: scorer_look(scorer, families).color for scorer in scorers}
    best = in_words(measured(scorers.get(found.ships)))
    pictures = [
        draw(auc_bars(scorers, colors=colors, title="Scorers, clips"),
             f"AUC of each scorer on clips of {name}; {found.ships} {best}.",
             "AUC of clips by scorer, with 95 % intervals over people.")
    ]  # fmt: skip
    if figures.get("by_method"):
        words = "; ".join(f"{method} {in_words(measured(auc))}"
                          for method, auc in figures["by_method"].items())  # fmt: skip
        pictures.append(
            draw(
                auc_bars(figures["by_method"], title="Methods, clips"),
                f"AUC by method of the fakes: {words}.",
                "AUC of clips by method, each against all genuine clips.",
            )
        )
    predictions = found.predictions(name)
    if predictions is None or found.fitted is None:
        words = f"Curves of single predictions (predictions-{name}.parquet)"
        return [Pictures(pictures), not_run(words, "evaluate")]
    scores = clip_scores(predictions, found.fitted)
    return [Pictures([*_curves(scores, families, name, best), *pictures,
                      *_probabilities(scores, found.fitted, name)])]  # fmt: skip


def _curves(
    scores: ClipScores, families: tuple[str, ...], name: str, best: str
) -> list[Picture]:  # fmt: skip
    band = roc_band(scores.labels, scores.shipped, scores.people)
    bands = {scores.ships: band} if band else None
    share = float(np.mean(scores.labels))
    return [
        draw(roc_curves(scores.labels, scores.log_odds, families, bands=bands),
             f"ROC curves on clips of {name}; AUC of {scores.ships} {best}.",
             f"Clips. Gray band: 95 % interval of {scores.ships} over people."),
        draw(precision_recall_curves(scores.labels, scores.log_odds, families),
             f"Precision against recall on clips of {name}; {share:.1%} of them are fake, which is "
             "the precision of calling everything fake.",
             "Clips. Dotted: the precision of calling everything fake."),
    ]  # fmt: skip


def _probabilities(scores: ClipScores, fitted: Mapping, name: str) -> list[Picture]:
    after = scores.calibrated(fitted["scale"], fitted["offset"])
    before, threshold = scores.calibrated(1.0, 0.0), fitted["threshold"]
    flagged = after >= threshold
    wrong = int((flagged & (scores.labels == 0)).sum())
    missed = int((~flagged & (scores.labels == 1)).sum())
    bins = {
        name: reliability_bins(scores.labels, values, even_weights(scores.labels))
        for name, values in (("before", before), ("calibrated", after))
        if scores.has_both
    }
    return [
        draw(confusion_matrix(scores.labels, after, threshold),
             f"Confusion matrix on clips of {name}: {wrong} genuine clips flagged, {missed} fake "
             "clips not flagged.",
             "Clips at the threshold that ships; shares are of each row."),
        draw(score_distributions(scores.labels, after, threshold),
             f"Calibrated probabilities of real and fake clips of {name}, and the threshold "
             f"{threshold:.3f}.",
             "Calibrated probabilities of clips, of each label by itself."),
        draw(reliability(bins),
             f"Reliability of the probabilities on clips of {name}, before and after calibration.",
             "Clips of this test part, before and after the calibration that was fitted on other "
             "people; both labels weigh the same."),
    ]  # fmt: skip


def _robustness(figures: Mapping) -> list[Block]:
    sweeps = figures.get("robustness")
    if not sweeps:
        return [Text("Robustness: not run ([evaluate] robustness_frames = 0, or the stage "
                     "`evaluate` has not come to it).", "missing")]  # fmt: skip
    levels = [
        (f"{kind}, {entry['level']}", entry["auc"])
        for kind, entries in sweeps.items()
        for entry in entries
    ]
    there = [(name, measured(auc)) for name, auc in levels if measured(auc).is_there]
    clean = next((auc for name, auc in levels if name.endswith(f", {UNTOUCHED}")), None)
    worst = min(there, key=lambda one: one[1].value, default=None)
    words = f"lowest at {worst[0]}: {in_words(worst[1])}" if worst else "nothing measured"
    caption = "AUC of clips whose crops were corrupted, with 95 % intervals over people"
    picture = draw(
        robustness_curves(sweeps, clean=clean),
        f"AUC at each level of each corruption; {words}.", f"{caption}.",
    )  # fmt: skip
    rows = [[name, figure_cell(auc)] for name, auc in levels]
    return [Pictures([picture]), Table(caption, ["corruption and level", "AUC"], rows)]
