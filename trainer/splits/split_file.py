"""A split as a file: who is where, why, and a hash that tells when somebody has changed it."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path

from awarenet.errors import AwareNetError
from trainer.datasets import Clip
from trainer.json_files import read_json, write_json
from trainer.splits.dealing import LABELS
from trainer.splits.protocols import Split, make_split

FORMAT = "awarenet.split/1"
FIELDS = tuple(field.name for field in fields(Split))

log = logging.getLogger(__name__)


def write_split(path: Path, split: Split, clips: Sequence[Clip]) -> None:
    """Write a split with its counts, whole.

    Args:
        path: Of the JSON file; its folder must exist.
        split: What was made of `clips`.
        clips: All that the split speaks of, in any order.
    """
    content = {
        "format": FORMAT,
        "protocol": split.protocol,
        "shares": list(split.shares),
        "seed": split.seed,
        "fraction": split.fraction,
        "cut": split.cut,
        "warnings": list(split.warnings),
        "counts": count_clips(split, clips),
        "sha256": split.sha256,
        "made_of": _made_of(clips),
        "dropped": split.dropped,
        "parts": split.parts,
    }
    write_json(path, content | {"seal": _seal(content)})


def read_split(path: Path) -> Split:
    """Read what `write_split` wrote.

    Raises:
        AwareNetError: It is not there, is no such file, or was changed after it was written.
    """
    return _read(path)[0]


def stored_split(path: Path, clips: Sequence[Clip], force: bool = False, **options) -> Split:
    """Give the split of a file, and make it where the file is missing or of something else.

    Args:
        path: Of the file.
        clips: To be split. The file fits if it was made of the same clips, and these have the same
            labels, identities, source clips and official parts.
        force: Make it anew in any case.
        **options: Of `make_split`.

    Raises:
        AwareNetError: The file was changed after it was written, and not `force`.
    """
    if path.is_file() and not force:
        split, made_of = _read(path)
        defaults = {"fraction": 1.0, "cut": False}
        stored = {name: getattr(split, name) for name in {**defaults, **options}}
        wanted = {**defaults, **options, "shares": tuple(map(float, options["shares"]))}
        if made_of == _made_of(clips) and stored == wanted:
            return _told(split)
        log.info("split: %s is of other clips or options, made anew", path)
    split = make_split(clips, **options)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_split(path, split, clips)
    return _told(split)


def count_clips(split: Split, clips: Sequence[Clip]) -> dict[str, dict[str, int]]:
    """Part, or "dropped" -> "real" and "fake" -> number of clips."""
    counts = {part: dict.fromkeys(LABELS, 0) for part in sorted(set(split.parts.values()))}
    for clip in clips:
        part = split.parts.get(clip.name, "dropped")
        counts.setdefault(part, dict.fromkeys(LABELS, 0))[LABELS[clip.label]] += 1
    return counts


def _read(path: Path) -> tuple[Split, str]:
    """The split of a file, and the hash of what it was made of."""
    try:
        content = read_json(path)
        seal = content.pop("seal")
        if content["format"] != FORMAT:
            raise ValueError(f"format {content['format']}")
        changed = seal != _seal(content)
        known = {key: content[key] for key in FIELDS}
        lists = {key: tuple(content[key]) for key in ("warnings", "shares")}
        split, stored, made_of = Split(**known | lists), content["sha256"], content["made_of"]
    except FileNotFoundError as error:
        raise AwareNetError(f"no {path}; make the split first") from error
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise AwareNetError(f"{path} is no {FORMAT} ({error}); delete it or use force") from error
    if changed or split.sha256 != stored:
        raise AwareNetError(
            f"{path} was changed after it was made: its clips hash to {split.sha256[:12]}, "
            f"{stored[:12]} was written with them; delete it or use force"
        )
    return split, made_of


def _told(split: Split) -> Split:
    for warning in split.warnings:
        log.warning("split: %s", warning)
    return split


def _made_of(clips: Sequence[Clip]) -> str:
    """Hash of all that a split depends on."""
    facts = sorted([c.name, c.dataset, c.label, c.identities, c.source_clip, c.part] for c in clips)
    return hashlib.sha256(json.dumps(facts).encode()).hexdigest()


def _seal(content: dict[str, object]) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
