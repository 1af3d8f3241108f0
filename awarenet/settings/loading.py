"""Where settings come from: defaults, a TOML file, the environment, the command line.

No other file reads TOML.
"""

from __future__ import annotations

import difflib
import json
import os
import sys
from collections.abc import Collection, Iterable, Iterator
from itertools import chain
from pathlib import Path
from typing import NamedTuple, TypeVar

from pydantic import ValidationError

from awarenet.errors import SettingsError
from awarenet.settings.sections import ROOT, Settings

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

SETTINGS_FILE = ROOT / "settings.toml"
ENVIRONMENT_PREFIX = "AWARENET_"  # AWARENET_FACES__MIN_SCORE=0.7 sets [faces] min_score
TRAINER_SECTIONS = (
    "data", "split", "prepare", "forge", "grid", "augment", "train", "ensemble", "evaluate",
    "card", "track", "push",
)  # fmt: skip

AnySettings = TypeVar("AnySettings", bound=Settings)


class _Entry(NamedTuple):
    """One value that somebody set, and where: the words that begin a message about it."""

    section: str
    key: str
    value: object
    where: str


def load_settings(
    path: str | Path | None = None,
    overrides: Iterable[str] = (),
    cls: type[AnySettings] = Settings,
) -> AnySettings:
    """Gather the settings; what stands later in this list wins: defaults, file, environment, CLI.

    Args:
        path: A TOML file; None takes settings.toml of the repository, where there is one.
        overrides: `section.key=value`, the value written as in TOML; a bare word is a string.
        cls: `Settings`, or the trainer's subclass. `Settings` skips the trainer's sections.

    Raises:
        SettingsError: No such file, no TOML, an unknown name (the nearest right one is offered),
            or a value of the wrong type or out of range.
    """
    values: dict[str, dict[str, object]] = {}
    where: dict[tuple[str, str], str] = {}
    sources = _from_file(path, cls), _from_environment(cls), _from_overrides(overrides, cls)
    for entry in chain(*sources):
        values.setdefault(entry.section, {})[entry.key] = entry.value
        where[entry.section, entry.key] = entry.where
    try:
        # through JSON, pydantic's strict mode takes a list for a tuple but no "32" for a 32
        return cls.model_validate_json(json.dumps(values, default=str), strict=True)
    except ValidationError as error:
        complaints = [_complaint(found, where, cls) for found in error.errors()]
        raise SettingsError("; ".join(complaints)) from None


def _from_file(path: str | Path | None, cls: type[Settings]) -> Iterator[_Entry]:
    if path is None and not SETTINGS_FILE.exists():
        return
    name, path = (SETTINGS_FILE.name, SETTINGS_FILE) if path is None else (str(path), path)
    try:
        tables = tomllib.loads(Path(path).read_text("utf-8"))
    except OSError as error:
        raise SettingsError(f"cannot read {name}: {error.strerror}; expected a TOML file") from None
    except (ValueError, RecursionError) as error:  # not TOML, or not UTF-8
        raise SettingsError(f"{name} is not TOML: {error}") from None
    for section, table in tables.items():
        if section in TRAINER_SECTIONS and section not in cls.model_fields:
            continue
        if not isinstance(table, dict):
            raise SettingsError(f"{name}: {section} stands alone; expected it under a [section]")
        _check_section(section, f"{name} [{section}]", cls)
        yield from (_Entry(section, *pair, f"{name} [{section}]") for pair in table.items())


def _from_environment(cls: type[Settings]) -> Iterator[_Entry]:
    for name, text in sorted(os.environ.items()):
        if not name.startswith(ENVIRONMENT_PREFIX) or "__" not in name:
            continue
        section, _, key = name[len(ENVIRONMENT_PREFIX) :].lower().partition("__")
        if section in TRAINER_SECTIONS and section not in cls.model_fields:
            continue
        _check_section(section, name, cls)
        yield _Entry(section, key, _value(text), name)


def _from_overrides(overrides: Iterable[str], cls: type[Settings]) -> Iterator[_Entry]:
    for override in overrides:
        name, equals, text = override.partition("=")
        section, dot, key = name.strip().partition(".")
        where = f"--set {override}"
        if not (equals and dot):
            raise SettingsError(f"{where}: expected section.key=value, as in faces.min_score=0.7")
        if section in TRAINER_SECTIONS and section not in cls.model_fields:
            raise SettingsError(f"{where}: only the trainer has [{section}]; see trainer.run")
        _check_section(section, where, cls)
        yield _Entry(section, key, _value(text.strip()), where)


def _value(text: str) -> object:
    """Read a value as TOML does; what is no TOML is a string."""
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except (ValueError, RecursionError):
        return text


def _check_section(section: str, where: str, cls: type[Settings]) -> None:
    if section not in cls.model_fields:
        raise SettingsError(f"{where}: no section {section!r}; {_offer(section, cls.model_fields)}")


def _offer(name: str, names: Collection[str]) -> str:
    """Name the nearest right spelling, or all of them."""
    near = difflib.get_close_matches(name, names, n=1)
    return f"did you mean {near[0]!r}?" if near else f"there are {', '.join(names)}"


def _complaint(found: dict, where: dict[tuple[str, str], str], cls: type[Settings]) -> str:
    """Say one of pydantic's findings in the words of the person who wrote the value."""
    section, key, *inside = (*(str(part) for part in found["loc"]), "", "")
    origin = where.get((section, key), f"[{section}]")
    if found["type"] == "extra_forbidden":
        keys = cls.model_fields[section].annotation.model_fields
        return f"{origin}: no setting {key!r}; {_offer(key, keys)}"
    expected = found["msg"].replace("Input should be", "expected").removeprefix("Value error, ")
    if not key:  # a rule about several keys together
        return f"{origin}: {expected}"
    name = ".".join([key, *filter(None, inside)])
    return f"{origin}: {name} = {json.dumps(found['input'], default=str)[:80]}; {expected}"
