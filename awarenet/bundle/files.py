"""A bundle's files: found in a folder here or on the Hugging Face Hub, hashed, put in place."""

from __future__ import annotations

import json
import re
import shutil
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from awarenet import hub
from awarenet.bundle.config import (
    COMPETENCE_FILE,
    CONFIG_FILE,
    FORMAT,
    GOLDEN_FILE,
    README_FILE,
    WEIGHTS_FILE,
    BundleConfig,
)
from awarenet.errors import BundleError
from awarenet.hashing import hash_file

_HUB = re.compile(r"hf-hub:(?P<repo>[\w.-]+/[\w.-]+)(?:@(?P<revision>[\w./-]+))?", re.ASCII)
_BARE = re.compile(r"[\w.-]+/[\w.-]+(?:@[\w./-]+)?", re.ASCII)
_WANTED = [
    CONFIG_FILE,
    f"*/{CONFIG_FILE}",
    f"*/{WEIGHTS_FILE}",
    GOLDEN_FILE,
    COMPETENCE_FILE,
    README_FILE,
]
_MAX_JSON = 10_000_000  # bytes; a real one has a few thousand


@dataclass(frozen=True)
class BundleFolder:
    """A bundle's files, out of which no link leads."""

    path: Path
    revision: str | None = None  # commit, where it is from the Hub
    cache: Path | None = None  # the Hub's cache of the repository: there, files are links into it

    def file(self, *names: str) -> Path:
        """Find a file by its path parts.

        Raises:
            BundleError: It is missing, a link, or far too large.
        """
        path = self.path.joinpath(*names)
        steps = [self.path.joinpath(*names[: end + 1]) for end in range(len(names))]
        if self.cache is None:
            linked = any(step.is_symlink() for step in steps)
        else:
            linked = not path.resolve().is_relative_to(self.cache.resolve())
        if linked:
            raise BundleError(
                f"{path} is a link; expected a plain file in the bundle; copy what it points to"
            )
        if not path.is_file():
            raise BundleError(f"{path} is missing; expected a whole bundle; get it anew")
        if path.suffix == ".json" and path.stat().st_size > _MAX_JSON:
            raise BundleError(f"{path} is larger than {_MAX_JSON} bytes; get the bundle anew")
        return path


def open_source(source: str | Path) -> BundleFolder:
    """Find a bundle's folder; fetch it from the Hub where the source says so.

    Args:
        source: A folder, or `hf-hub:owner/name` with `@revision` where one is wanted. A commit
            that was fetched before needs no network; a branch or tag is looked up each time.

    Raises:
        BundleError: There is no such folder, or the Hub does not give it.
    """
    text = str(source)
    if match := _HUB.fullmatch(text):
        return _fetch(match["repo"], match["revision"])
    folder = Path(source)
    if folder.is_dir():
        return BundleFolder(folder)
    if _BARE.fullmatch(text):
        raise BundleError(
            f"no folder {text!r} here; write hf-hub:{text} if it is on the Hugging Face Hub, or "
            f"./{text} and make sure that the folder is there"
        )
    raise BundleError(
        f"no folder {text!r}; expected the folder of a bundle, or hf-hub:owner/name[@revision]"
    )


def bundle_contents(config: BundleConfig) -> list[str]:
    """Name the files that make up a bundle, relative to its folder."""
    folders = [member.folder for family in config.families for member in family.members]
    members = [f"{folder}/{name}" for folder in folders for name in (CONFIG_FILE, WEIGHTS_FILE)]
    known = [COMPETENCE_FILE] if config.competence else []
    return [CONFIG_FILE, GOLDEN_FILE, *known, README_FILE, *members]


def check_hash(path: Path, expected: str) -> None:
    """Compare a file's SHA-256 with the one that the config states.

    Raises:
        BundleError: They differ.
    """
    found = hash_file(path)
    if found != expected:
        raise BundleError(
            f"{path} was altered: its SHA-256 is {found}; expected {expected}; get the bundle anew"
        )


def check_target(folder: Path) -> None:
    """Refuse to replace what is not a bundle.

    Raises:
        BundleError: The folder exists, holds something, and is no bundle.
    """
    if not folder.exists() or (folder.is_dir() and not any(folder.iterdir())):
        return
    try:
        is_bundle = json.loads((folder / CONFIG_FILE).read_bytes())["format"] == FORMAT
    except (OSError, ValueError, KeyError, TypeError):
        is_bundle = False
    if not is_bundle:
        raise BundleError(f"{folder} exists and is no bundle; choose another, or empty it first")


def replace_folder(temporary: Path, folder: Path) -> None:
    """Put a finished folder in the place of an older one, which stays until then."""
    old = None
    if folder.exists():
        old = temporary.with_name(f"{temporary.name}.old")
        folder.rename(old)
    try:
        temporary.rename(folder)
    except OSError:
        if old is not None:
            old.rename(folder)
        raise
    if old is not None:
        shutil.rmtree(old)


def _fetch(repo: str, revision: str | None) -> BundleFolder:
    """Take a repository from the cache, or else from the Hub."""
    path = hub.fetch(repo, revision, wanted=_WANTED, is_whole=_is_whole)
    return BundleFolder(path, revision=path.name, cache=path.parent.parent)


def _is_whole(folder: Path) -> bool:
    """Whether all files are there that config.json names; a broken config is for the reader."""
    try:
        config = BundleConfig.model_validate_json((folder / CONFIG_FILE).read_bytes())
    except (OSError, ValidationError):
        return True
    needed = [name for name in bundle_contents(config) if name != README_FILE]
    return all((folder / name).is_file() for name in needed)
