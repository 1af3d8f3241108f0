"""What training is measured by on its way: crops of validation people, never augmented anew.

Shapes: N crops.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from accelerate import Accelerator
from accelerate.utils import gather_object
from sklearn.metrics import roc_auc_score
from torch import nn

from awarenet.errors import AwareNetError
from trainer.batches.samples import draw_crops, plain_crops
from trainer.experiments import Experiment
from trainer.manifest import Row
from trainer.training.losses import Loss
from trainer.training.scoring import outputs

# At an AUC of 0.95 the standard error with 1,024 crops of either class is 0.005 (Hanley and
# McNeil, 1982, https://doi.org/10.1148/radiology.143.1.7063747), and less between two validations
# on the same crops. At 299 px they are 550 MB, held for as long as the training lasts.
CROPS = 2048
REGIME = "training"  # that portraits, which no camera app has touched, are degraded by


@dataclass(frozen=True)
class Validation:
    """(N, S, S, 3) uint8 RGB crops and their (N,) labels; each process has its own part."""

    crops: np.ndarray
    labels: np.ndarray


def make_validation(
    experiment: Experiment, rows: Sequence[Row], side: int, *, process: int = 0, processes: int = 1
) -> Validation:
    """Choose and cut this process's part of the validation crops.

    Args:
        experiment: Says which rows are portraits, and the margin.
        rows: Of its validation part.
        side: Of a crop, px.
        process: Number of this process, from 0.
        processes: How many share the work.

    Raises:
        AwareNetError: There are not both real and fake crops.
    """
    if {row.label for row in rows} != {0, 1}:
        raise AwareNetError(
            f"{experiment.name}: {len(rows)} validation crops, real and fake expected; "
            "raise the second of [split] shares"
        )
    mine = choose(rows, CROPS)[process::processes]
    portraits = [row for row in mine if experiment.is_portrait(row)]
    others = [row for row in mine if not experiment.is_portrait(row)]
    root, margin = experiment.run, experiment.settings.train.margin
    crops, labels = [np.empty((0, side, side, 3), np.uint8)], []
    if portraits:
        drawn, index = draw_crops(
            portraits, root, REGIME, draws=1, margin=margin, side=side, seed=0
        )  # fmt: skip
        crops.append(drawn)
        labels += [portraits[at].label for at in index]
    if others:
        crops.append(plain_crops(others, root, margin=margin, side=side))
        labels += [row.label for row in others]
    return Validation(np.concatenate(crops), np.array(labels, np.float32))


def choose(rows: Sequence[Row], count: int) -> list[Row]:
    """Take `count` rows at most: half of them real, every kind of fake and data set alike.

    What a kind has too few of is shared among the others. Within a kind every clip gives one crop
    before any gives two. The same rows give the same choice.

    Returns:
        In the order of `rows`.
    """
    if len(rows) <= count:
        return list(rows)
    rng = np.random.default_rng(0)
    kinds: dict[int, dict[tuple[str, str], list[int]]] = {
        0: defaultdict(list),
        1: defaultdict(list),
    }
    for at in rng.permutation(len(rows)):
        row = rows[at]
        kinds[row.label][row.dataset, row.method].append(int(at))
    halves = _share(count, [sum(map(len, kinds[label].values())) for label in (0, 1)])
    chosen = []
    for label, half in zip((0, 1), halves, strict=True):
        groups = [kinds[label][key] for key in sorted(kinds[label])]
        for group, many in zip(groups, _share(half, [len(g) for g in groups]), strict=True):
            chosen += _clips_in_turn(group, rows)[:many]
    return [rows[at] for at in sorted(chosen)]


def _share(count: int, sizes: Sequence[int]) -> list[int]:
    """Deal `count` out evenly, none getting more than its size."""
    shares, left = [0] * len(sizes), count
    order = sorted(range(len(sizes)), key=lambda at: sizes[at])  # the smallest first
    for position, at in enumerate(order):
        shares[at] = min(sizes[at], left // (len(order) - position))
        left -= shares[at]
    return shares


def _clips_in_turn(kind: Sequence[int], rows: Sequence[Row]) -> list[int]:
    """Order rows so that each clip comes once before any comes again."""
    seen: Counter[str] = Counter()
    keyed = []
    for place, at in enumerate(kind):
        keyed.append((seen[rows[at].clip], place, at))
        seen[rows[at].clip] += 1
    return [at for _, _, at in sorted(keyed)]


def validate(
    module: nn.Module, validation: Validation, loss: Loss, accelerator: Accelerator, *, batch: int
) -> tuple[float, float]:
    """Measure a module on the crops of all processes.

    Args:
        module: As in `outputs`.
        validation: This process's part.
        loss: Of the training; without smoothing here.
        accelerator: Knows the processes.
        batch: Crops a forward pass.

    Returns:
        Mean loss, and AUC; the loss is not finite where an output is not.
    """
    mine = outputs(module, validation.crops, batch=batch)
    gathered = gather_object([(mine, validation.labels)])
    found = torch.from_numpy(np.concatenate([part for part, _ in gathered]))
    labels = torch.from_numpy(np.concatenate([part for _, part in gathered]))
    if not torch.isfinite(found).all():
        return float("nan"), float("nan")
    mean = loss(found, labels, torch.ones_like(found), 0.0)
    return float(mean), float(roc_auc_score(labels.numpy(), found.numpy()))
