"""Whether an ensemble beats its best member, in words that claim no more than the interval does."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from trainer.plots.figures import Figure, measured
from trainer.run_report.words import count, in_words, listed

YES, NO, UNKNOWN = "yes", "no", "cannot be told"
MISSED = 0.05  # share of 95 % intervals that miss the truth


def answer(difference: Figure | float | None) -> str:
    """Say whether a difference is above 0: yes or no where its whole interval is on one side."""
    found = measured(difference)
    if not found.is_there:
        return "not measured"
    if found.arms and found.low > 0:
        return YES
    return NO if found.arms and found.high < 0 else UNKNOWN


def tally(rows: Sequence[Mapping]) -> dict[str, list[str]]:
    """Sort the ensembles among the `rows` of ranks: which are above the best member by answer."""
    found: dict[str, list[str]] = {YES: [], NO: [], UNKNOWN: []}
    for row in rows:
        said = answer(row.get("auc difference"))
        if row["kind"] == "ensemble" and said in found:
            found[said].append(row["scorer"])
    return found


def answers(ranks: Mapping, ships: str, figures: Mapping) -> list[str]:
    """Answer in sentences: for what ships, for all ensembles, and about how the best was picked.

    Args:
        ranks: `best_member` and `rows`, as metrics.json has them for a data set.
        ships: Which ensemble the bundle holds.
        figures: Of the same data set; `clips` and `people` are read.
    """
    rows, best = {row["scorer"]: row for row in ranks["rows"]}, ranks["best_member"]
    found = [_of_shipped(rows.get(ships), ships, best, figures)]
    sorted_names = tally(ranks["rows"])
    total = sum(map(len, sorted_names.values()))
    if total > 1:
        found.append(_of_all(sorted_names, total, best))
    members = [row for row in ranks["rows"] if row["kind"] == "member"]
    top = max(members, key=lambda row: measured(row["auc"]).value, default=None)
    if top and best in rows:
        ahead = measured(top["auc"]).value - measured(rows[best]["auc"]).value
        if ahead > 0:
            found.append(
                f"On this test part {top['scorer']} came out {ahead:.3f} above {best}. To hold "
                "ensembles against it would be to pick a member by the answers of the test."
            )
    return found


def _of_shipped(row: Mapping | None, ships: str, best: str, figures: Mapping) -> str:
    """Yes, no or cannot be told for the ensemble that ships, and by how much."""
    ahead = measured(row.get("auc difference") if row else None)
    if row is None or not ahead.is_there:
        return f"“{ships}”, which ships, was not compared with {best}."
    clips = figures["clips"]
    test = (
        f"{count(clips['real'])} genuine and {count(clips['fake'])} fake clips of "
        f"{count(figures['people'])} people"
    )
    said, gap = answer(row["auc difference"]), _gap(ahead.value, best)
    if not ahead.arms:
        return (
            f"It cannot be told: “{ships}”, which ships, {gap}, but "
            f"{test.replace('people', 'person')} allow no interval over people."
        )
    between = f"95 % interval {ahead.low:+.3f} to {ahead.high:+.3f}; {test}"
    if said == UNKNOWN:
        first = (
            f"It cannot be told: “{ships}”, which ships, {gap}, and the interval holds 0 "
            f"({between})."
        )
    else:
        first = f"{said.capitalize()}: “{ships}”, which ships, {gap} ({between})."
    accuracy = measured(row.get("accuracy difference"))
    if not accuracy.is_there:
        return first
    said = answer(row["accuracy difference"])
    return f"{first} In accuracy at a probability of 0.5: {said}, {in_words(accuracy, sign=True)}."


def _of_all(sorted_names: Mapping[str, Sequence[str]], total: int, best: str) -> str:
    """How many ensembles are above, below or neither, and what chance alone would bring."""

    def some(names: Sequence[str], place: str) -> str:
        if not names:
            return f"none is {place} it"
        named = listed(f"“{name}”" for name in names)  # names hold commas of their own
        return f"{len(names)} {'is' if len(names) == 1 else 'are'} {place} it ({named})"

    # Bonferroni's bound: it holds however much the ensembles have in common
    chance = min(100 * MISSED * total, 100)
    return (
        f"Of all {total} ensembles held against {best}, by the whole interval "
        f"{some(sorted_names[YES], 'above')}, {some(sorted_names[NO], 'below')}, and "
        f"{len(sorted_names[UNKNOWN])} cannot be told from it. An interval misses the truth one "
        f"time in twenty: of tests where no ensemble differs at all, up to {chance:.0f} % would "
        f"still show one of {total} that seems to."
    )


def _gap(value: float, best: str) -> str:
    if abs(value) < 0.0005:
        return f"has the AUC of {best} to three digits"
    return f"is {abs(value):.3f} AUC {'below' if value < 0 else 'above'} {best}"
