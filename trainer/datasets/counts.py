"""What an index found beside what the authors of the data set published."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from trainer.datasets.clip import Clip
from trainer.datasets.registry import DATASETS

_PARTS = ("train", "validation", "test", "")
_HEADER = ("train", "validation", "test", "no part", "all", "published")


def count_table(clips: Sequence[Clip], published: Mapping[str, int] | None = None) -> str:
    """Count clips per method and official part, as a table in plain text.

    Args:
        clips: Of any number of data sets and compressions; each of these gets a table.
        published: Method -> count that the authors give, `a + b` for both together; None takes
            those of each data set from DATASETS.

    Returns:
        Lines without a line break at the end. Where more or fewer were found than published, the
        difference stands beside the published count.
    """
    groups: dict[tuple[str, str], list[Clip]] = {}
    for clip in clips:
        groups.setdefault((clip.dataset, clip.compression), []).append(clip)
    tables = []
    for (dataset, compression), members in sorted(groups.items()):
        known = DATASETS[dataset].published if dataset in DATASETS else {}
        title = f"{dataset} {compression}".strip()
        tables.append(_table(title, members, known if published is None else published))
    return "\n\n".join(tables)


def _table(title: str, clips: Sequence[Clip], published: Mapping[str, int]) -> str:
    found: dict[str, Counter[str]] = {}
    for clip in clips:
        found.setdefault(clip.method, Counter())[clip.part] += 1
    methods = {method: [method] for method in (*found, *published)}
    methods |= {name: name.split(" + ") for name in published}
    ordered = sorted(methods, key=lambda name: (name != "real", " + " in name, name))
    known = published.values() if published else ()
    rows = [_row(name, methods[name], found, published.get(name)) for name in ordered]
    fakes = [name for name in found if name != "real"]
    of_fakes = sum(known) - published.get("real", 0) if published else None
    rows.append(_row("all fakes", fakes, found, of_fakes))
    rows.append(_row("all", list(found), found, sum(known) if published else None))
    rows.insert(0, (title, *_HEADER))
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return "\n".join(
        "  ".join(
            [
                row[0].ljust(widths[0]),
                *(c.rjust(w) for c, w in zip(row[1:], widths[1:], strict=True)),
            ]
        ).rstrip()
        for row in rows
    )


def _row(
    name: str, methods: Sequence[str], found: Mapping[str, Counter[str]], published: int | None
) -> tuple[str, ...]:
    total = sum((found.get(method, Counter()) for method in methods), Counter())
    counts = [total[part] for part in _PARTS]
    beside = "-" if published is None else str(published)
    if published is not None and sum(counts) != published:
        beside += f" ({sum(counts) - published:+d})"
    return (name, *map(str, counts), str(sum(counts)), beside)
