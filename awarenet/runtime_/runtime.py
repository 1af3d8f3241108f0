"""How an ensemble runs fast here: device, number format, batches; and why these were chosen.

Shapes: B crops, F families, K members a family, S side of a crop in px, C channels of a layer.
"""

from __future__ import annotations

import contextlib
import logging
import re
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch

from awarenet.ensemble import Ensemble
from awarenet.errors import AwareNetError, Canceled, SettingsError

logger = logging.getLogger(__name__)

_DTYPES = {
    "float32": torch.float32,
    "bfloat16": torch.bfloat16,
    "float16": torch.float16,
}


# what is asked of an ensemble: (B, S, S, 3) crops -> (B, F, K) logits, and what else it saw
_Ask = Callable[[torch.Tensor], tuple[torch.Tensor, dict[str, torch.Tensor]]]


@dataclass(frozen=True)
class Observed:
    """What the networks say of crops, and what they saw in them."""

    logits: np.ndarray  # (B, F, K) float32, above 0 leans fake
    features: dict[str, np.ndarray]  # family -> (B, C) float32, see `Ensemble.observe`


class Runtime:
    """Hold an ensemble on a device and score crops with it.

    The networks are frozen and in evaluation mode. Whoever runs them by another way than
    `logits` (Grad-CAM hangs hooks into them) holds `lock` meanwhile.

    Attributes:
        ensemble: The one given, moved to the device.
        device: Where it runs.
        dtype: Of the convolutions; weights, preprocessing and logits stay float32.
        reason: One sentence: what was chosen, and why.
        batch_size: Crops at a time; halved for good when the GPU's memory runs out.
        lock: Guards the networks; the thread that holds it may take it again.
    """

    def __init__(
        self,
        ensemble: Ensemble,
        device: str = "auto",
        dtype: str = "auto",
        batch_size: int = 32,
        threads: int = 0,
    ):
        """Choose device and number format, and move the ensemble there.

        Args:
            ensemble: Changed in place.
            device: auto, cpu, cuda or cuda:N.
            dtype: auto, float32, bfloat16 or float16.
            batch_size: Crops at a time.
            threads: Of the CPU, for the whole process; 0 leaves them as they are.

        Raises:
            SettingsError: A device or format that does not exist, or is not here.
        """
        if batch_size < 1 or threads < 0:
            raise SettingsError(
                f"runtime.batch_size={batch_size}, runtime.threads={threads}; "
                "expected at least 1 and at least 0"
            )
        self.device, why_device = _choose_device(device)
        self.dtype, why_dtype = _choose_dtype(dtype, self.device)
        if threads:
            torch.set_num_threads(threads)
        name = str(self.dtype).removeprefix("torch.")
        self.reason = f"{self.device} ({why_device}), {name} ({why_dtype})"
        if self.device.type == "cpu":
            self.reason += f", {torch.get_num_threads()} threads"
        self.batch_size = batch_size
        self.lock = threading.RLock()
        # outside inference_mode, or the parameters could never serve Grad-CAM
        self.ensemble = ensemble.eval().requires_grad_(False)
        self.ensemble.to(device=self.device, memory_format=torch.channels_last)
        logger.info("running on %s", self.reason)

    def logits(
        self, crops: np.ndarray, should_stop: Callable[[], bool] | None = None
    ) -> np.ndarray:
        """Score crops with every member.

        Args:
            crops: (B, S, S, 3) uint8 RGB; B may be 0.
            should_stop: Asked before each batch.

        Returns:
            (B, F, K) float32, above 0 leans fake.

        Raises:
            Canceled: `should_stop` said so.
            AwareNetError: The GPU's memory does not hold even one crop.
        """
        families, members = len(self.ensemble.families), self.ensemble.members_per_family
        none = np.empty((0, families, members), np.float32)
        found = self._batches(crops, lambda batch: (self.ensemble(batch), {}), should_stop)
        return np.concatenate([none, *(logits for logits, _ in found)])

    def observe(self, crops: np.ndarray, should_stop: Callable[[], bool] | None = None) -> Observed:
        """Score crops as `logits` does, and keep what was seen in them, in the same pass.

        Args:
            crops: (B, S, S, 3) uint8 RGB, B at least 1.
            should_stop: Asked before each batch.

        Raises:
            Canceled: `should_stop` said so.
            AwareNetError: The GPU's memory does not hold even one crop.
        """
        if not len(crops):
            raise ValueError("no crops; expected at least one to observe")
        found = list(self._batches(crops, self.ensemble.observe, should_stop))
        return Observed(
            np.concatenate([logits for logits, _ in found]),
            {
                family: np.concatenate([features[family] for _, features in found])
                for family in self.ensemble.families
            },
        )

    def autocast(self) -> contextlib.AbstractContextManager:
        """Give the context that runs convolutions in `dtype`."""
        if self.dtype == torch.float32:
            return contextlib.nullcontext()
        return torch.autocast(self.device.type, self.dtype)

    def _batches(
        self, crops: np.ndarray, ask: _Ask, should_stop: Callable[[], bool] | None
    ) -> Iterator[tuple[np.ndarray, dict[str, np.ndarray]]]:
        """Ask the ensemble about crops, as many at a time as there is room for; raises Canceled."""
        if crops.ndim != 4 or crops.shape[3] != 3 or crops.dtype != np.uint8:
            raise ValueError(f"crops {crops.shape} {crops.dtype}; expected (B, S, S, 3) uint8")
        done = 0
        while done < len(crops):
            if should_stop is not None and should_stop():
                raise Canceled("scoring was stopped")
            batch = torch.from_numpy(np.ascontiguousarray(crops[done : done + self.batch_size]))
            found = self._ask(ask, batch)
            if found is None:
                continue  # once more, with the smaller batch
            yield found
            done += len(batch)

    def _ask(
        self, ask: _Ask, batch: torch.Tensor
    ) -> tuple[np.ndarray, dict[str, np.ndarray]] | None:
        """Ask about one batch; None where it has to be done again, smaller or in float32."""
        try:
            with self.lock, torch.no_grad(), self.autocast():
                scores, seen = ask(batch.to(self.device))
                scores = scores.cpu()
                features = {family: each.cpu().numpy() for family, each in seen.items()}
        except torch.OutOfMemoryError as error:
            if len(batch) == 1:
                raise AwareNetError(
                    f"not enough memory on {self.device} for one crop of "
                    f"{self.ensemble.members_per_family * len(self.ensemble.families)} networks; "
                    "set runtime.device=cpu"
                ) from error
        else:
            if torch.isfinite(scores).all() or self.dtype == torch.float32:
                return scores.numpy(), features
            logger.warning("%s overflowed; going on in float32", self.dtype)
            self.dtype = torch.float32
            self.reason += "; float32 since the other overflowed"
            return None
        # out of the except block, so that the failed batch's tensors are gone
        self.batch_size = len(batch) // 2
        torch.cuda.empty_cache()
        logger.warning("out of memory on %s: batches of %d now", self.device, self.batch_size)
        return None


def _choose_device(wish: str) -> tuple[torch.device, str]:
    """Turn a setting into a device and the reason for it."""
    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if wish == "auto":
        if count:
            return torch.device("cuda:0"), f"{torch.cuda.get_device_name(0)} was found"
        return torch.device("cpu"), "no CUDA device was found"
    if wish == "cpu":
        return torch.device("cpu"), "asked for"
    match = re.fullmatch(r"cuda(?::(\d{1,3}))?", wish)
    if match is None:
        raise SettingsError(f"runtime.device={wish!r}; expected auto, cpu, cuda or cuda:N")
    index = int(match[1] or 0)
    if index >= count:
        raise SettingsError(
            f"runtime.device={wish!r}, but {count} CUDA devices were found; set it to auto or cpu"
        )
    return torch.device(f"cuda:{index}"), "asked for"


def _choose_dtype(wish: str, device: torch.device) -> tuple[torch.dtype, str]:
    """Turn a setting into a number format and the reason for it."""
    if wish == "auto":
        if device.type == "cpu":
            return torch.float32, "scores agree from CPU to CPU"
        # float16 keeps 3 more bits of a logit than bfloat16
        return torch.float16, "fast on a GPU, and finer than bfloat16"
    if wish not in _DTYPES:
        raise SettingsError(f"runtime.dtype={wish!r}; expected auto or {', '.join(_DTYPES)}")
    if wish == "float16" and device.type == "cpu":
        raise SettingsError("runtime.dtype='float16' on a CPU; set it to bfloat16 or float32")
    return _DTYPES[wish], "asked for"
