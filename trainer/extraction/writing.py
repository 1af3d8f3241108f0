"""A disk that is full, or may not be written to: one line for people."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

from awarenet.errors import AwareNetError


@contextlib.contextmanager
def explained(root: Path) -> Iterator[None]:
    """Say of what the system refuses to write what there is to do.

    Raises:
        AwareNetError: In the place of an OSError.
    """
    try:
        yield
    except OSError as error:
        raise AwareNetError(
            f"cannot write under {root}: {error.strerror or error}; what is done is kept, so make "
            "room and prepare again"
        ) from error
