"""Write a trained ensemble to a folder; read it back, strictly.

    config.json                   what the ensemble is, see bundle_config.py
    <family>-<i>/config.json      timm's own layout: plain timm loads a whole network by local-dir:
    <family>-<i>/model.safetensors
    golden.safetensors            a stored input, and each member's logit for it
    README.md                     the model card

Reading checks every file: hashes, keys, shapes, and that the stored input gives the stored logits
on this machine. Nothing is unpickled, no link is followed out of the folder.

Shapes: n golden crops, S side of a crop in px, F families, K members a family.
"""

from __future__ import annotations

import hashlib
import json
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
from torch import Tensor, nn

from awarenet import bundle_config as parts
from awarenet.bundle_config import CONFIG_FILE, GOLDEN_FILE, README_FILE, WEIGHTS_FILE
from awarenet.bundle_files import (
    BundleFolder,
    check_hash,
    check_target,
    open_source,
    replace_folder,
)
from awarenet.combine import Mean
from awarenet.ensemble import Ensemble
from awarenet.errors import BundleError
from awarenet.hashing import hash_file
from awarenet.zoo import Spec, create_model

_DTYPES = {"float16": torch.float16, "float32": torch.float32}
_STORED = {"F16", "BF16", "F32"}  # safetensors' names of what a weight may be stored as
_MAX_GOLDEN = 16  # crops


@dataclass(frozen=True)
class Bundle:
    """A bundle that passed every check."""

    config: parts.BundleConfig
    ensemble: Ensemble  # on the CPU, float32, in evaluation mode
    source: str  # as it was asked for
    revision: str | None  # commit on the Hub; None for a local folder
    sha256: str  # of config.json, which holds the hashes of the other files


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
                sha256 = _write_member(place, network, family, spec, _DTYPES[dtype])
                seed = seeds[family][index]
                members.append(parts.Member(folder=place.name, sha256=sha256, seed=seed))
                logits.append(_logits_of(place / WEIGHTS_FILE, family, spec, crops))
            families.append(parts.describe_family(family, spec, members))
        golden = torch.cat(logits, dim=1).view(len(crops), len(families), -1)  # (n, F, K)
        save_file({"crops": crops, "logits": golden.contiguous()}, temporary / GOLDEN_FILE)
        config = parts.BundleConfig(
            name=name,
            families=tuple(families),
            combiner=parts.describe_combiner(ensemble.combiner, ensemble.families),
            calibration=calibration,
            thresholds=thresholds,
            crop=crop,
            trained_on=trained_on,
            metrics=dict(metrics),
            versions={key: metadata.version(key) for key in ("torch", "timm", "safetensors")},
            golden=parts.Golden(tolerance=tolerance, sha256=hash_file(temporary / GOLDEN_FILE)),
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
    members = {
        family.name: [_read_member(folder, family, member) for member in family.members]
        for family in config.families
    }
    ensemble = Ensemble(
        members,
        config.build_combiner(),
        {family.name: family.spec for family in config.families},
    )
    ensemble.eval().requires_grad_(False)
    _check_golden(folder, config, ensemble)
    digest = hashlib.sha256(content).hexdigest()
    return Bundle(config, ensemble, str(source), folder.revision, digest)


def _write_member(
    place: Path, network: nn.Module, family: str, spec: Spec, dtype: torch.dtype
) -> str:
    """Write one network's folder; return the hash of its weights."""
    stored = {}
    for key, tensor in network.state_dict().items():
        tensor = tensor.detach().cpu().contiguous()
        if tensor.is_floating_point():
            tensor = tensor.to(dtype if tensor.ndim > 1 else torch.float32)
            if not torch.isfinite(tensor).all():
                raise BundleError(f"{place.name}: {key} is not finite in {dtype}; use float32")
        stored[key] = tensor
    place.mkdir()
    save_file(stored, place / WEIGHTS_FILE, metadata={"format": "pt"})
    described = parts.member_config(network, family, spec)
    (place / CONFIG_FILE).write_text(json.dumps(described, indent=2) + "\n", "utf-8")
    return hash_file(place / WEIGHTS_FILE)


def _read_member(folder: BundleFolder, family: parts.Family, member: parts.Member) -> nn.Module:
    """Build one network and fill it, after every check but the golden one."""
    path = folder.file(member.folder, CONFIG_FILE)
    with torch.random.fork_rng(devices=[]):  # its random start is nobody's business
        network = create_model(family.name)
    try:
        found = json.loads(path.read_bytes())
    except (ValueError, RecursionError) as error:
        raise BundleError(f"{path} is not JSON: {error}; get the bundle anew") from error
    expected = parts.member_config(network, family.name, family.spec)
    if difference := parts.first_difference(found, expected):
        raise BundleError(f"{path}: {difference} for {family.name}; get the bundle anew")
    weights = folder.file(member.folder, WEIGHTS_FILE)
    check_hash(weights, member.sha256)
    _fill(network, weights)
    return network


def _fill(network: nn.Module, path: Path) -> None:
    """Load stored weights into a network; its keys and shapes must be the file's."""
    own = network.state_dict()
    try:
        with safe_open(path, framework="pt") as stored:
            keys = set(stored.keys())
            for key in sorted(own.keys() ^ keys):
                state = "is missing" if key in own else "is unknown"
                raise BundleError(
                    f"{path}: tensor {key!r} {state}; expected the {len(own)} tensors of "
                    f"{type(network).__name__}; get the bundle anew"
                )
            for key, tensor in own.items():
                part = stored.get_slice(key)
                shape, kind = tuple(part.get_shape()), part.get_dtype()
                fits = kind in _STORED if tensor.is_floating_point() else kind == "I64"
                if shape != tuple(tensor.shape) or not fits:
                    raise BundleError(
                        f"{path}: tensor {key!r} is {shape} {kind}; expected "
                        f"{tuple(tensor.shape)} {tensor.dtype}; get the bundle anew"
                    )
            network.load_state_dict({key: stored.get_tensor(key) for key in own}, strict=True)
    except SafetensorError as error:
        raise BundleError(f"{path} is not a safetensors file: {error}; get it anew") from error


def _logits_of(weights: Path, family: str, spec: Spec, crops: Tensor) -> Tensor:
    """Score crops with a stored network, (n, 1)."""
    with torch.random.fork_rng(devices=[]):
        network = create_model(family)
    _fill(network, weights)
    alone = Ensemble({family: [network]}, Mean(1), {family: spec}).eval()
    with torch.no_grad():
        return alone(crops)[:, 0]


def _check_golden(folder: BundleFolder, config: parts.BundleConfig, ensemble: Ensemble) -> None:
    """Score the stored input and compare."""
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
    with torch.no_grad():
        found = ensemble(crops)
    wrong = ~((found - expected).abs() <= config.golden.tolerance)  # true for NaN as well
    if wrong.any():
        crop, family, member = wrong.nonzero()[0].tolist()
        place = config.families[family].members[member].folder
        raise BundleError(
            f"{path}: {place} gives the logit {found[crop, family, member]:.4f} for crop {crop}; "
            f"expected {expected[crop, family, member]:.4f} within {config.golden.tolerance}; "
            "get the bundle anew, and install the pinned packages"
        )


def _check_golden_crops(crops: np.ndarray, crop: parts.Crop) -> None:
    count, shape = len(crops) if crops.ndim else 0, (crop.side, crop.side, 3)
    if not 1 <= count <= _MAX_GOLDEN or crops.shape[1:] != shape or crops.dtype != np.uint8:
        raise ValueError(
            f"golden crops {crops.shape} {crops.dtype}; expected (1 to {_MAX_GOLDEN}, *{shape}) "
            "uint8"
        )
