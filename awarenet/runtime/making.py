"""Make the fastest engine that gives the right answers."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch

from awarenet.ensemble import Ensemble, judge
from awarenet.errors import SettingsError
from awarenet.runtime.asking import Known, ask_all, ask_exactly
from awarenet.runtime.engine import Engine, TorchEngine
from awarenet.runtime.folding import FoldedEngine
from awarenet.runtime.graphed import GraphedEngine
from awarenet.runtime.graphs import Untranslatable
from awarenet.runtime.openvino_engine import OpenVinoEngine
from awarenet.runtime.remembering import name_of_test, recall_drift, remember_drift

logger = logging.getLogger(__name__)

# How far an engine's probabilities may lie from those of float32 in PyTorch, on known crops.
MOST_DRIFT = {torch.float32: 0.001, torch.bfloat16: 0.01, torch.float16: 0.01}
# Stored crops are few. On 95 faces of photographs and clips the demonstration moved by 0.021 in
# bfloat16, where its stored ones had moved by 0.005; so a format that nobody asked for has to stay
# this many times nearer, and the demonstration is judged in float32.
UNASKED = 4
PROBES = 2  # crops of noise to compare on, where none are known

Choice = tuple[torch.dtype, str]  # a number format, and why it


@dataclass(frozen=True)
class Made:
    """An engine, and why it is this one."""

    engine: Engine
    dtype: Choice
    reason: str


def make_engine(
    ensemble: Ensemble,
    lock: threading.RLock,
    wish: tuple[str, str],
    dtypes: list[Choice],
    known: Known | None,
) -> Made:
    """Make an engine and put it to the test.

    Args:
        ensemble: In evaluation mode, where it shall run.
        lock: The runtime's.
        wish: As `choose_engine` gives it.
        dtypes: As `choose_dtypes` gives them: tried in this order until one is exact enough.
        known: None: noise, and what PyTorch says of it.

    Raises:
        SettingsError: An engine was asked for by name and cannot run these networks here.
    """

    def plain(dtype: torch.dtype) -> Engine:
        on_cpu = next(iter(ensemble.parameters())).device.type == "cpu"
        return (FoldedEngine if on_cpu else GraphedEngine)(ensemble, dtype, lock)

    def compiled(dtype: torch.dtype) -> Engine:
        return OpenVinoEngine(ensemble, dtype, torch.get_num_threads())

    name, why = wish
    if name == "openvino":
        try:
            return _first_exact(compiled, "openvino", why, ensemble, dtypes, known)
        except ImportError as error:
            failed = f"openvino cannot be imported: {error}"
        except Untranslatable as error:
            failed = f"openvino cannot run them: {error}"
        if why == "asked for":
            raise SettingsError(f"runtime.engine='openvino': {failed}; set it to auto")
        logger.warning("%s; going on in PyTorch", failed)
        why = failed
    try:
        return _first_exact(plain, "torch", why, ensemble, dtypes, known)
    except Untranslatable as error:
        exact = TorchEngine(ensemble, torch.float32, lock)
        words = f"by networks as they are, as {error}"
        return Made(exact, (torch.float32, words), f"torch ({why}), float32 ({words})")


def _first_exact(
    make: Callable[[torch.dtype], Engine],
    made_by: str,
    why_engine: str,
    ensemble: Ensemble,
    dtypes: list[Choice],
    known: Known | None,
) -> Made:
    """Make an engine in the first number format in which it answers exactly enough.

    A format that was refused for these crops on this machine is not tried again.

    Raises:
        Untranslatable: Not even float32 is right.
    """
    failed = ""
    for place, (dtype, why) in enumerate(dtypes):
        last = place + 1 == len(dtypes)
        test = name_of_test(made_by, dtype, known) if known and not last else ""
        most = MOST_DRIFT[dtype] / (1 if last else UNASKED)
        name, drift = str(dtype).removeprefix("torch."), recall_drift(test) if test else None
        if drift is None or drift <= most:
            engine = make(dtype)
            drift = _drift(engine, ensemble, known)
        words = f"{name} in {made_by} moves probabilities by {drift:.4f}"
        if drift > most:
            (logger.warning if last else logger.info)("%s", words)
            if not last:
                failed = words
                if test:
                    remember_drift(test, drift)
                continue
            if dtype == torch.float32:
                raise Untranslatable(words)
        why = failed or f"{why}; it moves probabilities by {drift:.4f}"
        return Made(engine, (dtype, why), f"{engine.name} ({why_engine}), {name} ({why})")
    raise ValueError("no number format to try; expected at least one")


def _drift(engine: Engine, ensemble: Ensemble, known: Known | None) -> float:
    """Compare an engine with PyTorch in float32: the largest difference of a probability."""
    known = known or _noise(ensemble)
    found = ask_all(engine, ensemble, known.crops, features=False).logits
    if not np.isfinite(found).all():
        return float("inf")
    combiner = ensemble.combiner
    return float(np.abs(judge(combiner, found) - judge(combiner, known.logits)).max())


def _noise(ensemble: Ensemble) -> Known:
    side = max(spec.side for spec in ensemble.specs.values())
    crops = np.random.default_rng(0).integers(0, 256, (PROBES, side, side, 3), np.uint8)
    return Known(crops, ask_exactly(ensemble, crops).logits)
