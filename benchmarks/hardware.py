"""What machine is this, and which versions run on it?

python benchmarks/hardware.py    a table, and the same as JSON

Beside the figures of a benchmark this says what they are worth elsewhere: `publish` prints both,
and keeps them with `--save`.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from datetime import datetime, timezone
from importlib import metadata
from pathlib import Path

RESULTS = Path(__file__).resolve().parent / "results"
PACKAGES = ("torch", "openvino", "onnxruntime", "timm", "av", "opencv-python", "numpy", "gradio")
BFLOAT16 = {"avx512_bf16", "amx_bf16", "bf16"}  # what Linux calls it on x86 and on Arm


def describe() -> dict[str, object]:
    """Say what runs here, as JSON can hold it; None where the system does not tell."""
    known = _processor()
    return {
        "date": datetime.now(timezone.utc).strftime("%Y-%m-%d %H:%M UTC"),
        "cpu": known.get("model name") or platform.processor() or platform.machine(),
        "cpu_family": " ".join(known[key] for key in ("cpu family", "model") if key in known),
        "cores": usable_cores(),
        "bfloat16": bool(BFLOAT16 & set(known["flags"].split())) if "flags" in known else None,
        "memory_gib": _memory_gib(),
        "gpu": _gpu(),
        "load": round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None,
        "system": platform.platform(terse=True),
        "python": platform.python_version(),
        "packages": {name: found for name in PACKAGES if (found := _version(name))},
    }


def usable_cores() -> int:
    """Cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def add_save(parser: argparse.ArgumentParser, name: str) -> None:
    """Let a benchmark keep its figures.

    Args:
        parser: Gets `--save`.
        name: Of the benchmark: of its files in `benchmarks/results/`, where none are named.
    """
    parser.add_argument(
        "--save",
        metavar="FILE.md",
        type=Path,
        nargs="?",
        const=RESULTS / f"{name}.md",
        help=f"keep the table with hardware and date, and the JSON beside it as FILE.json; "
        f"without FILE: benchmarks/results/{name}.md",
    )


def publish(
    record: Mapping[str, object],
    table: Sequence[str],
    save: Path | None,
    machine: Mapping[str, object],
) -> None:
    """Print the table and, as the last line, the record as JSON; keep both where that is asked for.

    Args:
        record: Its `benchmark` is the name.
        table: Lines.
        save: A Markdown file, of `add_save`.
        machine: As `describe` gave it before the benchmark began: its load is that of others.
    """
    print("\n".join(table))
    print(json.dumps(record), flush=True)
    if save is None:
        return
    packages = ", ".join(f"{name} {version}" for name, version in machine["packages"].items())
    facts = [f"- {name}: {value}" for name, value in machine.items() if name != "packages"]
    text = [
        f"# {record['benchmark']}",
        "",
        f"`python benchmarks/{record['benchmark']}.py{' --short' if record.get('short') else ''}`",
        "",
        *facts,
        f"- packages: {packages}",
        "",
        "```",
        *table,
        "```",
        "",
    ]
    save.parent.mkdir(parents=True, exist_ok=True)
    save.write_text("\n".join(text), "utf-8")
    whole = json.dumps({**record, "machine": machine}, indent=1)
    save.with_suffix(".json").write_text(f"{whole}\n", "utf-8")


def _processor() -> dict[str, str]:
    """Read what Linux knows of the first core; empty elsewhere."""
    path = Path("/proc/cpuinfo")
    if not path.is_file():
        return {}
    lines = path.read_text("utf-8", "replace").partition("\n\n")[0].splitlines()
    known = {
        key.strip(): value.strip() for key, _, value in (line.partition(":") for line in lines)
    }
    if "Features" in known:  # Arm's word
        known["flags"] = known.pop("Features")
    return known


def _memory_gib() -> float | None:
    try:
        return round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1)
    except (AttributeError, ValueError, OSError):
        return None


def _gpu() -> str | None:
    """Name the first GPU of NVIDIA's, without waking it through torch."""
    if shutil.which("nvidia-smi") is None:
        return None
    command = ["nvidia-smi", "--query-gpu=name,driver_version", "--format=csv,noheader"]
    found = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    return found.stdout.strip().splitlines()[0] if found.stdout.strip() else None


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def main() -> None:
    """Print what runs here."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--short", action="store_true", help="the same: it is short")
    parser.parse_args()
    machine = describe()
    table = [f"{name:12} {value}" for name, value in machine.items()]
    publish({"benchmark": "hardware", **machine}, table, None, machine)


if __name__ == "__main__":
    main()
