"""Files that are written whole or not at all, whenever the run is killed."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def written_whole(path: Path) -> Iterator[Path]:
    """Lend a temporary path beside `path`; what was written there takes its place at the end.

    When the block raises, `path` stays as it was and nothing is left behind.
    """
    temporary = path.with_name(f"{path.stem}.{os.getpid()}.part")
    try:
        yield temporary
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def write_json(path: Path, content: object, indent: int | None = 1) -> None:
    """Write content as JSON, whole."""
    with written_whole(path) as temporary:
        temporary.write_text(json.dumps(content, indent=indent), "utf-8")


def read_json(path: Path) -> object:
    """Read what `write_json` wrote."""
    return json.loads(path.read_text("utf-8"))
