"""Who is in a clip, read off its name, where a data set names its clips after people.

FaceForensics++: `000`, and `000_003` for the face of 003 put into 000.
DeepFakeDetection: `01__scene`, and `01_02__scene__XXXXXXXX` for actor 02 put into 01's scene.
Celeb-DF: `id0_0000`, `id0_id1_0000` for id1 put into id0's clip, and five digits from YouTube.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

# one person under several numbers of FaceForensics++, as its users found: Putin; Obama. All are of
# its training part. https://github.com/zyainfal/One-Shot-Face-Swapping-on-Megapixels, issue 24
_SAME_PERSON = {"343": "043", "183": "179", "826": "179"}

_FFPP = re.compile(r"(\d{3})(?:_(\d{3}))?")
_DFD_REAL = re.compile(r"(\d\d)__(.+)")
_DFD_FAKE = re.compile(r"(\d\d)_(\d\d)__(.+)__[A-Za-z0-9]{8}")
_CELEB = re.compile(r"(id\d+)_(?:(id\d+)_)?(\d{4,})")
_YOUTUBE = re.compile(r"\d{5}")


@dataclass(frozen=True)
class Stem:
    """What a file name without its suffix says."""

    family: str  # ffpp, dfd or celebdf
    label: int
    identities: tuple[str, ...]
    source: str  # stem of the real clip; its own when real
    folder: str  # that the real clip is in


def recognize(stem: str) -> Stem | None:
    """Read a stem of one of the three data sets; None for any other."""
    if match := _FFPP.fullmatch(stem):
        people = [_SAME_PERSON.get(number, number) for number in match.groups() if number]
        return _stem("ffpp", people, match[1], "youtube", fake=match[2] is not None)
    if match := _DFD_FAKE.fullmatch(stem):
        people = [match[1], match[2]]
        return _stem("dfd", people, f"{match[1]}__{match[3]}", "actors", fake=True)
    if match := _DFD_REAL.fullmatch(stem):
        return _stem("dfd", [match[1]], stem, "actors", fake=False)
    if match := _CELEB.fullmatch(stem):
        people = [name for name in (match[1], match[2]) if name]
        source = f"{match[1]}_{match[3]}"
        return _stem("celebdf", people, source, "Celeb-real", fake=match[2] is not None)
    if _YOUTUBE.fullmatch(stem):
        return _stem("celebdf", [f"yt-{stem}"], stem, "YouTube-real", fake=False)
    return None


def _stem(family: str, people: list[str], source: str, folder: str, *, fake: bool) -> Stem:
    identities = tuple(dict.fromkeys(f"{family}:{person}" for person in people))
    return Stem(family, int(fake), identities, source, folder)
