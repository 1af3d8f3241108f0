"""Write the folder of a Hugging Face Space: the page, the detector, what they read, nothing else.

The Space's README is the block of settings from the project's own, and a few words. What a block
has to be: https://huggingface.co/docs/hub/spaces-config-reference
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

from awarenet.bundle.config import CONFIG_FILE
from awarenet.errors import SettingsError
from awarenet.settings import ROOT, Settings
from awarenet.settings.loading import TRAINER_SECTIONS

CODE = ("app.py", "awarenet", "page", "requirements.txt", "LICENSE")
NOT_SHOWN = (
    "screenshots",
    "demo",
)  # of assets: for the project's README; the bundle comes by itself
MARK = "Written by `python -m awarenet space`"  # in README.md: this folder may be written again
BEFORE = {".git", ".gitattributes", "README.md"}  # what a new Space has in it, once it is cloned
LARGE = ("safetensors", "onnx", "tflite", "mp4", "webm", "png", "jpg", "jpeg", "woff2", "zip")
README = """
# {title}

Give it a clip or a photograph: it says, for every person in it, how likely that face is
manipulated, how sure its networks are, and what the answer cannot tell. It is an opinion with a
margin, not a proof.

{mark} of awarenet, version {version}; the model is {model}. Any setting of `settings.toml` can be
changed by a variable of the Space, as `AWARENET_SAMPLING__FRAMES=16`.
"""


def write_space(
    target: str | Path, settings: Settings | None = None, root: Path = ROOT
) -> list[str]:
    """Write what a Space needs into a folder; an upload of that folder is a Space that runs.

    Args:
        target: Made where it is missing. It may hold an earlier Space of ours, or a new one as it
            is cloned; other files in these stay.
        settings: `model.source` says which bundle it runs: one on the Hub is named, and fetched
            when the Space is built; a folder is copied. None takes the defaults.
        root: The project's folder.

    Returns:
        Every file that was written, relative to the folder, sorted.

    Raises:
        SettingsError: The folder holds something else, or there is no bundle, or no project.
        OSError: A file cannot be written.
    """
    model, target = (settings or Settings()).model, Path(target).expanduser()
    if not (root / "app.py").is_file():
        raise SettingsError(
            f"no app.py in {root}; a Space is written from the project's own folder"
        )
    _check_target(target, root)
    hub = model.source.removeprefix("hf-hub:") if model.source.startswith("hf-hub:") else ""
    bundle = None if hub else Path(model.location).resolve()
    if bundle is not None and not (bundle / CONFIG_FILE).is_file():
        raise SettingsError(
            f"no bundle in {model.source}; give a bundle's folder, or hf-hub:owner/name"
        )
    source = model.source if bundle is None else f"assets/{bundle.name}"

    texts = {
        "README.md": _readme(root, hub, source),
        "settings.toml": _settings(root, source),
        ".gitattributes": "".join(
            f"*.{suffix} filter=lfs diff=lfs merge=lfs -text\n" for suffix in LARGE
        ),
    }
    copies = {name: root / name for name in CODE if (root / name).exists()}
    for each in sorted((root / "assets").iterdir()):
        if each.name not in NOT_SHOWN and _is_wanted(each):
            copies[f"assets/{each.name}"] = each
    if bundle is not None:
        if source in copies:
            raise SettingsError(f"the bundle's folder cannot be called {bundle.name}; rename it")
        copies[source] = bundle

    target.mkdir(parents=True, exist_ok=True)
    written = list(texts)
    for name in {name.partition("/")[0] for name in copies}:  # an older file must not stay behind
        if (target / name).is_dir():
            shutil.rmtree(target / name)
    for name, text in texts.items():
        (target / name).write_text(text, "utf-8")
    for name, path in copies.items():
        for file, place in _files(path, name):
            (target / place).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, target / place)
            written.append(place)
    return sorted(written)


def _check_target(target: Path, root: Path) -> None:
    """Refuse a folder that somebody else filled, or that would be copied into itself."""
    inside = target.resolve()
    if inside == root.resolve() or inside in root.resolve().parents:
        raise SettingsError(f"{target} holds the project itself; give an empty folder")
    if any(inside.is_relative_to((root / name).resolve()) for name in (*CODE, "assets")):
        raise SettingsError(f"{target} lies in what is copied; give an empty folder elsewhere")
    if not target.exists():
        return
    if not target.is_dir():
        raise SettingsError(f"{target} is a file; give a folder")
    readme = target / "README.md"
    ours = readme.is_file() and MARK in readme.read_text("utf-8", "replace")
    if not ours and (others := {path.name for path in target.iterdir()} - BEFORE):
        raise SettingsError(
            f"{target} holds {sorted(others)[0]}, which is not of a Space written here; give an "
            "empty folder"
        )


def _readme(root: Path, hub: str, source: str) -> str:
    """Give the block of settings, with the model where it is on the Hub, and a few words."""
    import awarenet

    parts = (root / "README.md").read_text("utf-8").split("---\n", 2)
    if len(parts) != 3 or parts[0]:
        raise SettingsError("README.md does not begin with a Space's block of settings")
    block = parts[1]
    repo, _, revision = hub.partition("@")
    if repo:
        block += f"models:\n  - {repo}\n"
        if not revision:  # a revision can be built in only together with the names of its files
            block += f"preload_from_hub:\n  - {repo}\n"
    title = re.search(r"^title: (.+)$", block, re.MULTILINE)
    body = README.format(
        title=title[1] if title else "AWARE-NET",
        mark=MARK,
        version=awarenet.__version__,
        model=f"`{hub or source}`",
    )
    return f"---\n{block}---\n{body}"


def _settings(root: Path, source: str) -> str:
    """Give settings.toml without the trainer's sections, its model as it is called here."""
    text = (root / "settings.toml").read_text("utf-8")
    kept, found = [], 0
    for section in re.split(r"^(?=\[)", text, flags=re.MULTILINE):
        name = re.match(r"\[?([\w-]*)", section)[1]
        if name == "model":
            changed = re.compile(r'^source = "[^"\n]*"', re.MULTILINE)
            section, found = changed.subn(f'source = "{source}"', section)
        if name not in TRAINER_SECTIONS:
            kept.append(section)
    if not found:
        raise SettingsError("settings.toml has no [model] source; take it back from the project")
    return "".join(kept).rstrip() + "\n"


def _files(path: Path, name: str) -> Iterator[tuple[Path, str]]:
    """Give a file, or the files under a folder, and where each goes."""
    if not path.is_dir():
        yield path, name
        return
    for file in sorted(path.rglob("*")):
        inside = file.relative_to(path)
        if file.is_file() and all(_is_wanted(Path(part)) for part in inside.parts):
            yield file, f"{name}/{inside.as_posix()}"


def _is_wanted(path: Path) -> bool:
    """Say whether a name is one of the project's, and not hidden or left by Python."""
    return not path.name.startswith(".") and path.name != "__pycache__" and path.suffix != ".pyc"
