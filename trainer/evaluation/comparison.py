"""Tables across ensembles and data sets: who learned from what, how that went, what others say.

`figures` is everywhere experiment -> data set -> what `datasets.measure_dataset` gave back.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from trainer.evaluation.datasets import SetFigures
from trainer.evaluation.metrics import Figure
from trainer.evaluation.predictions import TWO_TIERS
from trainer.evaluation.published import PUBLISHED, SETS, Published

Results = Mapping[str, Mapping[str, SetFigures]]

LEVELS = {"frames": "frame", "clips_level": "clip"}
HEADINGS = (
    "system", "learned from", "level", "AUC", "F1", 'F1 of "fake" always', "how it was measured",
    "source",
)  # fmt: skip
NOTE = (
    "Rows with another level, training set or split measure something else; they stand here so "
    "that the difference is seen, not to be ranked."
)


def cross_matrix(figures: Results) -> list[dict[str, Any]]:
    """List the clip AUC of every ensemble on every data set.

    Returns:
        Rows of `experiment`, `dataset`, `learned_from` (the diagonal of the matrix), `auc` (a
        figure of the two tiers on clips), `clips` (how many real and fake) and `protocol`.
    """
    return [
        {
            "experiment": experiment,
            "dataset": dataset,
            "learned_from": found["learned_from"],
            "auc": found["clips_level"][TWO_TIERS]["auc"],
            "clips": found["clips"],
            "protocol": found["protocol"],
        }
        for experiment, sets in figures.items()
        for dataset, found in sets.items()
    ]


def published_comparison(figures: Results) -> str:
    """Set a run beside what was published on the same data sets: Markdown, one table each.

    A data set of which nothing was published gets our rows alone.
    """
    datasets = sorted({dataset for sets in figures.values() for dataset in sets})
    tables = [
        f"### {SETS.get(dataset, dataset)}\n\n"
        + _table([*_ours(figures, dataset), *_theirs(dataset)])
        for dataset in datasets
    ]
    return "\n\n".join([*tables, NOTE]) if tables else "No data set was tested on.\n"


def _ours(figures: Results, dataset: str) -> list[Sequence[str]]:
    rows = []
    for experiment, sets in figures.items():
        if dataset not in sets:
            continue
        found = sets[dataset]
        learned = "another part of it" if found["learned_from"] else "other data"
        for key, level in LEVELS.items():
            auc, f1, trivial = (
                found[key][TWO_TIERS][name] for name in ("auc", "f1", "all_fake_f1")
            )
            figures_in_words = (_interval(auc), _interval(f1), f"{trivial['value']:.4f}")
            how = (found["protocol"], "this run")
            rows.append((f"**{experiment}**", learned, level, *figures_in_words, *how))
    return rows


def _theirs(dataset: str) -> list[Sequence[str]]:
    return [_row(one) for one in PUBLISHED if one.tested_on == dataset]


def _row(one: Published) -> Sequence[str]:
    f1 = "not published" if one.f1 is None else f"{one.f1:.4f}"
    how = "; ".join(filter(None, (one.split, one.remark)))
    return (
        one.system, one.trained_on, one.level, f"{one.auc:.4f}", f1, "not published", how,
        one.source,
    )  # fmt: skip


def _interval(figure: Figure) -> str:
    return f"{figure['value']:.4f} [{figure['low']:.4f}, {figure['high']:.4f}]"


def _table(rows: Sequence[Sequence[str]]) -> str:
    lines = [HEADINGS, ["---"] * len(HEADINGS), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)
