"""Write a trained ensemble to a folder; read it back, strictly.

Shapes: n golden crops, S side of a crop in px, F families, K members a family.
"""

from __future__ import annotations

import hashlib
import shutil
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

import numpy as np
import torch
from pydantic import JsonValue, ValidationError
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from awarenet.bundle import config as parts
from awarenet.bundle.competence import read_competence, write_competence
from awarenet.bundle.config import (
    COMPETENCE_FILE,
    CONFIG_FILE,
    GOLDEN_FILE,
    README_FILE,
    WEIGHTS_FILE,
)
from awarenet.bundle.files import (
    BundleFolder,
    check_hash,
    check_target,
    open_source,
    replace_folder,
)
from awarenet.bundle.members import logits_of, read_family, write_member
from awarenet.bundle.votes import OtherVote, describe_combiner
from awarenet.competence import Competence
from awarenet.ensemble import Ensemble
from awarenet.errors import BundleError
from awarenet.hashing import hash_file
from awarenet.runtime import Known, ask_exactly

_DTYPES = {"float16": torch.float16, "float32": torch.float32}
_MAX_GOLDEN = 16  # crops


@dataclass(frozen=True)
class Bundle:
    """A bundle that passed every check."""

    config: parts.BundleConfig
    ensemble: Ensemble  # on the CPU, float32, in evaluation mode
    source: str  # as it was asked for
    revision: str | None  # commit on the Hub; None for a local folder
    sha256: str  # of config.json, which holds the hashes of the other files
    golden: Known  # the stored input and its logits
    competence: Competence | None = None  # None: it does not know its own limits


def save_bundle(
    folder: str | Path,
    ensemble: Ensemble,
    *,
    name: str,
    seeds: Mapping[str, Sequence[int]],
    calibration: parts.Calibration | None,
    thresholds: parts.Thresholds,
    crop: parts.Crop,
    trained_on: parts.TrainedOn,
    metrics: Mapping[str, JsonValue],
    golden_crops: np.ndarray,
    readme: str,
    dtype: str = "float16",
    tolerance: float = 0.01,
    other_votes: Sequence[OtherVote] = (),
    competence: Competence | None = None,
) -> parts.BundleConfig:
    """Write an ensemble to a folder, all of it or nothing.

    Args:
        folder: Made anew; an older bundle there is replaced, anything else is left alone.
        ensemble: On any device.
        name: Of the bundle, for people.
        seeds: By family, the seed of each member.
        calibration: From logits to probabilities; None where none was fitted.
        thresholds: Where "fake" begins.
        crop: How faces were cut out.
        trained_on: Where the knowledge comes from.
        metrics: What was measured; free.
        golden_crops: (n, S, S, 3) uint8 RGB, n 1 to 16, S as `crop` says.
        readme: The model card, Markdown.
        dtype: float16 or float32. Vectors (biases, normalization) are float32 in both: they are
            few, and a variance may be too large or too small for float16.
        tolerance: Largest difference of a golden logit that another machine may show.
        other_votes: What the verdict could have been made by instead.
        competence: How far a face is from the training data; None where it was not measured.

    Returns:
        What was written to config.json.

    Raises:
        BundleError: The folder holds something else, or a weight does not fit into `dtype`.
        ValueError: Arguments that do not fit together.
    """
    if dtype not in _DTYPES:
        raise ValueError(f"dtype={dtype!r}; expected one of {', '.join(_DTYPES)}")
    if {family: len(own) for family, own in seeds.items()} != dict.fromkeys(
        ensemble.families, ensemble.members_per_family
    ):
        raise ValueError(f"seeds {dict(seeds)}; expected one for each member of each family")
    _check_golden_crops(golden_crops, crop)
    folder = Path(folder).resolve()
    check_target(folder)
    folder.parent.mkdir(parents=True, exist_ok=True)
    temporary = folder.with_name(f".{folder.name}.{uuid.uuid4().hex}")
    temporary.mkdir()
    try:
        crops = torch.from_numpy(np.ascontiguousarray(golden_crops))
        families, logits = [], []  # of the weights as they are written, rounded
        for family, networks in ensemble.members.items():
            members = []
            for index, network in enumerate(networks):
                place = temporary / f"{family}-{index}"
                spec = ensemble.specs[family]
                sha256 = write_member(place, network, family, spec, _DTYPES[dtype])
                seed = seeds[family][index]
                members.append(parts.Member(folder=place.name, sha256=sha256, seed=seed))
                logits.append(logits_of(place / WEIGHTS_FILE, family, spec, crops))
            families.append(parts.describe_family(family, spec, members))
        golden = torch.cat(logits, dim=1).view(len(crops), len(families), -1)  # (n, F, K)
        save_file({"crops": crops, "logits": golden.contiguous()}, temporary / GOLDEN_FILE)
        config = parts.BundleConfig(
            name=name,
            families=tuple(families),
            combiner=describe_combiner(ensemble.combiner, ensemble.families),
            calibration=calibration,
            thresholds=thresholds,
            crop=crop,
            trained_on=trained_on,
            metrics=dict(metrics),
            versions={key: metadata.version(key) for key in ("torch", "timm", "safetensors")},
            golden=parts.Golden(tolerance=tolerance, sha256=hash_file(temporary / GOLDEN_FILE)),
            other_votes=tuple(other_votes),
            competence=None if competence is None else write_competence(temporary, competence),
        )
        (temporary / CONFIG_FILE).write_text(config.model_dump_json(indent=2) + "\n", "utf-8")
        (temporary / README_FILE).write_text(readme, "utf-8")
        replace_folder(temporary, folder)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return config


def load_bundle(source: str | Path) -> Bundle:
    """Read a bundle and check all of it.

    Args:
        source: A folder, or `hf-hub:owner/name` with `@revision` where one is wanted.

    Raises:
        BundleError: It cannot be had, or a file is missing, altered, or made for something else;
            the message names the file.
    """
    folder = open_source(source)
    path = folder.file(CONFIG_FILE)
    content = path.read_bytes()
    try:
        config = parts.BundleConfig.model_validate_json(content)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "the file"
        raise BundleError(
            f"{path}: {where}: {first['msg']}; expected a config of format {parts.FORMAT!r}; "
            "get the bundle anew, or a version of awarenet that reads it"
        ) from error
    members = {family.name: read_family(folder, family) for family in config.families}
    ensemble = Ensemble(
        members,
        config.build_combiner(),
        {family.name: family.spec for family in config.families},
    )
    ensemble.eval().requires_grad_(False)
    golden, seen = _check_golden(folder, config, ensemble)
    digest = hashlib.sha256(content).hexdigest()
    competence = None
    if config.competence is not None:
        place = folder.file(COMPETENCE_FILE)
        competence = read_competence(place, config.competence, ensemble.families, seen)
    return Bundle(config, ensemble, str(source), folder.revision, digest, golden, competence)


def _check_golden(
    folder: BundleFolder, config: parts.BundleConfig, ensemble: Ensemble
) -> tuple[Known, dict[str, np.ndarray]]:
    """Score the stored input and compare; give it, and the features that were seen in it."""
    path = folder.file(GOLDEN_FILE)
    check_hash(path, config.golden.sha256)
    shape = (len(ensemble.families), ensemble.members_per_family)
    try:
        with safe_open(path, framework="pt") as stored:
            crops, expected = stored.get_tensor("crops"), stored.get_tensor("logits")
        _check_golden_crops(crops.numpy(), config.crop)
        if expected.shape != (len(crops), *shape) or expected.dtype != torch.float32:
            raise ValueError(f"logits {tuple(expected.shape)}; expected {(len(crops), *shape)}")
    except (SafetensorError, ValueError) as error:
        raise BundleError(f"{path}: {error}; get the bundle anew") from error
    observed = ask_exactly(ensemble, crops.numpy())
    found = torch.from_numpy(observed.logits)
    wrong = ~((found - expected).abs() <= config.golden.tolerance)  # true for NaN as well
    if wrong.any():
        crop, family, member = wrong.nonzero()[0].tolist()
        place = config.families[family].members[member].folder
        raise BundleError(
            f"{path}: {place} gives the logit {found[crop, family, member]:.4f} for crop {crop}; "
            f"expected {expected[crop, family, member]:.4f} within {config.golden.tolerance}; "
            "get the bundle anew, and install the pinned packages"
        )
    return Known(crops.numpy(), expected.numpy()), observed.features


def _check_golden_crops(crops: np.ndarray, crop: parts.Crop) -> None:
    count, shape = len(crops) if crops.ndim else 0, (crop.side, crop.side, 3)
    if not 1 <= count <= _MAX_GOLDEN or crops.shape[1:] != shape or crops.dtype != np.uint8:
        raise ValueError(
            f"golden crops {crops.shape} {crops.dtype}; expected (1 to {_MAX_GOLDEN}, *{shape}) "
            "uint8"
        )
