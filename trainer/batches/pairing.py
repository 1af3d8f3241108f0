"""Which fake is shown beside which real crop, and in what order crops come."""

from __future__ import annotations

import logging
from collections.abc import Sequence

import numpy as np

from trainer.manifest import Row

log = logging.getLogger(__name__)

TWICE = 2**31  # of a key: who comes twice; rounds count from 0 and do not get there


class Order:
    """Everybody once, in a new order, before anybody comes again.

    A function of the key and the position, so that a run which was killed goes on where it was.
    """

    def __init__(self, count: int, key: Sequence[int], longer: float = 1.0):
        """Set up.

        Args:
            count: Who there is: 0 to count - 1, at least one.
            key: Of the generator.
            longer: Length of a round over `count`; who comes twice in it is drawn once for all
                rounds, with replacement.
        """
        again = np.random.default_rng([*key, TWICE]).integers(count, size=int((longer - 1) * count))
        self.items = np.concatenate([np.arange(count), again])
        self.key = tuple(key)
        self._latest = (0, self._shuffled(0))

    def __len__(self) -> int:
        return len(self.items)

    def between(self, start: int, stop: int) -> list[int]:
        """Who comes at positions `start` to `stop` - 1, counted from the first round's start."""
        found, total = [], len(self)
        for number in range(start // total, (stop - 1) // total + 1):
            latest = self._latest  # one read: a thread may put another round there
            if latest[0] != number:
                latest = self._latest = (number, self._shuffled(number))
            first = number * total
            found += latest[1][max(start - first, 0) : stop - first].tolist()
        return found

    def _shuffled(self, number: int) -> np.ndarray:
        return self.items[np.random.default_rng([*self.key, number]).permutation(len(self))]


def pair_up(rows: Sequence[Row]) -> tuple[list[Row], list[list[Row]]]:
    """Find the fakes that are made of each real crop.

    A fake goes with the crop of its source clip that is nearest in time. A real crop that none is
    nearest to goes with the nearest crop of each fake clip, so that no real crop is lost either.

    Returns:
        Real crops that there are fakes of, in their order, and the fakes of each. Fakes whose
        source is not among the rows are left out, with one warning.
    """
    reals = [row for row in rows if row.label == 0]
    places: dict[str, list[int]] = {}
    for place, row in enumerate(reals):
        places.setdefault(row.clip, []).append(place)
    fakes: dict[str, list[Row]] = {}
    for row in rows:
        if row.label == 1:
            fakes.setdefault(row.source_clip, []).append(row)
    partners: list[list[Row]] = [[] for _ in reals]
    for source, made in fakes.items():
        if source not in places:
            continue
        at = places[source]
        apart = np.abs(
            np.array([row.time_s for row in made])[:, None] - [reals[place].time_s for place in at]
        )  # (fakes, reals) seconds
        for row, nearest in zip(made, apart.argmin(1), strict=True):
            partners[at[nearest]].append(row)
        clips: dict[str, list[int]] = {}
        for number, row in enumerate(made):
            clips.setdefault(row.clip, []).append(number)
        for column, place in enumerate(at):
            partners[place] = partners[place] or [
                made[numbers[apart[numbers, column].argmin()]] for numbers in clips.values()
            ]
    if lost := sum(len(made) for source, made in fakes.items() if source not in places):
        total = sum(map(len, fakes.values()))
        log.warning("%d of %d fake crops left out: no crop of their source clip", lost, total)
    kept = [place for place, found in enumerate(partners) if found]
    return [reals[place] for place in kept], [partners[place] for place in kept]
