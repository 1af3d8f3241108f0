"""Clips that exist by name alone, and random graphs of swaps between them."""

from pathlib import Path

from hypothesis import strategies as st

from trainer.datasets import Clip

SHARES = (0.7, 0.15, 0.15)


def clip(name: str, *people: str, source: str = "", dataset: str = "faces", part: str = "") -> Clip:
    """Make a real clip of some people, or, with a source, a fake."""
    label = int(bool(source))
    method = "swap" if label else "real"
    path = Path(f"{name}.mp4")
    return Clip(path, name, dataset, label, method, people, source or name, part)


@st.composite
def swap_graphs(draw: st.DrawFn) -> list[Clip]:
    """Draw real clips, some of one person, and swaps between clips of the same data set.

    Now and then the clip that a fake was made from is not there.
    """
    clips = []
    for dataset in ("faces", "film")[: draw(st.integers(1, 2))]:
        count = draw(st.integers(1, 25))
        people = draw(st.lists(st.integers(0, 24), min_size=count, max_size=count))
        real = [
            clip(f"{dataset}-{number}", f"{dataset}-p{person}", dataset=dataset)
            for number, person in enumerate(people)
        ]
        pairs = draw(st.lists(st.tuples(st.sampled_from(real), st.sampled_from(real)), max_size=12))
        clips += [
            clip(f"{dataset}-s{n}", *a.identities, *b.identities, source=a.name, dataset=dataset)
            for n, (a, b) in enumerate(pairs)
        ]
        missing = draw(st.sets(st.sampled_from(real), max_size=3)) if draw(st.booleans()) else set()
        clips += [c for c in real if c not in missing or len(real) == len(missing)]
    return clips


def shares() -> st.SearchStrategy[tuple[float, float, float]]:
    """Draw three shares that sum to 1."""
    part = st.integers(0, 10)
    sums = st.tuples(part, part, part).filter(lambda t: sum(t) > 0)
    return sums.map(lambda t: tuple(value / sum(t) for value in t))
