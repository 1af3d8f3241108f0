"""One network of a bundle: written in timm's own layout, read back strictly.

Shapes: n crops, S side of a crop in px.
"""

from __future__ import annotations

import copy
import json
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from awarenet.bundle import config as parts
from awarenet.bundle.config import CONFIG_FILE, WEIGHTS_FILE
from awarenet.bundle.files import BundleFolder, check_hash
from awarenet.combine import Mean
from awarenet.ensemble import Ensemble
from awarenet.errors import BundleError
from awarenet.hashing import hash_file
from awarenet.zoo import Spec, create_model

_STORED = {torch.float16, torch.bfloat16, torch.float32}  # what a weight may be stored as


def write_member(
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


def read_family(folder: BundleFolder, family: parts.Family) -> list[nn.Module]:
    """Build the networks of a family and fill them, after every check but the golden one."""
    networks = _build(family.name, len(family.members))
    for network, member in zip(networks, family.members, strict=True):
        _read_member(network, folder, family, member)
    return networks


def _build(name: str, count: int = 1) -> list[nn.Module]:
    """Build networks without weights: to draw random ones takes longer than to read them."""
    with torch.device("meta"):
        blank = create_model(name)
    # empty as they are, they can be the same ones in each; reading puts others in their place
    shared = {id(each): each for each in blank.state_dict(keep_vars=True).values()}
    return [blank, *(copy.deepcopy(blank, dict(shared)) for _ in range(count - 1))]


def _read_member(
    network: nn.Module, folder: BundleFolder, family: parts.Family, member: parts.Member
) -> None:
    """Fill one network, once its config and its weights are what they should be."""
    path = folder.file(member.folder, CONFIG_FILE)
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


def _fill(network: nn.Module, path: Path) -> None:
    """Give a network of `_build` stored weights; its keys and shapes must be the file's.

    The file is mapped into memory. Each weight is read from there once, into the format and order
    in which it is used.
    """
    own = network.state_dict()
    found = {}
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
                part = stored.get_tensor(key)
                fits = (
                    part.dtype in _STORED
                    if tensor.is_floating_point()
                    else part.dtype == torch.int64
                )
                if part.shape != tensor.shape or not fits:
                    raise BundleError(
                        f"{path}: tensor {key!r} is {tuple(part.shape)} {part.dtype}; expected "
                        f"{tuple(tensor.shape)} {tensor.dtype}; get the bundle anew"
                    )
                found[key] = _as_used(part, tensor.dtype)
    except SafetensorError as error:
        raise BundleError(f"{path} is not a safetensors file: {error}; get it anew") from error
    network.load_state_dict(found, strict=True, assign=True)


def _as_used(stored: Tensor, dtype: torch.dtype) -> Tensor:
    """Copy a weight out of the file, channels last, as `Runtime` wants them."""
    order = torch.channels_last if stored.ndim == 4 else torch.preserve_format
    return stored.to(dtype, memory_format=order, copy=True)


def logits_of(weights: Path, family: str, spec: Spec, crops: Tensor) -> Tensor:
    """Score crops with a stored network, (n, 1)."""
    (network,) = _build(family)
    _fill(network, weights)
    alone = Ensemble({family: [network]}, Mean(1), {family: spec}).eval()
    with torch.no_grad():
        return alone(crops)[:, 0]
