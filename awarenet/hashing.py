"""The one way in which files are hashed."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

BLOCK_BYTES = 1 << 20


def hash_file(path: Path, between: Callable[[], object] | None = None) -> str:
    """Give a file's SHA-256 in lower-case hex, at a memory that does not grow with the file.

    Args:
        path: Of a file.
        between: Called before each block; what it raises ends the reading (a deadline, say).

    Raises:
        OSError: It cannot be read.
    """
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(BLOCK_BYTES):
            if between is not None:
                between()
            digest.update(block)
    return digest.hexdigest()
