"""Does an ensemble beat its best member? By how much, and can this test tell?

The question of Stronger Together (Gardner, 2020), put to every ensemble of a run: all differences
are paired, scorer less best member, on the same clips and the same draws of people. The best
member was picked on validation, so nobody who is tested on helped to pick it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from trainer.plots import confusion_counts, difference_forest
from trainer.plots.figures import Figure, measured
from trainer.run_report.answers import answer, answers, tally
from trainer.run_report.found import Found
from trainer.run_report.page import Block, Pictures, Section, Table, Text, draw, not_run
from trainer.run_report.words import figure_cell, in_words

TITLE = "Does an ensemble beat its best member?"
AT_THRESHOLD = ("accuracy", "sensitivity", "specificity")
LEAD = (
    "The ensemble that ships is held against the best of its members alone, on the same clips and "
    "the same draws of people. Validation picked that member, not this test. “Yes” and “no” mean "
    "that the whole 95 % interval of the difference lies on one side of 0; where it does not, this "
    "test is too small to tell, which is not the same as no difference."
)
READ_ALIKE = (
    "Every scorer's probabilities are calibrated, each on the same clips of validation people. "
    "Accuracy on clips is that at a probability of 0.5, which favors nobody. Sensitivity, "
    "specificity, and all of these on frames are at the threshold that ships: it was chosen for "
    "the ensemble that ships, and another scorer may do better at one of its own. The AUC depends "
    "on neither."
)


def ranks_section(grid: Sequence[Found]) -> list[Section]:
    """One row and one part for each ensemble and data set; nothing where no set was tested on."""
    if not any(found.metrics for found in grid):
        return [Section(TITLE, [not_run("The comparison with the best members", "evaluate")])]
    tested = [(found, name) for found in grid for name in found.sets]
    ranked = [(found, name) for found, name in tested if found.sets[name].get("ranks")]
    if not tested:
        return []
    if not ranked:
        words = "The figures of this run were made before ensembles were compared with their best "
        return [Section(TITLE, [Text(f"{words}members; run `evaluate` again.", "missing")])]
    head = ["ensemble", "tested on", "learned from it", "what ships", "AUC", "best member", "AUC",
            "difference", "does it beat that member?", "all ensembles"]  # fmt: skip
    rows = [_overview(found, name) for found, name in ranked]
    table = Table(
        "AUC of clips; the difference is what ships less the best member. Last column: how many of "
        "all ensembles that were tried are above that member, below it, or cannot be told from it",
        head, rows,
    )  # fmt: skip
    blocks = [Text(LEAD), table, Text(READ_ALIKE)]
    return [Section(TITLE, blocks, [_part(found, name) for found, name in ranked])]


def _overview(found: Found, name: str) -> list:
    figures, ranks = found.sets[name], found.sets[name]["ranks"]
    rows = {row["scorer"]: row for row in ranks["rows"]}
    ships, best = found.ships, ranks["best_member"]
    ahead = rows.get(ships, {}).get("auc difference")
    above, below, unknown = map(len, tally(ranks["rows"]).values())
    return [
        found.experiment.name, name, "yes" if figures["learned_from"] else "no", ships,
        figure_cell(rows.get(ships, {}).get("auc")), best,
        figure_cell(rows.get(best, {}).get("auc")), figure_cell(ahead, sign=True), answer(ahead),
        f"{above} above, {below} below, {unknown} cannot be told",
    ]  # fmt: skip


def _part(found: Found, name: str) -> Section:
    """One ensemble on one data set: the answer, the ranks, the plots, the frames."""
    figures, ranks = found.sets[name], found.sets[name]["ranks"]
    best, families = ranks["best_member"], found.experiment.families
    rows = _without_twins(ranks["rows"], found)
    blocks: list[Block] = [Text(words) for words in answers(ranks, found.ships, figures)]
    blocks.append(_clip_table(rows, ranks, found.ships, figures["clips_level"]))
    pictures = []
    for key, said in (("auc", "AUC"), ("accuracy", "accuracy")):
        differences = {
            row["scorer"]: row.get(f"{key} difference") for row in rows if row["scorer"] != best
        }
        against = in_words(measured(differences.get(found.ships)), sign=True)
        picture = difference_forest(differences, families, reference=best, figure_name=said)
        pictures.append(draw(
            picture, f"Difference in {said} of each scorer to {best} on clips of {name}; "
            f"{found.ships} {against}.",
            f"Clips of {name}: {said} of each scorer less that of {best}, the best member on "
            "validation, with paired 95 % intervals over people; the best AUC on top.",
        ))  # fmt: skip
    for scorer in dict.fromkeys((found.ships, best)):
        counts = flag_counts(figures["clips_level"].get(scorer, {}), figures["clips"])
        if counts is not None:
            pictures.append(draw(
                confusion_counts(counts, title=scorer),
                f"Confusion matrix of {scorer} on clips of {name}: {counts[0, 1]} genuine clips "
                f"flagged, {counts[1, 0]} fake clips not flagged.",
                f"Clips of {name}, as {scorer} flags them at the threshold that ships.",
            ))  # fmt: skip
    blocks += [Pictures(pictures), _frame_table(rows, figures["frames"])]
    return Section(f"{found.experiment.name}, tested on {name}", blocks)


def flag_counts(figures: Mapping[str, Figure], clips: Mapping[str, int]) -> np.ndarray | None:
    """Count back from sensitivity and specificity how many clips were called what.

    They are kept to four digits, which gives the very counts of fewer than 10,000 clips a class.

    Args:
        figures: Of one scorer on clips.
        clips: How many are `real` and `fake`.

    Returns:
        (2, 2) integers, rows real and fake, columns not flagged and flagged; None where the two
        figures are not there, or too coarse.
    """
    right = [measured(figures.get(key)).value for key in ("specificity", "sensitivity")]
    totals = np.array([clips["real"], clips["fake"]])
    if not np.isfinite(right).all() or totals.max() >= 10_000:
        return None
    kept, flagged = np.rint(np.array(right) * totals).astype(int)
    return np.array([[kept, totals[0] - kept], [totals[1] - flagged, flagged]])


def _clip_table(
    rows: Sequence[Mapping], ranks: Mapping, ships: str, scorers: Mapping[str, Mapping]
) -> Table:
    best, cells = ranks["best_member"], []
    notes = {best: "best member", ranks.get("best_family"): "best family", ships: "ships"}
    for place, row in enumerate(rows, 1):
        name, own = row["scorer"], scorers.get(row["scorer"], {})
        ahead = [row.get(f"{key} difference") for key in ("auc", "accuracy")]
        cells.append([
            f"{name} ({notes[name]})" if name in notes else name, str(place), row["kind"],
            *(figure_cell(figure) for figure in (row["auc"], row["accuracy"])),
            *(figure_cell(own.get(key)) for key in AT_THRESHOLD[1:]),
            *("–" if name == best else figure_cell(figure, sign=True) for figure in ahead),
            "it is the best" if name == best else answer(ahead[0]),
        ])  # fmt: skip
    head = ["scorer", "rank", "kind", "AUC", "accuracy at 0.5", *AT_THRESHOLD[1:],
            f"AUC less {best}", f"accuracy less {best}", "above it in AUC?"]  # fmt: skip
    caption = (
        "Ranks on clips: every scorer by its AUC, and by how much it is above the best member, "
        "with 95 % intervals over people. Best: by validation"
    )
    return Table(caption, head, cells)


def _frame_table(rows: Sequence[Mapping], scorers: Mapping[str, Mapping]) -> Table:
    kinds = {row["scorer"]: row["kind"] for row in rows if row["scorer"] in scorers}
    order = sorted(kinds, key=lambda name: -np.nan_to_num(measured(scorers[name].get("auc")).value))
    cells = [
        [name, str(place), kinds[name],
         *(figure_cell(scorers[name].get(key)) for key in ("auc", *AT_THRESHOLD))]
        for place, name in enumerate(order, 1)
    ]  # fmt: skip
    return Table(
        "Ranks on frames: the same scorers by their AUC on single crops, with 95 % intervals over "
        "people",
        ["scorer", "rank", "kind", "AUC", *AT_THRESHOLD], cells,
    )  # fmt: skip


def _without_twins(rows: Sequence[Mapping], found: Found) -> list[Mapping]:
    """Leave out families of one member: they are that member."""
    alone = len(found.experiment.members) == len(found.experiment.families)
    return [row for row in rows if not (alone and row["kind"] == "family")]
