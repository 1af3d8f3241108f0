"""Every setting of the detector: its name, default, range and meaning.

The comment above a field is the comment above its key in settings.toml; a test holds the two
equal. The trainer adds its sections in a subclass of `Settings`. No other file reads TOML.
"""

from __future__ import annotations

import difflib
import json
import os
import sys
from collections.abc import Collection, Iterable, Iterator
from itertools import chain
from pathlib import Path
from typing import Literal, NamedTuple, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from awarenet.errors import SettingsError

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).resolve().parent.parent
SETTINGS_FILE = ROOT / "settings.toml"
ENVIRONMENT_PREFIX = "AWARENET_"  # AWARENET_FACES__MIN_SCORE=0.7 sets [faces] min_score
TRAINER_SECTIONS = (
    "data", "split", "prepare", "forge", "grid", "augment", "train", "ensemble", "evaluate",
    "card", "track", "push",
)  # fmt: skip


class Section(BaseModel):
    """Base of a section: unknown keys are errors, values do not change, numbers are finite."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class ModelSettings(Section):
    """[model] Which trained ensemble judges."""

    # bundle: a folder (here or in the repository), or hf-hub:owner/name[@commit]
    source: str = Field("assets/demo", min_length=1)

    @property
    def location(self) -> str:
        """`source`, found in the repository if there is no such folder in the working folder."""
        path = Path(self.source).expanduser()
        if not path.exists() and (ROOT / path).exists():
            return str(ROOT / path)
        return self.source if self.source.startswith("hf-hub:") else str(path)


class SamplingSettings(Section):
    """[sampling] Which frames are looked at."""

    # 1-512 frames scored a clip, evenly in time; more is slower and steadier
    frames: int = Field(32, ge=1, le=512)


class FaceSettings(Section):
    """[faces] How faces are found, and which of them count."""

    # retinaface-mobilenet (ships here, fast) or retinaface-resnet50 (yours, slow)
    detector: Literal["retinaface-mobilenet", "retinaface-resnet50"] = "retinaface-mobilenet"
    # retinaface.onnx for resnet50; empty: .deepface/weights/ in $DEEPFACE_HOME or ~
    detector_weights: str = ""
    # SHA-256 that this file has to have, 64 hex digits; resnet50 does not start without it
    detector_sha256: str = Field("", pattern=r"^([0-9a-f]{64})?$")
    # 0-1, detector's own; at 0.6 globes and cows pass as faces
    min_score: float = Field(0.8, ge=0, le=1)
    # 64-4096 px; larger frames are shrunk to this to find faces, not to judge them
    detect_long_side_px: int = Field(640, ge=64, le=4096)
    # 8-4096 px, longer side; smaller faces hold too little to judge
    min_face_px: int = Field(40, ge=8, le=4096)
    # 1-64 people judged in one clip, longest on screen first
    max_people: int = Field(4, ge=1, le=64)
    # 1-512 frames a person needs to decide a clip, unless nobody has them
    min_track_frames: int = Field(3, ge=1, le=512)


class VerdictSettings(Section):
    """[verdict] From scores to words."""

    # 0-1, above it a face is called fake; below 0: the bundle's own
    threshold: float = Field(-1.0, ge=-1, le=1)
    # 0-1, of the interval; if it holds the threshold: inconclusive
    confidence: float = Field(0.9, gt=0, lt=1)
    # 1-100000 bootstrap draws of members and frames
    resamples: int = Field(400, ge=1, le=100_000)
    # of those draws; the same clip always gets the same interval
    seed: int = Field(0, ge=0, lt=2**32)


class ExplainSettings(Section):
    """[explain] Where the networks looked."""

    # true or false; costs a backward pass a network, a frame and a person
    enabled: bool = True
    # 1-16 frames explained a person, the most suspicious ones
    frames: int = Field(2, ge=1, le=16)
    # gradcam, the class activation map of the last grid of features
    method: Literal["gradcam"] = "gradcam"
    # 0-1, opacity of the hottest spot of an overlay
    alpha: float = Field(0.5, ge=0, le=1)


class BlinkSettings(Section):
    """[blinks] How often the person who decides blinks: an indication, not in the probability."""

    # true or false; costs a second pass over the clip
    enabled: bool = False
    # 10-600 s watched, where the person is seen most
    seconds: float = Field(40, ge=10, le=600)
    # 10-60 frames a second; a blink lasts 0.1 to 0.4 s
    frames_per_second: float = Field(15, ge=10, le=60)


class LimitSettings(Section):
    """[limits] What an input may cost; beyond it a report says why there is no verdict."""

    # bytes of the file, 1 or more; checked before it is opened
    max_bytes: int = Field(500_000_000, ge=1)
    # seconds of video, above 0; longer clips: cut out what is in doubt
    max_seconds: float = Field(600, gt=0)
    # px a frame, 1 or more; 4K UHD (8.3 million) fits, 8K does not
    max_pixels: int = Field(9_500_000, ge=1)
    # px a photograph, 1 or more; phones take 12 to 50 million
    max_photo_pixels: int = Field(50_000_000, ge=1)
    # px, 16 or more, longer side of a frame; guards against odd shapes
    max_side: int = Field(4096, ge=16)
    # frames, 1 or more; 600 s at 60 fps fit; file headers may lie
    max_frames_walked: int = Field(40_000, ge=1)
    # seconds, above 0, for decoding one input; then its status is timeout
    deadline_s: float = Field(600, gt=0)


class RuntimeSettings(Section):
    """[runtime] What the networks run on."""

    # auto (a GPU where there is one), cpu, cuda or cuda:1 and so on
    device: str = Field("auto", pattern=r"^(auto|cpu|cuda(:\d+)?)$")
    # auto, float32, bfloat16 or float16; auto takes what is safe and fast here
    dtype: Literal["auto", "float32", "bfloat16", "float16"] = "auto"
    # 1-4096 crops at once; halved by itself when GPU memory ends
    batch_size: int = Field(32, ge=1, le=4096)
    # 0-1024 CPU threads; 0: what torch takes by itself
    threads: int = Field(0, ge=0, le=1024)


class AppSettings(Section):
    """[app] The page."""

    # address to listen on; 0.0.0.0 opens the page to the whole network
    host: str = Field("127.0.0.1", min_length=1)
    # 1-65535; 7860 is what a Space expects
    port: int = Field(7860, ge=1, le=65535)
    # 1-1000 clips waiting; one is analyzed at a time
    max_queue: int = Field(8, ge=1, le=1000)
    # kb, mb or gb a file, refused while it uploads; limits.max_bytes holds as well
    max_upload: str = Field("500mb", pattern=r"^\d+(kb|mb|gb)$")
    # folder for uploads and results, emptied by age; empty: the system's own
    temp_dir: str = ""


class Settings(BaseModel):
    """All sections that the detector, the command line and the page read."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    model: ModelSettings = ModelSettings()
    sampling: SamplingSettings = SamplingSettings()
    faces: FaceSettings = FaceSettings()
    verdict: VerdictSettings = VerdictSettings()
    explain: ExplainSettings = ExplainSettings()
    blinks: BlinkSettings = BlinkSettings()
    limits: LimitSettings = LimitSettings()
    runtime: RuntimeSettings = RuntimeSettings()
    app: AppSettings = AppSettings()


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
    except ValueError as error:  # not TOML, or not UTF-8
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
    except tomllib.TOMLDecodeError:
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
