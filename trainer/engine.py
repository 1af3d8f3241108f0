"""Train one member: the loop in the open.

A member starts from ImageNet weights and differs from its siblings by its seed alone, which decides
head, order, fakes, degradation and dropout. What is saved is the moving average of its weights.
"""

from __future__ import annotations

import json
import logging
import math
import time
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from sklearn.metrics import roc_auc_score
from timm.utils import ModelEmaV3
from torch import Tensor, nn

from awarenet.errors import AwareNetError
from awarenet.zoo import create_model, get_spec, preprocess
from trainer.atomic import written_whole
from trainer.loader import Pairs, draw_crops
from trainer.manifest import read_manifest
from trainer.settings import TrainerSettings
from trainer.stamps import content_hash, is_made, needed
from trainer.starting_weights import load_starting_weights

log = logging.getLogger(__name__)

# of [train]; where and how a member is trained, not what comes out
NOT_IN_THE_WEIGHTS = {"workers", "threads", "packages", "check_every"}


def member_folder(settings: TrainerSettings, family: str, index: int) -> Path:
    """Where a member's weights, state and log lie."""
    return Path(settings.data.run) / "members" / f"{family}-{index}"


def member_seed(settings: TrainerSettings, family: str, index: int) -> int:
    """Seed of a member: its number among all members of the ensemble."""
    families = settings.ensemble.families
    return settings.train.seed + families.index(family) * settings.ensemble.members + index


def train_member(settings: TrainerSettings, family: str, index: int) -> Path:
    """Train a member, or go on where its last checkpoint ends.

    Returns:
        Path of its weights, `model.safetensors`, fp32.

    Raises:
        AwareNetError: No data, no starting weights, or a loss that is not finite.
    """
    folder = member_folder(settings, family, index)
    finished = folder / "model.safetensors"
    manifest = Path(settings.data.run) / "manifest.parquet"
    train, spec = settings.train, get_spec(family)
    seed = member_seed(settings, family, index)
    made_of = {
        "manifest": content_hash(manifest, "prepare"),
        "train": train.model_dump(mode="json", exclude=NOT_IN_THE_WEIGHTS),
        "member": {"family": family, "seed": seed},
    }
    folder.mkdir(parents=True, exist_ok=True)
    if is_made(finished, made_of, again=False):
        log.info("train: %s is there, skipped", folder.name)
        return finished
    torch.set_num_threads(train.threads)
    torch.manual_seed(seed)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    model = create_model(family, dropout=train.dropout)
    if train.start == "packaged":
        load_starting_weights(model, family, Path(train.packages).expanduser())
    model = model.to(device, memory_format=torch.channels_last).train()
    optimizer = _optimizer(model, settings)
    average = ModelEmaV3(model, decay=train.ema, use_warmup=True)
    rows = read_manifest(manifest)
    pairs = Pairs(
        rows, manifest.parent, pairs=train.pairs, margin=train.margin, side=spec.side, seed=seed
    )
    step = _load_checkpoint(folder, model, average.module, optimizer)
    validation = None
    autocast = torch.autocast(device.type, torch.bfloat16, enabled=_has_bfloat16(device))
    started, running = time.monotonic(), []
    for crops, labels in pairs.batches(step, train.steps):
        torch.manual_seed(seed * 1_000_003 + step)  # dropout, the same after a resume
        factor = schedule(step, train.steps, train.warmup)
        for group in optimizer.param_groups:
            group["lr"] = group["peak"] * factor
        images = preprocess(torch.from_numpy(crops).to(device), spec)
        images = images.contiguous(memory_format=torch.channels_last)
        targets = torch.from_numpy(labels).to(device)
        with autocast:
            logits = model(images).flatten()
        loss = smoothed_loss(logits.float(), targets, train.label_smoothing)
        if not torch.isfinite(loss):
            raise AwareNetError(f"{folder.name}: the loss of step {step} is {loss.item()}")
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 5.0)
        optimizer.step()
        average.update(model, step)
        running.append(loss.item())
        step += 1
        if step % train.check_every == 0 or step == train.steps:
            if validation is None:
                validation = _validation(rows, manifest.parent, settings, spec.side)
            scores = member_logits(average.module, validation[0], family, batch=64)
            auc = float(roc_auc_score(validation[1], scores))
            rate = len(running) * 2 * train.pairs / (time.monotonic() - started)
            record = {
                "step": step,
                "loss": round(float(np.mean(running)), 4),
                "validation_auc": round(auc, 4),
                "images_a_second": round(rate, 1),
            }
            with (folder / "log.jsonl").open("a") as file:
                file.write(json.dumps(record) + "\n")
            log.info("train: %s %s", folder.name, record)
            _save_checkpoint(folder, model, average.module, optimizer, step)
            started, running = time.monotonic(), []
    _save_weights(average.module, finished)
    (folder / "state.pt").unlink(missing_ok=True)
    return finished


def schedule(step: int, steps: int, warmup: float) -> float:
    """Factor of the learning rate: linear rise, then half a cosine down to 1 % of the peak."""
    rising = max(round(steps * warmup), 1)
    if step < rising:
        return (step + 1) / rising
    progress = (step - rising) / max(steps - rising, 1)
    return 0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * progress))


def smoothed_loss(logits: Tensor, labels: Tensor, smoothing: float) -> Tensor:
    """Mean binary cross-entropy of (B,) logits against (B,) labels moved `smoothing` inward."""
    targets = labels * (1 - 2 * smoothing) + smoothing
    return nn.functional.binary_cross_entropy_with_logits(logits, targets)


@torch.no_grad()
def member_logits(model: nn.Module, crops: np.ndarray, family: str, *, batch: int) -> np.ndarray:
    """Score (N, S, S, 3) uint8 RGB crops by one member: (N,) float32 logits."""
    was_training, spec = model.training, get_spec(family)
    device = next(model.parameters()).device
    model.eval()
    out = []
    for start in range(0, len(crops), batch):
        images = preprocess(torch.from_numpy(crops[start : start + batch]).to(device), spec)
        images = images.contiguous(memory_format=torch.channels_last)
        with torch.autocast(device.type, torch.bfloat16, enabled=_has_bfloat16(device)):
            out.append(model(images).flatten().float().cpu())
    model.train(was_training)
    return torch.cat(out).numpy()


def load_member(settings: TrainerSettings, family: str, index: int) -> nn.Module:
    """Build a trained member from its saved weights, in eval mode on the CPU.

    Raises:
        AwareNetError: It has not been trained yet.
    """
    path = needed(member_folder(settings, family, index) / "model.safetensors", "train")
    model = create_model(family)
    model.load_state_dict(load_file(path), strict=True)
    return model.eval()


def _optimizer(model: nn.Module, settings: TrainerSettings) -> torch.optim.Optimizer:
    """AdamW; the untrained head learns faster, and norms and biases are not decayed."""
    train = settings.train
    groups: dict[tuple[bool, bool], list[nn.Parameter]] = {}
    for name, parameter in model.named_parameters():
        head = name.split(".")[0] in ("classifier", "fc")
        groups.setdefault((head, parameter.ndim > 1), []).append(parameter)
    return torch.optim.AdamW(
        [
            {
                "params": parameters,
                "peak": train.learning_rate * (train.head_factor if head else 1),
                "weight_decay": train.weight_decay if decay else 0.0,
            }
            for (head, decay), parameters in groups.items()
        ],
        lr=train.learning_rate,
        fused=True,
    )


def _validation(
    rows: list, root: Path, settings: TrainerSettings, side: int
) -> tuple[np.ndarray, np.ndarray]:
    """Crops and labels of validation people; the kind that is held out stays out here as well."""
    chosen = [
        row for row in rows if row.split == "validation" and row.method != settings.forge.held_out
    ]
    if {row.label for row in chosen} != {0, 1}:
        raise AwareNetError(
            f"{len(chosen)} validation crops, real and fake expected; "
            "raise the second of [split] shares"
        )
    crops, index = draw_crops(
        chosen, root, "training", draws=1, margin=settings.train.margin, side=side, seed=0
    )
    return crops, np.array([chosen[i].label for i in index])


def _has_bfloat16(device: torch.device) -> bool:
    """Whether bfloat16 is native there; emulated, it is slower than float32."""
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported()
    return torch.cpu._is_avx512_bf16_supported()


def _save_weights(model: nn.Module, path: Path) -> None:
    with written_whole(path) as temporary:
        save_file({k: v.contiguous().cpu() for k, v in model.state_dict().items()}, temporary)


def _save_checkpoint(
    folder: Path, model: nn.Module, average: nn.Module, optimizer: torch.optim.Optimizer, step: int
) -> None:
    state = {
        "step": step,
        "model": model.state_dict(),
        "average": average.state_dict(),
        "optimizer": optimizer.state_dict(),
    }
    with written_whole(folder / "state.pt") as temporary:
        torch.save(state, temporary)


def _load_checkpoint(
    folder: Path, model: nn.Module, average: nn.Module, optimizer: torch.optim.Optimizer
) -> int:
    """Load the last checkpoint where there is one; returns the step to go on with."""
    path = folder / "state.pt"
    if not path.is_file():
        return 0
    state = torch.load(path, weights_only=True)
    model.load_state_dict(state["model"])
    average.load_state_dict(state["average"])
    optimizer.load_state_dict(state["optimizer"])
    log.info("train: %s goes on at step %d", folder.name, state["step"])
    return state["step"]
