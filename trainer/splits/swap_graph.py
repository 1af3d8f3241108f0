"""Who is tied to whom by the swaps between them, and where such ties can be cut.

A clip ties together everybody in it and the clip that it was made from. A *group* is a connected
component of these ties. A *block* is what is left of a group when its fakes are taken away: a
person with all real clips of them, or a real clip of nobody in particular. A group can only be cut
between blocks, and the fakes across a cut are lost.
"""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from itertools import combinations

import networkx
import numpy as np

from trainer.datasets import Clip

Touched = tuple[str, ...]  # blocks that a clip touches, sorted; one of them for most real clips
MAX_BLOCKS = (
    500  # joints are looked for in graphs up to this: their number times their ties is work
)
BEGINNINGS = 8  # from which a part is grown, to keep the one that loses fewest fakes


class _Sets:
    """Disjoint sets of strings that grow together."""

    def __init__(self) -> None:
        self.parent: dict[str, str] = {}

    def root(self, key: str) -> str:
        parent = self.parent
        parent.setdefault(key, key)
        while parent[key] != key:
            parent[key] = parent[parent[key]]
            key = parent[key]
        return key

    def join(self, keys: Iterable[str]) -> None:
        first, *rest = keys
        for key in rest:
            self.parent[self.root(key)] = self.root(first)


def keys_of(clip: Clip) -> list[str]:
    """Everything that a clip ties together: people, the clip it was made from, itself."""
    people = [f"identity:{name}" for name in clip.identities]
    return [*people, f"clip:{clip.source_clip}", f"clip:{clip.name}"]


def group_clips(clips: Sequence[Clip]) -> list[list[Clip]]:
    """Connected components of clips that share an identity or a source clip, in a fixed order."""
    sets = _Sets()
    for clip in clips:
        sets.join(keys_of(clip))
    groups: dict[str, list[Clip]] = {}
    for clip in sorted(clips, key=lambda clip: clip.name):
        groups.setdefault(sets.root(keys_of(clip)[0]), []).append(clip)
    return sorted(groups.values(), key=lambda group: group[0].name)


def pool_groups(clips: Sequence[Clip]) -> dict[str, list[list[Clip]]]:
    """Sort groups by data set; data sets that share a group are one pool, named "a+b"."""
    groups, sets = group_clips(clips), _Sets()
    for group in groups:
        sets.join(sorted({clip.dataset for clip in group}))
    members: dict[str, set[str]] = {}
    for dataset in {clip.dataset for clip in clips}:
        members.setdefault(sets.root(dataset), set()).add(dataset)
    names = {root: "+".join(sorted(datasets)) for root, datasets in members.items()}
    pools: dict[str, list[list[Clip]]] = {}
    for group in groups:
        pools.setdefault(names[sets.root(group[0].dataset)], []).append(group)
    return dict(sorted(pools.items()))


def touch_blocks(clips: Sequence[Clip]) -> dict[str, Touched]:
    """Say which blocks each clip touches; a fake that touches two is lost when they are parted.

    A source clip that is not there goes with a person who is in all fakes made from it, which costs
    nothing, since these fakes are tied to that person anyway.
    """
    sets, sources = _Sets(), {clip.source_clip for clip in clips if clip.source_clip != clip.name}
    solid = {clip.name for clip in clips if clip.label == 0 or clip.name in sources}
    in_all: dict[str, set[str]] = {}
    for clip in clips:
        if clip.name in solid:
            sets.join(keys_of(clip))
        elif clip.source_clip not in solid and clip.source_clip != clip.name:
            people = in_all.setdefault(clip.source_clip, set(clip.identities))
            people &= set(clip.identities)
    for source, people in in_all.items():
        if people:
            sets.join([f"clip:{source}", f"identity:{min(people)}"])
    touched = {}
    for clip in clips:
        *keys, own = keys_of(clip)
        if clip.source_clip == clip.name and clip.identities:
            keys = keys[:-1]  # its people say enough
        touched[clip.name] = tuple(sorted({sets.root(key) for key in keys or [own]}))
    # roots depend on the order in which sets grew; the first name of a block does not
    first: dict[str, str] = {}
    for key in sorted(sets.parent, key=lambda key: (key.startswith("clip:"), key)):
        first.setdefault(sets.root(key), key)
    return {name: tuple(sorted(first[root] for root in roots)) for name, roots in touched.items()}


def cut(
    ties: Mapping[Touched, int], room: float, wanted: Sequence[float], rng: np.random.Generator
) -> tuple[list[set[str]], list[str]] | None:
    """Cut a group that is too large for its part.

    At joints where that suffices: a joint is a block without which the group falls apart, as
    Celeb-DF's id8 is; it keeps the fakes with one side and loses those with the other, and the
    cut taken is each time the one that loses fewest fakes for each clip that it frees. Where there
    are no such joints, or they cost more, parts are grown: from a block drawn by chance, always
    adding the block whose ties lead into the part rather than out of it. The best of eight
    beginnings is kept.

    Args:
        ties: Blocks touched -> number of clips that touch just these.
        room: Clips that the largest piece may have after a cut at joints.
        wanted: Shares of the parts when they are grown; a fake counts in equal pieces for all of
            its blocks, so that these are shares of people rather than of the fakes that are kept.
        rng: Draws the beginnings.

    Returns:
        Two or more disjoint sets of all blocks, and the joints that were cut; None where all
        clips hang together by one block.
    """
    blocks = sorted({block for touched in ties for block in touched})
    if len(blocks) < 2:
        return None
    grown = _grow_parts(ties, blocks, wanted, rng)
    jointed = _cut_at_joints(ties, blocks, room) if len(blocks) <= MAX_BLOCKS else None
    if jointed and lost(ties, jointed[0]) <= lost(ties, grown):
        return jointed
    return grown, []


def lost(ties: Mapping[Touched, int], pieces: Collection[set[str]]) -> int:
    """Clips that touch more than one piece."""
    home = {block: number for number, piece in enumerate(pieces) for block in piece}
    return sum(n for touched, n in ties.items() if len({home[block] for block in touched}) > 1)


def take_people(ties: Mapping[Touched, int], count: float, rng: np.random.Generator) -> set[str]:
    """Choose blocks that are tied to each other, until about `count` clips lie within them."""
    blocks = sorted({block for touched in ties for block in touched})
    near = _neighbors(ties)
    of_block: dict[str, list[Touched]] = {}
    for touched in ties:
        for block in touched:
            of_block.setdefault(block, []).append(touched)
    missing = {touched: len(touched) for touched in ties}
    chosen: set[str] = set()
    inside = 0
    for block in _grow(near, str(rng.choice(blocks)), set(blocks)):
        gain = 0
        for touched in of_block[block]:
            missing[touched] -= 1
            gain += ties[touched] * (missing[touched] == 0)
        if inside and inside + gain / 2 > count:
            break
        chosen.add(block)
        inside += gain
    return chosen


def _inside(ties: Mapping[Touched, int], piece: set[str]) -> int:
    return sum(n for touched, n in ties.items() if piece.issuperset(touched))


def _cut_at_joints(
    ties: Mapping[Touched, int], blocks: Sequence[str], room: float
) -> tuple[list[set[str]], list[str]] | None:
    """Take pieces off at joints until the rest has room; None where joints do not suffice."""
    rest, pieces, joints = set(blocks), [], []
    while _inside(ties, rest) > room:
        own = {touched: n for touched, n in ties.items() if rest.issuperset(touched)}
        graph = networkx.Graph()
        graph.add_nodes_from(sorted(rest))
        graph.add_edges_from(pair for touched in own for pair in combinations(touched, 2))
        options = []
        for joint in sorted(networkx.articulation_points(graph)):
            for side in networkx.connected_components(graph.subgraph(rest - {joint})):
                kept = sorted((_inside(own, side), _inside(own, rest - side)))
                cost = sum(own.values()) - sum(kept)
                if kept[0]:
                    options.append((cost / kept[0], sorted(side), joint))
        if not options:
            return None
        _, side, joint = min(options)
        smaller, rest = sorted((set(side), rest - set(side)), key=lambda s: _inside(own, s))
        pieces.append(smaller)
        joints.append(joint)
    return [*pieces, rest], joints


def _grow_parts(
    ties: Mapping[Touched, int],
    blocks: Sequence[str],
    wanted: Sequence[float],
    rng: np.random.Generator,
) -> list[set[str]]:
    """Cut into one piece for each share above 0, the largest share last."""
    weight: Counter[str] = Counter()
    for touched, n in ties.items():
        for block in touched:
            weight[block] += n / len(touched)
    near, total = _neighbors(ties), sum(ties.values())
    shares = sorted(share for share in wanted if share > 0)
    shares = shares if len(shares) > 1 else [0.5, 0.5]
    best: tuple[int, list[set[str]]] | None = None
    for _ in range(BEGINNINGS):
        left, pieces = set(blocks), []
        for number, share in enumerate(shares[:-1]):
            piece, filled = set(), 0.0
            needed = len(shares) - 1 - number  # blocks to leave, one for each part to come
            for block in _grow(near, str(rng.choice(sorted(left))), left):
                enough = filled + weight[block] / 2 > share / sum(shares) * total
                if len(left) - len(piece) <= needed or (piece and enough):
                    break
                piece.add(block)
                filled += weight[block]
            left -= piece
            pieces.append(piece)
        pieces = [piece for piece in [*pieces, left] if piece]
        if best is None or lost(ties, pieces) < best[0]:
            best = lost(ties, pieces), pieces
    return best[1]


def _neighbors(ties: Mapping[Touched, int]) -> dict[str, Counter[str]]:
    """Block -> the blocks that it shares clips with, and how many."""
    near: dict[str, Counter[str]] = {}
    for touched, n in ties.items():
        for one, other in combinations(touched, 2):
            near.setdefault(one, Counter())[other] += n
            near.setdefault(other, Counter())[one] += n
    return near


def _grow(near: Mapping[str, Counter[str]], start: str, among: set[str]) -> Iterable[str]:
    """Give all blocks of `among` in order: each time the one whose ties lead most to those given.

    Where nothing is tied to them any more, it goes on with the first name left.
    """
    among = set(among)
    ties_in: Counter[str] = Counter()
    ties_all = {b: sum(n for o, n in near.get(b, {}).items() if o in among) for b in among}
    queue, rest = [(0.0, start)], iter(sorted(among))
    given: set[str] = set()
    while len(given) < len(among):
        block = heapq.heappop(queue)[1] if queue else next(rest)
        if block in given:
            continue
        given.add(block)
        yield block
        for other, n in near.get(block, {}).items():
            if other in among and other not in given:
                ties_in[other] += n
                heapq.heappush(queue, (-ties_in[other] / ties_all[other], other))
