"""How many images a second does our loop learn from, against timm's own pattern of a loop?

python benchmarks/train.py [--short]    the demo's families, on the CPU
python benchmarks/train.py --gpu        the full families, on a GPU: share of the card, memory

Same network, batches, precision and threads; pictures on disk, augmented as the demo's are. Each
loop has a process of its own; they take turns, and medians are compared, by the clock and by
seconds of the processor. Then the loader alone, against what a step consumes. The last line is
JSON.
"""

from __future__ import annotations

import argparse
import json
import logging
import multiprocessing
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

import cv2  # noqa: E402
import numpy as np  # noqa: E402
import torch  # noqa: E402
from torch import nn  # noqa: E402
from torch.utils.flop_counter import FlopCounterMode  # noqa: E402

from awarenet.settings import load_settings  # noqa: E402
from awarenet.zoo import create_model, get_spec, preprocess  # noqa: E402
from trainer.batches.samples import Batch, Samples  # noqa: E402
from trainer.manifest import Row  # noqa: E402
from trainer.settings import TrainerSettings  # noqa: E402
from trainer.training.devices import choose_precision, create_accelerator  # noqa: E402
from trainer.training.loop import run  # noqa: E402
from trainer.training.losses import member_loss  # noqa: E402
from trainer.training.optimizers import network_groups  # noqa: E402
from trainer.training.scoring import Fed  # noqa: E402
from trainer.training.validation import Validation  # noqa: E402

PRESET = ROOT / "trainer" / "presets" / "demo.toml"
DEMO = ("mobilenet_v2", "efficientnet_lite0")
FULL = ("xception", "res2net101", "efficientnet_b7")
PICTURES = 48  # real ones, and as many fakes
FACE = (48.0, 48.0, 208.0, 208.0)  # in a scene of 256 px with the margin of [prepare]
MATRIX = 8192  # side of the product that a card's rate is measured by


@dataclass(frozen=True)
class Contest:
    """What both loops are given."""

    family: str
    settings: TrainerSettings
    steps: int  # that are timed; as many before them are not
    rows: tuple[Row, ...] = ()  # none: one batch of noise, from memory
    root: Path = Path()

    @property
    def device(self) -> torch.device:
        """A GPU where there is one."""
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")

    def network(self) -> nn.Module:
        """A new network on the device."""
        torch.manual_seed(0)
        network = create_model(self.family, dropout=self.settings.train.dropout)
        return network.to(self.device, memory_format=torch.channels_last)

    def samples(self) -> Samples | InMemory:
        """Where batches come from."""
        side = get_spec(self.family).side
        if not self.rows:
            return InMemory(self.settings.train.batch, side)
        return Samples(self.rows, self.root, self.settings, recipe="camera", side=side, seed=0)


class InMemory:
    """The same batch again and again: what a step costs when no loader is waited for."""

    batches_per_epoch = 1000

    def __init__(self, size: int, side: int):
        crops = np.random.default_rng(0).integers(0, 256, (size, side, side, 3), np.uint8)
        labels = np.tile(np.array([0, 1], np.float32), size // 2)
        self.batch = Batch(crops, labels, np.ones_like(labels), ())

    def follow(self, numbers: Sequence[int], loaders: int) -> Iterator[Batch]:
        """As many batches as there are numbers."""
        return (self.batch for _ in numbers)


class Clocked:
    """Samples that note when each batch was asked for, by the clock and by the processor."""

    def __init__(self, samples: Samples | InMemory):
        self.samples, self.batches_per_epoch = samples, samples.batches_per_epoch
        self.asked: list[tuple[float, float]] = []

    def follow(self, numbers: Sequence[int], loaders: int) -> Iterator[Batch]:
        """Batches of these numbers."""
        for batch in self.samples.follow(numbers, loaders):
            self.asked.append((time.perf_counter(), time.process_time()))
            yield batch

    def rates(self, contest: Contest) -> dict[str, float]:
        """Images a second, and milliseconds of the processor an image, of the timed steps."""
        begin, end = self.asked[contest.steps], self.asked[-1]
        images = (contest.steps - 1) * contest.settings.train.batch
        return {
            "rate": images / (end[0] - begin[0]),
            "cpu_ms": 1000 * (end[1] - begin[1]) / images,
        }


def write_pictures(folder: Path) -> tuple[Row, ...]:
    """Write drawn portraits, and fakes of them with a blurred mouth."""
    from tiny_people import portrait, row

    rows = []
    for number in range(PICTURES):
        real = portrait(number)
        fake = real.copy()
        fake[150:200, 90:160] = cv2.GaussianBlur(real[150:200, 90:160], (0, 0), 2)
        for label, picture in enumerate((real, fake)):
            clip = f"{number:02d}-{label}"
            cv2.imwrite(str(folder / f"{clip}.png"), cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))
            rows.append(replace(row(clip, label=label, source=f"{number:02d}-0"), box=FACE))
    return tuple(rows)


def ours(contest: Contest) -> dict[str, float]:
    """Time our loop."""
    train = contest.settings.train.model_copy(
        update={"steps": 2 * contest.steps, "check_every": 2 * contest.steps}
    )
    accelerator = create_accelerator(train.threads)
    network, spec = contest.network(), get_spec(contest.family)
    clocked = Clocked(contest.samples())
    with tempfile.TemporaryDirectory() as folder:
        run(
            accelerator,
            Fed(network, spec),
            network_groups(network, train, train.head_factor),
            clocked,
            Validation(np.zeros((2, 32, 32, 3), np.uint8), np.array([0, 1], np.float32)),
            loss=member_loss,
            train=train,
            seed=0,
            folder=Path(folder),
        )
    return clocked.rates(contest)


def theirs(contest: Contest) -> dict[str, float]:
    """Time the loop of timm's train.py: its optimizer and its average, and nothing else."""
    from timm.optim import create_optimizer_v2
    from timm.utils import ModelEmaV3

    train, spec, device = contest.settings.train, get_spec(contest.family), contest.device
    torch.set_num_threads(train.threads)
    network, precision = contest.network().train(), choose_precision(train.precision, device)
    optimizer = create_optimizer_v2(
        network, opt="adamw", lr=train.learning_rate, weight_decay=train.weight_decay
    )
    average = ModelEmaV3(network, decay=train.ema, use_warmup=True)
    criterion, clocked = nn.BCEWithLogitsLoss(), Clocked(contest.samples())
    for step, batch in enumerate(clocked.follow(range(2 * contest.steps), train.loaders)):
        images = preprocess(torch.from_numpy(batch.crops).to(device), spec)
        images = images.contiguous(memory_format=torch.channels_last)
        target = torch.from_numpy(batch.labels).to(device) * 0.96 + 0.02
        with torch.autocast(device.type, precision, precision is not torch.float32):
            output = network(images)
            loss = criterion(output.flatten().float(), target)
        loss.backward()
        nn.utils.clip_grad_norm_(network.parameters(), train.clip_norm)
        optimizer.step()
        optimizer.zero_grad()
        average.update(network, step=step)
        if not np.isfinite(loss.item()):
            raise SystemExit("the loss is not finite")
    return clocked.rates(contest)


def loader_rate(contest: Contest, batches: int) -> float:
    """Images a second that the loader makes when nobody computes beside it."""
    train = contest.settings.train
    coming = contest.samples().follow(range(batches + 1), train.loaders)
    next(coming)
    begin = time.perf_counter()
    for _ in coming:
        pass
    return batches * train.batch / (time.perf_counter() - begin)


def take_turns(contest: Contest, rounds: int) -> dict[str, float]:
    """Medians of both loops, and of the ratios within each round."""
    context = multiprocessing.get_context("spawn")
    pairs = []
    with ProcessPoolExecutor(1, context) as one, ProcessPoolExecutor(1, context) as other:
        for turn in range(rounds):
            found = {}
            for work, pool in ((ours, one), (theirs, other))[:: 1 if turn % 2 else -1]:
                found[work] = pool.submit(work, contest).result()
            pairs.append((found[ours], found[theirs]))
    return {
        "ours": statistics.median(a["rate"] for a, _ in pairs),
        "theirs": statistics.median(b["rate"] for _, b in pairs),
        "ratio": statistics.median(a["rate"] / b["rate"] for a, b in pairs),
        "ratio_of_cpu": statistics.median(b["cpu_ms"] / a["cpu_ms"] for a, b in pairs),
    }


def on_the_cpu(folder: Path, short: bool, precision: str) -> dict[str, dict[str, float]]:
    """The demo's families with the demo's settings."""
    rows, found = write_pictures(folder), {}
    settings = load_settings(PRESET, [f"train.precision={precision}"], TrainerSettings)
    for family in DEMO:
        contest = Contest(family, settings, 4 if short else 12, rows, folder)
        result = take_turns(contest, 3 if short else 7)
        alone = [ours(replace(contest, rows=()))["rate"] for _ in range(1 if short else 3)]
        loader = loader_rate(contest, 8 if short else 40)
        result |= {"step_alone": statistics.median(alone), "loader_alone": loader}
        found[family] = result | {"loader_to_step": loader / result["step_alone"]}
    return found


def on_a_gpu(short: bool) -> dict[str, dict[str, float]]:
    """The full families from memory, in bfloat16."""
    settings = TrainerSettings.model_validate(
        {"train": {"batch": 64, "threads": 4, "precision": "bfloat16"}}
    )
    card, found = matrix_rate(), {}
    for family in FULL:
        contest = Contest(family, settings, 10 if short else 40)
        result = take_turns(contest, 1 if short else 5)
        torch.cuda.reset_peak_memory_stats()
        ours(contest)
        result["memory_gib"] = torch.cuda.max_memory_allocated() / 2**30
        work = operations(contest.network(), get_spec(family).side)
        found[family] = result | {
            "gflop_an_image": work / 1e9,
            "share_of_card": result["ours"] * work / card,
        }
    return found


def matrix_rate() -> float:
    """Operations a second of a large bfloat16 product: what the card can do."""
    one, begin = torch.randn(MATRIX, MATRIX, device="cuda", dtype=torch.bfloat16), 0.0
    for turn in range(40):
        one @ one
        if turn == 19:  # warm by now
            torch.cuda.synchronize()
            begin = time.perf_counter()
    torch.cuda.synchronize()
    return 20 * 2 * MATRIX**3 / (time.perf_counter() - begin)


def operations(network: nn.Module, side: int) -> float:
    """Floating-point operations, forward and backward, for one image."""
    device = next(network.parameters()).device
    with FlopCounterMode(display=False) as counter:
        network(torch.zeros(2, 3, side, side, device=device)).sum().backward()
    return counter.get_total_flops() / 2


def main() -> None:
    """Run the contest and print it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--short", action="store_true", help="fewer steps and rounds")
    parser.add_argument("--gpu", action="store_true", help="the full families, on a GPU")
    parser.add_argument("--precision", default="auto", help="of [train]; on the CPU")
    args = parser.parse_args()
    logging.disable(logging.WARNING)
    if args.gpu and not torch.cuda.is_available():
        print("no GPU here")
        print(json.dumps({"gpu": None}))
        return
    with tempfile.TemporaryDirectory() as folder:
        cpu = () if args.gpu else (Path(folder), args.short, args.precision)
        found = on_the_cpu(*cpu) if cpu else on_a_gpu(args.short)
    for family, figures in found.items():
        print(family)
        for name, value in figures.items():
            print(f"  {name:16} {value:>10.2f}")
    print(json.dumps({f: {n: round(v, 3) for n, v in r.items()} for f, r in found.items()}))


if __name__ == "__main__":
    main()
