"""What a report says of a person: when and where they were seen, and how they were judged."""

from __future__ import annotations

from pydantic import Field

from awarenet.report.values import (
    Box,
    Interval,
    Number,
    Part,
    Probability,
    Seconds,
    Verdict,
)


class Moment(Part):
    """One scored frame of one person."""

    time_s: Seconds
    frame: int = Field(ge=0, description="index in the stream, from 0")
    box: Box
    face_px: Number = Field(description="longer side of the box")
    probability: Probability
    interval: Interval | None = Field(
        None, description="of this frame alone: how far the members disagree"
    )
    families: dict[str, Probability]
    members: list[list[Probability]] = Field(description="families in the order of `families`")


class Blink(Part):
    """Lids that went down and up again."""

    time_s: Seconds = Field(description="when they were lowest")
    duration_s: Seconds


class EyeMoment(Part):
    """How far a person's eyes were open."""

    time_s: Seconds
    openness: Number | None = Field(
        description="mean height of the opening over its width, of both eyes; null: not to be told"
    )


class Blinks(Part):
    """How often somebody blinked: an indication, and no part of the probability."""

    blinks: list[Blink]
    seconds: Number = Field(gt=0, description="for which both eyes were watched")
    per_minute: Seconds
    interval: tuple[Seconds, Seconds] = Field(description="low, high, of the rate a minute")
    timeline: list[EyeMoment]
    indication: str = Field(description="what it means, in a few sentences for people")


class Segment(Part):
    """The stretch of time in which somebody looks most manipulated."""

    start_s: Seconds
    end_s: Seconds
    probability: Probability = Field(description="of its frames together")


class Quality(Part):
    """What a person's faces are worth: medians over the frames they were seen in."""

    face_px: Number = Field(description="longer side of the box, px of the frame")
    sharpness: Number = Field(ge=0, description="see quality.sharpness; below 60 is blurred")
    light: Probability = Field(description="mean luma of the face, 0 black to 1 white")
    contrast: Probability = Field(description="standard deviation of that luma")
    turned_deg: Number = Field(ge=0, description="how far the head is turned to a side")


class Competence(Part):
    """Whether the networks know faces like these: how far they lie from the training data."""

    distance: Number = Field(ge=0, description="of the person's frames, their median")
    limit: Number = Field(gt=0, description="beyond it, the verdict is inconclusive")
    outside: bool


class Person(Part):
    """One person of the clip."""

    id: int
    verdict: Verdict
    probability: Probability
    interval: Interval
    frames_seen: int = Field(ge=1)
    first_s: Seconds
    last_s: Seconds
    families: dict[str, Probability]
    members: list[list[Probability]] = Field(
        [], description="of each family in the order of `families`: its members'"
    )
    box_of_best: Box = Field(description="where the face is largest")
    timeline: list[Moment]
    worst: Segment | None = Field(None, description="of a video; null where all of it is alike")
    quality: Quality | None = None
    competence: Competence | None = Field(
        None, description="null where the bundle does not know its own limits"
    )
    blinks: Blinks | None = Field(None, description="only of the person who decides, if asked for")
