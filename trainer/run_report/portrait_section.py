"""Figures on portraits and on clips of our own: what the demo ensemble is tested on."""

from __future__ import annotations

from collections.abc import Mapping

from trainer.plots import auc_bars, scorer_look
from trainer.plots.figures import measured
from trainer.run_report.dataset_section import paired_table
from trainer.run_report.found import Found
from trainer.run_report.page import Block, Pictures, Section, Table, Text, draw
from trainer.run_report.words import count, figure_cell, in_words, share

REGIMES = (
    "Clean: face of 120 to 160 px, JPEG quality 75 to 95 or H.264 CRF 16 to 23. "
    "Hard: face of 48 to 96 px, JPEG quality 30 to 60 or CRF 28 to 36."
)


def portrait_section(found: Found) -> list[Section]:
    """Tables of crops, of members and of clips; no section where nothing of the kind was tested."""
    metrics, blocks = found.metrics or {}, []
    crops, members, clips = (metrics.get(key) or {} for key in ("crops", "members", "clips"))
    if crops:
        blocks += [Text(REGIMES), _crops(crops, found.experiment.settings.forge.held_out)]
        blocks.append(Pictures([_bars(name, kinds) for name, kinds in crops.items()]))
    if members:
        blocks += _members(members, found)
        paired = metrics.get("paired") or {}
        blocks += [paired_table(rows, f"{regime} crops") for regime, rows in paired.items()]
    if clips:
        blocks.append(_clips(clips))
        blocks.append(Text(
            "Flagged: the probability reaches the threshold. The verdicts also ask that the whole "
            "interval lies on one side of it."
        ))  # fmt: skip
    return [Section("Portraits, and clips of our own", blocks)] if blocks else []


def _crops(crops: Mapping, held_out: str) -> Table:
    rows = [
        [people, f"{kind} (never trained on)" if kind == held_out else kind, figure_cell(figure),
         count((figure or {}).get("people")), count((figure or {}).get("count"))]
        for people, kinds in crops.items()
        for kind, figure in kinds.items()
    ]  # fmt: skip
    return Table("AUC on single crops of portraits", ["people", "kind of fake", "AUC", "people in "
                 "the test", "crops"], rows)  # fmt: skip


def _bars(name: str, kinds: Mapping):
    words = "; ".join(f"{kind} {in_words(measured(figure))}" for kind, figure in kinds.items())
    caption = f"Crops of {name}: AUC by kind of fake, with 95 % intervals over people."
    return draw(auc_bars(kinds, title=name), f"AUC by kind of fake, {name}: {words}.", caption)


def _members(members: Mapping, found: Found) -> list[Block]:
    regimes, families, ships = list(members), found.experiment.families, found.ships
    names = list(dict.fromkeys(name for scored in members.values() for name in scored))
    rows = [[name, *(figure_cell(members[r].get(name), 4) for r in regimes)] for name in names]
    hardest = regimes[-1]
    colors = {name: scorer_look(name, families).color for name in names}
    picture = draw(
        auc_bars(members[hardest], colors=colors, title=f"Scorers, {hardest}"),
        f"AUC of each scorer on {hardest} crops; {ships} "
        f"{in_words(measured(members[hardest].get(ships)))}.",
        f"The ensemble and its parts on {hardest} crops.",
    )
    return [
        Table(
            "AUC over all kinds of fakes, the ensemble and its parts", ["scorer", *regimes], rows
        ),
        Pictures([picture]),
    ]


def _clips(clips: Mapping) -> Table:
    rows = []
    for name, result in clips.items():
        for label in ("genuine", "fake"):
            if label not in result:
                continue
            row = result[label]
            auc = figure_cell(result.get("auc")) if label == "fake" else ""
            rows.append([name, label, count(row["clips"]), share(row["flagged"]),
                         *(count(row[word]) for word in ("fake", "inconclusive", "real")), auc,
                         count(result.get("without an answer"))])  # fmt: skip
    head = ["clips", "what they are", "how many", "flagged", "called fake", "called inconclusive",
            "called real", "AUC", "without an answer"]  # fmt: skip
    return Table("Clips at the threshold that ships", head, rows)
