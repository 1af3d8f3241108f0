"""What stands in a bundle's config.json, and in that of each member.

`BundleConfig` is read strictly: an unknown key, a number out of range or a folder name with a
path in it is an error. Probabilities are in 0..1; hashes are SHA-256 in lower-case hex.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal

from pydantic import Field, JsonValue, StringConstraints, model_validator
from torch import nn

from awarenet import combine
from awarenet.bundle.votes import Calibration, Combiner, OtherVote, Part, Probability
from awarenet.errors import SettingsError
from awarenet.zoo import Spec, adapt_spec, get_spec

FORMAT = "awarenet.bundle/1"
CONFIG_FILE = "config.json"
WEIGHTS_FILE = "model.safetensors"
GOLDEN_FILE = "golden.safetensors"
COMPETENCE_FILE = "competence.safetensors"
README_FILE = "README.md"

Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
# one path part: no separator, no leading dot, so neither ".." nor a hidden folder
FolderName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$")]


class Member(Part):
    """One trained network."""

    folder: FolderName  # beside the bundle's config.json
    sha256: Sha256  # of its model.safetensors
    seed: int  # of its head, and of the order and augmentation of its training


class Family(Part):
    """The members of one architecture."""

    name: str  # in zoo.SPECS
    side: int = Field(ge=32, le=1024)  # of the input, px
    normalization: Literal["own", "imagenet"] = "own"  # as zoo.adapt_spec takes it
    views: int = Field(1, ge=1, le=32)  # parts of a crop that a member is scored on, see zoo.score
    members: tuple[Member, ...] = Field(min_length=1, max_length=32)

    @property
    def spec(self) -> Spec:
        """How its members are fed."""
        fed = {"side": self.side, "normalization": self.normalization, "views": self.views}
        return adapt_spec(get_spec(self.name), **fed)


class ThresholdRow(Part):
    """What happens at one threshold."""

    threshold: Probability
    false_alarm_rate: Probability  # share of genuine clips at or above it
    detection_rate: Probability  # share of fakes at or above it


class Thresholds(Part):
    """Where "fake" begins, and what else could have been chosen."""

    default: Probability
    table: tuple[ThresholdRow, ...] = Field(default=(), max_length=1000)
    fitted_on: str


class Crop(Part):
    """How faces were cut out for training; the same has to be done for scoring."""

    detector: str  # as settings' faces.detector
    margin: float = Field(ge=0, le=2)  # of the box's longer side, added on every side
    side: int = Field(ge=32, le=1024)  # of the stored crop, px


class TrainedOn(Part):
    """Where the members' knowledge comes from."""

    text: str
    datasets: tuple[str, ...]
    split_sha256: Sha256


class Golden(Part):
    """The check that this machine computes what the trainer's did."""

    tolerance: float = Field(gt=0, le=1)  # largest difference of a logit
    sha256: Sha256  # of golden.safetensors


class CompetenceFile(Part):
    """What competence.safetensors is; see `competence.Competence`."""

    sha256: Sha256
    limit: float = Field(gt=0)  # a person whose frames' median distance is larger lies outside
    fitted_on: str  # in words: which faces the distance is from, on whom the limit was set


class BundleConfig(Part):
    """A bundle's config.json."""

    format: Literal["awarenet.bundle/1"] = FORMAT
    name: str = Field(min_length=1, max_length=100)
    families: tuple[Family, ...] = Field(min_length=1, max_length=32)
    combiner: Combiner
    calibration: Calibration | None
    thresholds: Thresholds
    crop: Crop
    trained_on: TrainedOn
    metrics: dict[str, JsonValue]
    versions: dict[str, str]  # of the packages that made it
    golden: Golden
    other_votes: tuple[OtherVote, ...] = Field(default=(), max_length=32)
    competence: CompetenceFile | None = None  # None: it does not know its own limits

    @model_validator(mode="after")
    def _parts_fit(self) -> BundleConfig:
        names = [family.name for family in self.families]
        folders = [member.folder for family in self.families for member in family.members]
        if len(set(names)) != len(names) or len(set(folders)) != len(folders):
            raise ValueError("a family or a member folder stands twice")
        if len({len(family.members) for family in self.families}) != 1:
            raise ValueError("families differ in their number of members")
        if set(self.combiner.weights) != set(names):
            raise ValueError(
                f"combiner.weights are of {sorted(self.combiner.weights)}, the families are "
                f"{sorted(names)}"
            )
        for name in names:
            try:
                get_spec(name)
            except SettingsError as error:
                raise ValueError(str(error)) from error
        self.build_combiner()
        if len({vote.name for vote in self.other_votes}) != len(self.other_votes):
            raise ValueError("one of other_votes stands twice")
        for vote in self.other_votes:
            voters = [name for name in names if name in vote.combiner.weights]
            try:
                vote.combiner.build(voters)
            except ValueError as error:
                raise ValueError(f"other_votes: {vote.name}: {error}") from error
        return self

    def build_combiner(self) -> combine.Combiner:
        """Build what `combiner` describes, for the families in their order.

        Raises:
            ValueError: It cannot be built.
        """
        return self.combiner.build([family.name for family in self.families])


def describe_family(name: str, spec: Spec, members: Sequence[Member]) -> Family:
    """Say in a config's words how the members of a family are fed; `Family.spec` turns it back."""
    own = adapt_spec(get_spec(name), side=spec.side, views=spec.views)
    return Family(
        name=name,
        side=spec.side,
        normalization="own" if spec == own else "imagenet",
        views=spec.views,
        members=tuple(members),
    )


def member_config(network: nn.Module, family: str, spec: Spec) -> dict[str, JsonValue]:
    """Describe a member as timm does, so that plain timm can load a whole network.

    Args:
        network: As `create_model(family)` builds it.
        family: A name in `zoo.SPECS`.
        spec: How it is fed.

    Returns:
        What its config.json holds. It depends on the spec alone, so a bundle's can be compared
        with it.
    """
    classifier = "fc" if "fc.weight" in network.state_dict() else "classifier"
    return {
        "architecture": spec.network or spec.timm_name.partition(".")[0],
        "num_classes": 1,
        "num_features": network.num_features,
        "pretrained_cfg": {
            "num_classes": 1,
            "input_size": [3, spec.side, spec.side],
            "fixed_input_size": False,
            "interpolation": "bilinear",
            "crop_pct": 1.0,
            "mean": list(spec.mean),
            "std": list(spec.std),
            "classifier": classifier,
        },
        "awarenet": {"family": family, "stages": spec.stages},
    }


def first_difference(found: JsonValue, expected: JsonValue, name: str = "") -> str | None:
    """Say where two JSON values first differ, as `a.b is 1; expected 2`; None where equal."""
    if isinstance(found, dict) and isinstance(expected, dict):
        for key in sorted(found.keys() | expected.keys()):
            where = f"{name}.{key}" if name else key
            if key not in expected:
                return f"{where} is unknown; expected no such key"
            if key not in found:
                return f"{where} is missing; expected {expected[key]!r}"
            if difference := first_difference(found[key], expected[key], where):
                return difference
        return None
    return None if found == expected else f"{name} is {found!r:.80}; expected {expected!r}"
