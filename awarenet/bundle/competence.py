"""The file of a bundle that says how far a face lies from its training data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

from awarenet.bundle.config import COMPETENCE_FILE, CompetenceFile
from awarenet.bundle.files import check_hash
from awarenet.competence import Competence
from awarenet.errors import BundleError
from awarenet.hashing import hash_file

_MAX_BYTES = 32_000_000  # the demo's has a quarter of a million


def write_competence(folder: Path, competence: Competence) -> CompetenceFile:
    """Write competence.safetensors into a folder; give what config.json says of it."""
    path = folder / COMPETENCE_FILE
    save_file({name: np.ascontiguousarray(a) for name, a in competence.arrays().items()}, path)
    return CompetenceFile(
        sha256=hash_file(path), limit=competence.limit, fitted_on=competence.fitted_on
    )


def read_competence(
    path: Path,
    described: CompetenceFile,
    families: Sequence[str],
    features: Mapping[str, np.ndarray] | None = None,
) -> Competence:
    """Read competence.safetensors and check all of it.

    Args:
        path: Of the file.
        described: What config.json says of it.
        families: Of the bundle.
        features: Family -> (n, C) of some crops, whichever: the networks' layers must fit.

    Raises:
        BundleError: The file was altered, or is for other networks.
    """
    if path.stat().st_size > _MAX_BYTES:
        raise BundleError(f"{path} is larger than {_MAX_BYTES} bytes; get the bundle anew")
    check_hash(path, described.sha256)
    try:
        found = Competence.of(load_file(path), families, described.limit, described.fitted_on)
        if features is not None:
            found.distances(features)
    except (SafetensorError, ValueError) as error:
        raise BundleError(f"{path}: {error}; get the bundle anew") from error
    return found
