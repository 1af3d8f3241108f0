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

_STORED = {"F16", "BF16", "F32"}  # safetensors' names of what a weight may be stored as


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
    with torch.random.fork_rng(devices=[]):  # its random start is nobody's business
        blank = create_model(family.name)
    # a copy takes a quarter of the time that drawing random weights takes
    networks = [blank, *(copy.deepcopy(blank) for _ in family.members[1:])]
    for network, member in zip(networks, family.members, strict=True):
        _read_member(network, folder, family, member)
    return networks


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


def logits_of(weights: Path, family: str, spec: Spec, crops: Tensor) -> Tensor:
    """Score crops with a stored network, (n, 1)."""
    with torch.random.fork_rng(devices=[]):
        network = create_model(family)
    _fill(network, weights)
    alone = Ensemble({family: [network]}, Mean(1), {family: spec}).eval()
    with torch.no_grad():
        return alone(crops)[:, 0]
