"""What a report says of its own evidence: heat maps, stability, other votes, provenance."""

from __future__ import annotations

from pydantic import Field

from awarenet.report.values import (
    Change,
    FreeJson,
    Notice,
    Number,
    Part,
    Probability,
    Seconds,
    Text,
    Verdict,
)


class Deletion(Part):
    """What blanking a part of the face does to the probability: does the map show what counts?"""

    share: Probability = Field(description="of the crop that was blanked")
    hottest: Change = Field(
        description="probability after the hottest part was blanked, less before"
    )
    random: Change = Field(description="the same for as much, anywhere: mean of several draws")
    draws: int = Field(ge=1)


class ExplainedFrame(Part):
    """One frame of one person that heat maps were made for."""

    person: int
    frame: int
    time_s: Seconds
    strength: dict[str, Probability] = Field(
        description="how strongly each map is shown: that family's probability in this frame, "
        "and the ensemble's"
    )
    regions: dict[str, dict[str, Probability]] | None = Field(
        None,
        description="family, or ensemble -> region of the face -> share of the heat; null where "
        "the parts of the face could not be told",
    )
    areas: dict[str, Probability] | None = Field(
        None, description="region of the face -> share of the picture that it covers"
    )
    agreement: Number | None = Field(
        None, ge=-1, le=1, description="mean correlation between two families' maps"
    )
    deletion: Deletion | None = None


class Explanation(Part):
    """Where the networks looked."""

    method: str
    layers: dict[str, str] = Field(description="family to the layer its map is taken from")
    frames: list[ExplainedFrame]


class DamagedScore(Part):
    """The same faces again, after damage as a copy suffers it."""

    damage: str = Field(description="as `jpeg_50`; see stability.DAMAGES")
    probability: Probability
    verdict: Verdict


class Stability(Part):
    """How far the answer on one person stands when the picture gets worse."""

    person: int
    frames: int = Field(ge=1, description="how many were scored again")
    untouched: Probability = Field(description="of these frames alone, before any damage")
    scores: list[DamagedScore]
    low: Probability = Field(description="lowest probability, damaged or not")
    high: Probability
    flips_under: list[str] = Field(
        description="damages after which a verdict of real became fake, or the other way round"
    )


class OtherVote(Part):
    """What the clip would be called if the networks voted in another way."""

    name: str = Field(description="as `mean`, `hard_all`, `soft_best`")
    probability: Probability
    verdict: Verdict
    calibrated: bool = Field(description="by itself; else by the calibration of the bundle's own")


class Credentials(Part):
    """Content Credentials (C2PA) that a file carries."""

    state: str = Field(description="`valid`, `trusted` or `invalid`, as c2pa says")
    signed_by: Text | None
    signed_at: Text | None
    made_with: Text | None = Field(description="the claim generator")
    actions: list[Text] = Field(description="what was done, as c2pa.actions says")
    ai_generated: bool | None = Field(
        description="whether an action says so; null: it does not say"
    )
    problems: list[Text] = Field(description="codes of what did not verify")


class Provenance(Part):
    """Where a file says it is from: apart from the networks, and no part of the probability."""

    credentials: Credentials | None = Field(description="null: the file carries none")
    looked_for_credentials: bool = Field(description="false where c2pa-python is not installed")
    container: FreeJson = Field(description="names and values as the file has them")
    remarks: list[Text] = Field(description="what stands out, in sentences for people")
    notices: list[Notice] = Field([], description="the remarks again, each with its code")
