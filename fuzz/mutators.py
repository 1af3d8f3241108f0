"""Ways to break a file. Each takes bytes, and a source of chance on which alone it depends."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from random import Random

EDGES = (0, 1, 2, 0x7F, 0x80, 0xFF, 0x7FFF, 0x8000, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)
LONGEST = 1 << 21  # bytes of what comes out; chunks that are repeated would fill the disk else
BOXES_OF_BOXES = {b"moov", b"trak", b"mdia", b"minf", b"stbl", b"edts", b"udta", b"dinf"}


def flip(content: bytearray, random: Random, other: bytes) -> bytearray:
    """Turn a few bits over."""
    for _ in range(random.choice((1, 1, 2, 4, 16))):
        if content:
            content[random.randrange(len(content))] ^= 1 << random.randrange(8)
    return content


def overwrite(content: bytearray, random: Random, other: bytes) -> bytearray:
    """Put noise, one byte's value or an extreme number over a stretch."""
    start = random.randrange(len(content) + 1)
    length = random.choice((1, 2, 4, 8, 32, 256))
    kind = random.randrange(3)
    if kind == 0:
        put = random.randbytes(length)
    elif kind == 1:
        put = bytes([random.choice((0, 0xFF, random.randrange(256)))]) * length
    else:
        put = struct.pack(random.choice("<>") + "I", random.choice(EDGES))[: max(length, 2)]
    content[start : start + len(put)] = put
    return content


def truncate(content: bytearray, random: Random, other: bytes) -> bytearray:
    """Cut the end off."""
    return content[: random.randrange(len(content) + 1)]


def splice(content: bytearray, random: Random, other: bytes) -> bytearray:
    """Go on, from somewhere, with a part of another file."""
    start = random.randrange(len(content) + 1)
    first = random.randrange(len(other) + 1)
    put = other[first : first + random.choice((16, 256, 4096, len(other)))]
    after = content[start + len(put) :] if random.randrange(2) else content[start:]
    return content[:start] + put + after


def repeat(content: bytearray, random: Random, other: bytes) -> bytearray:
    """Put a stretch in again, many times over."""
    start = random.randrange(len(content) + 1)
    part = content[start : start + random.choice((1, 8, 64, 1024))]
    times = random.choice((1, 2, 16, 300))
    return content[:start] + part * times + content[start:]


def leave_out(content: bytearray, random: Random, other: bytes) -> bytearray:
    """Take a stretch away."""
    start = random.randrange(len(content) + 1)
    del content[start : start + random.choice((1, 4, 64, 1024))]
    return content


def swell(content: bytearray, random: Random, other: bytes) -> bytearray:
    """Let a box, chunk, segment or element say that it has another size."""
    fields = list(sizes(bytes(content)))
    if not fields:
        return overwrite(content, random, other)
    for _ in range(random.choice((1, 1, 2, 5))):
        place, length, order = random.choice(fields)
        old = int.from_bytes(content[place : place + length], order)
        new = random.choice((*EDGES, old + 1, old - 1, old * 2, old // 2, old + 8, len(content)))
        content[place : place + length] = (new % 256**length).to_bytes(length, order)
    return content


def number(content: bytearray, random: Random, other: bytes) -> bytearray:
    """Put an extreme number near the start, where headers say how large a picture is."""
    start = random.randrange(min(len(content), 200) + 1)
    length = random.choice((1, 2, 4))
    value = random.choice(EDGES) % 256**length
    content[start : start + length] = value.to_bytes(length, random.choice(("big", "little")))
    return content


MUTATORS = (flip, overwrite, truncate, splice, repeat, leave_out, swell, number)
# a file that is cut off or patched together most often opens no more: the others go deeper
WEIGHTS = (4, 4, 1, 1, 1, 1, 4, 2)


def mutate(content: bytes, random: Random, other: bytes) -> tuple[bytes, list[str]]:
    """Break a file in one to four ways.

    Args:
        content: The file.
        random: All that decides.
        other: Another file, for what is spliced in.

    Returns:
        What came of it, and the names of the ways.
    """
    chosen = random.choices(MUTATORS, WEIGHTS, k=random.choice((1, 1, 2, 3, 4)))
    broken = bytearray(content)
    for way in chosen:
        broken = way(broken, random, other)[:LONGEST]
    if broken.startswith(b"\x89PNG") and random.randrange(4):
        broken = sealed(broken)  # else no more than the sums at the chunks' ends would be tried
    return bytes(broken), [way.__name__ for way in chosen]


def sizes(content: bytes) -> Iterator[tuple[int, int, str]]:
    """Find where a file says how long its parts are: places, bytes, and their order."""
    if content[4:8] == b"ftyp" or content[4:8] in BOXES_OF_BOXES:
        yield from _boxes(content, 0, len(content))
    elif content.startswith(b"\x1a\x45\xdf\xa3"):
        yield from _elements(content)
    elif content.startswith(b"RIFF"):
        yield from _chunks(content)
    elif content.startswith(b"\x89PNG"):
        yield from ((place, 4, "big") for place, _ in png_chunks(content))
        yield from ((16, 4, "big"), (20, 4, "big"))  # width, height
    elif content.startswith(b"\xff\xd8"):
        yield from _segments(content)
    elif content.startswith(b"GIF8"):
        yield from ((6, 2, "little"), (8, 2, "little"))
        yield from ((at, 1, "big") for at in range(13, len(content), 97))
    elif content.startswith(b"BM"):
        yield from ((place, 4, "little") for place in (2, 10, 14, 18, 22, 30, 34, 46))


def png_chunks(content: bytes) -> Iterator[tuple[int, int]]:
    """Give where each chunk of a PNG begins, and how long its content is."""
    place = 8
    while place + 12 <= len(content):
        length = int.from_bytes(content[place : place + 4], "big")
        yield place, length
        place += 12 + length


def sealed(content: bytearray) -> bytearray:
    """Make the sums at the ends of a PNG's chunks right again."""
    for place, length in list(png_chunks(bytes(content))):
        end = place + 8 + length
        if end + 4 <= len(content):
            content[end : end + 4] = zlib.crc32(content[place + 4 : end]).to_bytes(4, "big")
    return content


def _boxes(content: bytes, start: int, end: int) -> Iterator[tuple[int, int, str]]:
    """ISO/IEC 14496-12: a size of four bytes, four letters, content; and the counts in tables."""
    while start + 8 <= end:
        size = int.from_bytes(content[start : start + 4], "big")
        kind = content[start + 4 : start + 8]
        yield start, 4, "big"
        if kind in BOXES_OF_BOXES:
            yield from _boxes(content, start + 8, min(start + size, end))
        elif kind.startswith((b"st", b"ct", b"el", b"tk", b"mv", b"md")) and kind != b"mdat":
            yield from ((place, 4, "big") for place in range(start + 12, start + min(size, 96), 4))
        if size < 8:
            return
        start += size


def _elements(content: bytes) -> Iterator[tuple[int, int, str]]:
    """RFC 8794: an id, then a size; both say by their first bits how many bytes they have."""
    place, found = 0, 0
    while place + 2 < len(content) and found < 400:
        id_length = 9 - content[place].bit_length() if content[place] else 1
        at = place + id_length
        if id_length > 4 or at >= len(content):
            place += 1
            continue
        length = 9 - content[at].bit_length() if content[at] else 1
        yield at, length, "big"
        found += 1
        inside = content[place : place + id_length] in _MASTERS
        size = int.from_bytes(content[at : at + length], "big") & ((1 << 7 * length) - 1)
        place = at + length + (0 if inside else size)


_MASTERS = {  # elements of elements: EBML, Segment, Info, Tracks, TrackEntry, Video, Cluster, …
    bytes.fromhex(each)
    for each in "1A45DFA3 18538067 1549A966 1654AE6B AE E0 1F43B675 A0 1C53BB6B 1254C367".split()
}


def _chunks(content: bytes) -> Iterator[tuple[int, int, str]]:
    """RIFF: four letters, a size, content; lists hold chunks after four more letters."""
    place = 0
    while place + 8 <= len(content):
        yield place + 4, 4, "little"
        size = int.from_bytes(content[place + 4 : place + 8], "little")
        kind = content[place : place + 4]
        if kind in (b"avih", b"strh", b"strf"):
            yield from ((at, 4, "little") for at in range(place + 8, place + 8 + min(size, 64), 4))
        place += 12 if kind in (b"RIFF", b"LIST") else 8 + size + size % 2


def _segments(content: bytes) -> Iterator[tuple[int, int, str]]:
    """ITU-T T.81, B.1.1: a mark of two bytes, then a size of two that counts itself."""
    place = 2
    while place + 4 <= len(content) and content[place] == 0xFF:
        yield place + 2, 2, "big"
        if 0xC0 <= content[place + 1] <= 0xC2:  # start of a frame: height, width
            yield from ((place + 5, 2, "big"), (place + 7, 2, "big"))
        place += 2 + int.from_bytes(content[place + 2 : place + 4], "big")
