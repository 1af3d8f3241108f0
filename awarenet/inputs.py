"""Find the files that somebody means by paths and folders."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from awarenet.media import IMAGE_SUFFIXES, VIDEO_SUFFIXES


def find_inputs(paths: Iterable[str | Path]) -> Iterator[Path]:
    """Give the inputs in their order; a folder gives the media under it, sorted, or itself."""
    known = VIDEO_SUFFIXES + IMAGE_SUFFIXES
    for path in map(Path, paths):
        if not path.is_dir():
            yield path
            continue
        inside = [
            file
            for file in path.rglob("*")
            if file.suffix.lower() in known
            and file.is_file()
            and not any(part.startswith(".") for part in file.relative_to(path).parts)
        ]
        yield from sorted(inside) or [path]
