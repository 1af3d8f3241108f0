"""How fast do nine full-size networks judge faces, against the naive way and the machine's limit?

python benchmarks/ensemble.py                  3 x each of the paper's families, 32 crops
python benchmarks/ensemble.py --short          one of each, 8 crops
python benchmarks/ensemble.py --bundle DIR     the networks of a bundle instead
python benchmarks/ensemble.py --device cuda    on a GPU

Crops are noise; of a bundle, its stored faces are among them. Weights are random, of a fixed seed,
made to behave as trained ones do: see `tame`. All families get images of 224 px, Xception too,
whose own side is 299: that is the size that the target is set for.

The naive way: float32, one crop and one network at a time, in the memory format that PyTorch takes
by itself. Against it the `Runtime` as it comes, and with every engine and number format. They take
turns in one process; medians count. The rate of a large matrix product, measured before and after,
stands for what the machine can do. Drift is the largest difference of the ensemble's probability
from that of the naive way; for that of trained networks, run it on a bundle. The last line is JSON.
"""

from __future__ import annotations

import argparse
import copy
import logging
import os
import re
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from hardware import add_save, describe, publish

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))  # a plain call knows its own folder

import numpy as np  # noqa: E402
import torch  # noqa: E402
from torch import nn  # noqa: E402

from awarenet.bundle import load_bundle  # noqa: E402
from awarenet.combine import create_combiner  # noqa: E402
from awarenet.ensemble import Ensemble, judge  # noqa: E402
from awarenet.runtime import Known, Runtime  # noqa: E402
from awarenet.runtime.choosing import computes_in_bfloat16  # noqa: E402
from awarenet.zoo import adapt_spec, create_model, get_spec, preprocess  # noqa: E402

FAMILIES = ("xception", "res2net101", "efficientnet_b7")
SIDE = 224  # px
FITTED_ON, PROBES = 8, 2  # crops, other ones than are timed
ADDED = 0.1  # share, see `tame`
MATRIX = {"cpu": 4096, "cuda": 8192}  # side of the product that a rate is measured by
NAIVE, AUTO = "naive", "as it comes"
# what a Runtime is asked for, by name: engine, number format
WAYS = {
    AUTO: ("auto", "auto"),
    "openvino float32": ("openvino", "float32"),
    "torch float32": ("torch", "float32"),
    "torch bfloat16": ("torch", "bfloat16"),
    "torch float16": ("torch", "float16"),
}


def noise(count: int, side: int, seed: int) -> np.ndarray:
    """(count, side, side, 3) uint8 crops of noise: squares of many sizes, finest on top."""
    rng, crops = np.random.default_rng(seed), np.zeros((count, side, side, 3))
    for cell in (56, 14, 4, 1):
        cells = rng.uniform(-1, 1, (count, -(-side // cell), -(-side // cell), 3))
        crops += cells.repeat(cell, 1).repeat(cell, 2)[:, :side, :side]
    return np.clip(128 + 45 * crops, 0, 255).astype(np.uint8)


def full_size(members: int) -> Ensemble:
    """Build the paper's families with random weights that behave as trained ones do."""
    torch.manual_seed(0)
    specs = {family: adapt_spec(get_spec(family), side=SIDE) for family in FAMILIES}
    crops = torch.from_numpy(noise(FITTED_ON, SIDE, seed=1))
    networks: dict[str, list[nn.Module]] = {}
    for family in FAMILIES:
        images = preprocess(crops, specs[family])
        networks[family] = [tame(create_model(family), images) for _ in range(members)]
    combiner = create_combiner("two_tier", [1 / len(FAMILIES)] * len(FAMILIES))
    return Ensemble(networks, combiner, specs)


@torch.no_grad()
def tame(network: nn.Module, images: torch.Tensor) -> nn.Module:
    """Make a network of random weights behave as a trained one does.

    As it is drawn, all crops get the same logit. Batch norm that is fitted to images cures that,
    but then a small difference grows from block to block, until bfloat16 changes a logit by three
    times the logits' own spread. So what a block adds to its input counts a tenth: the change is
    then 0.03 to 0.11 of the spread; of the demo's networks, which are trained, it is 0.03 to 0.08.
    """
    network.eval().to(memory_format=torch.channels_last)
    for block in network.modules():
        if (last := last_norm(block)) is not None:
            nn.init.constant_(last.weight, ADDED)
        if isinstance(block, nn.BatchNorm2d):
            block.train().momentum = 1.0  # this batch's statistics and nothing else
    network(images)
    return network.eval()


def last_norm(block: nn.Module) -> nn.Module | None:
    """Give the last batch norm of what a block adds to its input; None of other modules."""
    if type(block).__name__ == "Block":  # of Xception
        return [each for each in block.rep if isinstance(each, nn.BatchNorm2d)][-1]
    if type(block).__name__ == "Bottle2neck" or getattr(block, "has_skip", False):
        return block.bn3 if hasattr(block, "bn3") else block.bn2  # of Res2Net, of EfficientNet
    return None


class Naive:
    """A loop over crops and networks, as one writes it first."""

    def __init__(self, ensemble: Ensemble, device: torch.device):
        copied = copy.deepcopy(ensemble).eval().requires_grad_(False)
        self._ensemble = copied.to(device=device, memory_format=torch.contiguous_format)
        self._device = device

    @torch.no_grad()
    def __call__(self, crops: np.ndarray) -> np.ndarray:
        """(n, F, K) float32 logits."""
        specs, members = self._ensemble.specs, self._ensemble.members
        rows = []
        for crop in crops:
            row = []
            for family, networks in members.items():
                image = preprocess(torch.from_numpy(crop[None]).to(self._device), specs[family])
                row.append([float(network(image.contiguous())) for network in networks])
            rows.append(row)
        return np.array(rows, np.float32)


def formats(device: torch.device) -> list[str]:
    """Number formats that a device computes in; what it emulates takes minutes."""
    if device.type == "cuda":
        return ["float32", "bfloat16", "float16"]
    return ["float32", "bfloat16"] if computes_in_bfloat16() else ["float32"]


def matmul_rates(device: torch.device, repeats: int) -> dict[str, float]:
    """Operations a second of a large matrix product, the best of some; by number format."""
    side, rates = MATRIX[device.type], {}
    for name in formats(device):
        one = torch.rand(side, side, device=device).to(getattr(torch, name))
        took = []
        for _ in range(repeats):
            start = time.perf_counter()
            one @ one
            if device.type == "cuda":
                torch.cuda.synchronize()
            took.append(time.perf_counter() - start)
        rates[name] = 2 * side**3 / min(took)
    return rates


def take_turns(
    ways: dict[str, Callable[[np.ndarray], np.ndarray]],
    crops: np.ndarray,
    rounds: dict[str, int],
) -> tuple[dict[str, list[float]], dict[str, np.ndarray]]:
    """Let every way judge the crops, in turn: seconds of each run, and the logits; by way."""
    took: dict[str, list[float]] = {name: [] for name in ways}
    logits = {}
    for way in ways.values():
        way(crops[:1])  # what is made at the first call is not timed
    for turn in range(max(rounds.values())):
        for name, way in ways.items():
            if turn >= rounds[name]:
                continue
            start = time.perf_counter()
            logits[name] = way(crops)  # NumPy's: a GPU has finished
            took[name].append(time.perf_counter() - start)
            print(f"{name}: {took[name][-1]:.2f} s", file=sys.stderr, flush=True)
    return took, logits


def measure(args: argparse.Namespace) -> tuple[dict[str, object], list[str]]:
    """Run the comparison: the record and the table."""
    device, count = torch.device(args.device), args.crops or (8 if args.short else 32)
    if args.bundle:
        bundle = load_bundle(args.bundle)
        ensemble, known = bundle.ensemble, bundle.golden
        crops = noise(count, bundle.config.crop.side, seed=0)
        crops[: len(known.crops)] = known.crops[:count]
        first = Naive(ensemble, device)  # before a Runtime changes the memory format
    else:
        ensemble, crops = full_size(1 if args.short else 3), noise(count, SIDE, seed=0)
        first = Naive(ensemble, device)
        probes = noise(PROBES, SIDE, seed=2)
        known = Known(probes, first(probes))  # as a bundle has them, of the faces it was made for
    ways: dict[str, Callable[[np.ndarray], np.ndarray]] = {NAIVE: first}
    runtimes = {
        name: Runtime(ensemble, args.device, dtype, engine=engine, known=known)
        for name, (engine, dtype) in WAYS.items()
        if dtype in ("auto", *formats(device)) and (engine, args.device) != ("openvino", "cuda")
    }
    ways |= {name: runtime.logits for name, runtime in runtimes.items()}
    repeats = 2 if args.short else 5
    before = matmul_rates(device, repeats)
    few = min(args.rounds, args.naive_rounds)
    rounds = {name: args.rounds if name == AUTO else few for name in ways}
    took, logits = take_turns(ways, crops, rounds)
    after = matmul_rates(device, repeats)
    rates = {name: max(rate, after[name]) for name, rate in before.items()}
    flops = sum(runtimes[AUTO].costs.values())
    limit = rates.get("bfloat16", rates["float32"])
    answers = {name: judge(ensemble.combiner, found) for name, found in logits.items()}
    figures: dict[str, dict[str, float]] = {}
    for name, seconds in took.items():
        a_face = statistics.median(seconds) / len(crops)
        figures[name] = {
            "seconds_per_face": a_face,
            "ratio_to_naive": statistics.median(took[NAIVE]) / len(crops) / a_face,
            "gflops": flops / a_face / 1e9,
            "share_of_matmul_rate": flops / a_face / limit,
            "max_probability_drift": float(np.abs(answers[name] - answers[NAIVE]).max()),
            "runs": len(seconds),
        }
    reason = runtimes[AUTO].reason
    _, engine, dtype = re.findall(r"([\w:]+) \(", reason)[:3]  # each with why, in parentheses
    record = {
        "benchmark": "ensemble",
        "short": args.short,
        "networks": str(args.bundle or " ".join(ensemble.families)),
        "members": len(ensemble.families) * ensemble.members_per_family,
        "crops": len(crops),
        "sides": {family: spec.side for family, spec in ensemble.specs.items()},
        "device": args.device,
        "engine": engine,
        "dtype": dtype,
        "threads": torch.get_num_threads(),
        "flops_per_face": flops,
        "matmul_gflops": {name: round(rate / 1e9, 1) for name, rate in rates.items()},
        **rounded(figures[AUTO]),
        "spread_of_probabilities": round(float(np.ptp(answers[NAIVE])), 4),
        "reason": reason,
        "ways": {name: rounded(each) for name, each in figures.items()},
    }
    return record, table(record, figures)


def rounded(figures: dict[str, float]) -> dict[str, float]:
    """Four digits are more than hold the next time."""
    return {name: float(f"{value:.4g}") for name, value in figures.items()}


def table(record: dict[str, object], figures: dict[str, dict[str, float]]) -> Sequence[str]:
    """Lines for people."""
    rates = record["matmul_gflops"]
    sides = ", ".join(f"{family} {side} px" for family, side in record["sides"].items())
    return [
        f"{record['members']} networks ({sides}), {record['crops']} crops of noise",
        f"{record['flops_per_face'] / 1e9:.1f} GFLOP a face; a matrix product reaches "
        + ", ".join(f"{rate:.0f} GFLOP/s in {name}" for name, rate in rates.items()),
        f"as it comes: {record['reason']}",
        f"{'':18}{'s a face':>9}{'times':>8}{'GFLOP/s':>9}{'share':>8}{'drift':>9}{'runs':>6}",
        *(
            f"{name:18}{each['seconds_per_face']:9.4f}{each['ratio_to_naive']:8.2f}"
            f"{each['gflops']:9.0f}{each['share_of_matmul_rate']:8.1%}"
            f"{each['max_probability_drift']:9.5f}{each['runs']:6}"
            for name, each in figures.items()
        ),
        "times: as fast as the naive way; share: of the matrix product's rate in "
        + ("bfloat16" if "bfloat16" in rates else "float32")
        + f"; drift: of probabilities that span {record['spread_of_probabilities']:.2f}",
    ]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--short", action="store_true", help="3 networks, 8 crops")
    parser.add_argument("--bundle", metavar="DIR", help="its networks, as assets/demo")
    parser.add_argument("--device", choices=sorted(MATRIX), default="cpu")
    parser.add_argument("--crops", type=int, default=0, help="32, or 8 where it is short")
    parser.add_argument("--rounds", type=int, default=5, help="of the Runtime as it comes")
    parser.add_argument("--naive-rounds", type=int, default=3, help="of all others")
    parser.add_argument("--threads", type=int, default=0, help="of the CPU; 0: as torch has it")
    add_save(parser, "ensemble")
    args = parser.parse_args()
    if args.device == "cuda" and not torch.cuda.is_available():
        parser.error("no CUDA device was found")
    if args.threads:
        torch.set_num_threads(args.threads)
    logging.basicConfig(level=logging.WARNING)
    if args.short:
        args.rounds, args.naive_rounds = min(args.rounds, 3), 1
    machine = describe()
    with tempfile.TemporaryDirectory(prefix="awarenet-") as folder:
        os.environ["XDG_CACHE_HOME"] = folder  # of translated networks
        record, lines = measure(args)
    publish(record, lines, args.save, machine)


if __name__ == "__main__":
    main()
