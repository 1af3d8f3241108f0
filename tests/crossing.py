"""What crosses the parts of a split, found in the plainest way."""

from collections.abc import Iterable, Sequence


def crossing(rows: Iterable[tuple[str, Sequence[str], str, str]]) -> list[str]:
    """One sentence for each identity, source clip or identical crop that is seen in two parts.

    Args:
        rows: (split, identities, source clip, sha256 of the crop) of each crop.
    """
    seen: dict[tuple[str, str], str] = {}
    found = set()
    for part, identities, source_clip, digest in rows:
        keys = [("identity", name) for name in identities]
        for kind, name in [*keys, ("source clip", source_clip), ("crop", digest)]:
            other = seen.setdefault((kind, name), part)
            if other != part:
                found.add(f"{kind} {name} is in {other} and in {part}")
    return sorted(found)
