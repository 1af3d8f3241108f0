"""What a file of a run was made of, kept beside it, so that no stage builds on something stale.

A stamp is written before its product, which also guards what a killed run left half done. What is
cheap is made again when its stamp no longer fits; what took hours is not thrown away unasked: the
run stops and names what changed.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from awarenet.errors import AwareNetError
from awarenet.hashing import hash_file
from trainer.json_files import read_json, write_json


def is_made(product: Path, made_of: Mapping[str, object], *, again: bool) -> bool:
    """Say whether a product is there and made of just this; if not, get ready to make it.

    Args:
        product: The file that a stage ends with; its folder must exist.
        made_of: Everything that it depends on, as JSON.
        again: Whether a product of something else is deleted, to be made again.

    Raises:
        AwareNetError: There is a product, or part of one, made of something else, and not `again`.
    """
    stamp = stamp_path(product)
    wanted = json.loads(json.dumps(made_of))
    known = _read(stamp)
    if known == wanted:
        return product.is_file()
    if not again and (known is not None or product.is_file()):
        raise AwareNetError(
            f"{product} was made with {difference(known or {}, wanted)}; "
            "set data.run to another folder, or delete it to make it again"
        )
    product.unlink(missing_ok=True)
    write_json(stamp, wanted)
    return False


def needed(path: Path, stage: str) -> Path:
    """Give the path back when it is a file.

    Raises:
        AwareNetError: It is not there; names the stage that makes it.
    """
    if not path.is_file():
        raise AwareNetError(f"no {path}; run the stage `{stage}` first")
    return path


def content_hash(path: Path, stage: str) -> str:
    """SHA-256 of a file that `stage` makes.

    Raises:
        AwareNetError: It is not there.
    """
    return hash_file(needed(path, stage))


def stamp_path(product: Path) -> Path:
    """Where the stamp of a product lies."""
    return product.with_name(f"{product.name}.from.json")


def _read(stamp: Path) -> dict | None:
    try:
        return read_json(stamp)
    except (FileNotFoundError, ValueError):
        return None


def difference(known: Mapping, wanted: Mapping, prefix: str = "") -> str:
    """Put the first entry in which two stamps differ into words."""
    for key in [*wanted, *known]:
        before, now = known.get(key), wanted.get(key)
        if before == now:
            continue
        if isinstance(before, dict) and isinstance(now, dict):
            return difference(before, now, f"{prefix}{key}.")
        return f"{prefix}{key} = {json.dumps(before)}, now it is {json.dumps(now)}"
    return "something else"
