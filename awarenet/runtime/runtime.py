"""Hold an ensemble on a device and score crops with it, batch by batch.

Shapes: B crops, F families, K members a family, S side of a crop in px, C channels of a layer.
"""

from __future__ import annotations

import functools
import logging
import threading
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch

from awarenet import zoo
from awarenet.ensemble import Ensemble
from awarenet.errors import AwareNetError, Canceled, SettingsError
from awarenet.runtime.asking import Known, Observed, ask
from awarenet.runtime.choosing import choose_device, choose_dtypes, choose_engine
from awarenet.runtime.cost import family_costs
from awarenet.runtime.engine import Engine, Job
from awarenet.runtime.making import make_engine

logger = logging.getLogger(__name__)

StopCheck = Callable[[], bool]
AT_ONCE_ON_CPU = 8  # crops; larger batches are hardly faster


class Runtime:
    """Hold an ensemble on a device and score crops with it.

    The networks are frozen and in evaluation mode. Whoever runs them by another way than this
    (Grad-CAM hangs hooks into them) holds `lock` meanwhile.

    The engine is made at the first call that needs it, or by `warm_up`. It is put to the test: on
    known crops its probabilities must nearly be those of float32 in PyTorch; see `making`.

    Attributes:
        ensemble: The one given, moved to the device.
        device: Where it runs.
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
        engine: str = "auto",
        known: Known | None = None,
    ):
        """Choose device and number format, and move the ensemble there.

        Args:
            ensemble: Changed in place.
            device: auto, cpu, cuda or cuda:N.
            dtype: auto, float32, bfloat16 or float16; of the convolutions. Weights, preprocessing
                and logits stay float32.
            batch_size: Crops at a time.
            threads: Of the CPU, for the whole process; 0 leaves them as they are.
            engine: auto, openvino or torch.
            known: None: noise, and what PyTorch says of it.

        Raises:
            SettingsError: A device, format or engine that does not exist, or is not here.
        """
        if batch_size < 1 or threads < 0:
            raise SettingsError(
                f"runtime.batch_size={batch_size}, runtime.threads={threads}; "
                "expected at least 1 and at least 0"
            )
        self.device, self._why_device = choose_device(device)
        self._dtypes = choose_dtypes(dtype, self.device)  # to try, in this order
        self._wish = choose_engine(engine, self.device)
        if threads:
            torch.set_num_threads(threads)
        self.batch_size = batch_size
        self.lock = threading.RLock()
        self._known = known
        self._engine: Engine | None = None
        self._why_engine = self._reason = ""
        # outside inference_mode, or the parameters could never serve Grad-CAM
        self.ensemble = ensemble.eval().requires_grad_(False)
        self.ensemble.to(device=self.device, memory_format=torch.channels_last)

    def warm_up(self) -> Engine:
        """Make the engine, unless that was done; give it.

        Raises:
            SettingsError: An engine was asked for by name and cannot run these networks here.
        """
        with self.lock:
            if self._engine is None:
                made = make_engine(self.ensemble, self.lock, self._wish, self._dtypes, self._known)
                self._dtypes = [made.dtype]
                self._why_engine = made.reason
                self._engine = made.engine
                self._fit(self.batch_size)
            return self._engine

    def _fit(self, batch_size: int) -> None:
        """Get the engine ready for batches of this size."""
        self.batch_size = batch_size
        ready = self._engine.fit(batch_size)
        parts = [
            f"{self.device} ({self._why_device})",
            self._why_engine,
            *([ready] if ready else []),
        ]
        if self.device.type == "cpu":
            parts.append(f"{torch.get_num_threads()} threads")
        self._reason = ", ".join(parts)
        logger.info("running on %s", self._reason)

    @property
    def at_once(self) -> int:
        """Crops between two looks at the stop button."""
        on_cpu = self.device.type == "cpu"
        return min(self.batch_size, AT_ONCE_ON_CPU) if on_cpu else self.batch_size

    @functools.cached_property
    def costs(self) -> dict[str, int]:
        """By family: floating-point operations of its members together, on one crop."""
        with self.lock:
            return family_costs(
                self.ensemble, max(each.side for each in self.ensemble.specs.values())
            )

    @property
    def reason(self) -> str:
        """One sentence: what was chosen, and why."""
        self.warm_up()
        return self._reason

    def logits(self, crops: np.ndarray, should_stop: StopCheck | None = None) -> np.ndarray:
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
        none = np.empty((0, *self._shape), np.float32)
        found = self._batches(crops, np.ones(self._shape, bool), False, should_stop)
        return np.concatenate([none, *(each.logits for each in found)])

    def observe(
        self,
        crops: np.ndarray,
        should_stop: StopCheck | None = None,
        wanted: np.ndarray | None = None,
    ) -> Observed:
        """Score crops as `logits` does, and keep what was seen in them, in the same pass.

        What a family saw is what its first member did: the last layer that has a grid
        (`Spec.cam_layer`), its mean over the grid; with several views, over these as well.

        Args:
            crops: (B, S, S, 3) uint8 RGB, B at least 1.
            should_stop: Asked before each batch.
            wanted: (F, K) bool: which members are asked; None: all of them. A family whose first
                member is not asked has no features.

        Raises:
            Canceled: `should_stop` said so.
            AwareNetError: The GPU's memory does not hold even one crop.
        """
        if not len(crops):
            raise ValueError("no crops; expected at least one to observe")
        wanted = np.ones(self._shape, bool) if wanted is None else wanted
        found = list(self._batches(crops, wanted, True, should_stop))
        return Observed(
            np.concatenate([each.logits for each in found]),
            {
                family: np.concatenate([each.features[family] for each in found])
                for family in found[0].features
            },
        )

    def there(
        self,
        task: Callable,
        *args: object,
        should_stop: StopCheck | None = None,
        **options: object,
    ) -> Any:
        """Run a function where the networks run: `task(runtime, *args, should_stop=…)`.

        Args:
            task: Of a module, so that it can be named in another process; see `lending`.
            args: Arrays, and plain things.
            should_stop: For the task to ask.
            options: Plain things.
        """
        return task(self, *args, should_stop=should_stop, **options)

    def grids(
        self, crops: np.ndarray, should_stop: StopCheck | None = None
    ) -> Iterator[tuple[str, int, torch.Tensor]]:
        """Give what every member saw in crops: its layer `Spec.cam_layer`, before what follows it.

        Args:
            crops: (B, S, S, 3) uint8 RGB, B at least 1; few, as all go through at once. A family
                of several views sees each whole, once.
            should_stop: Asked before each family.

        Yields:
            Family, member, and (B, C, h, w) float32 where the ensemble is.

        Raises:
            Canceled: `should_stop` said so.
        """
        engine, batch = self.warm_up(), self._sent(crops)
        for family in self.ensemble.families:
            if should_stop is not None and should_stop():
                raise Canceled("looking at what networks saw was stopped")
            images = zoo.preprocess(batch, self.ensemble.specs[family])
            jobs = [
                Job(family, member, images, grid=True)
                for member in range(self.ensemble.members_per_family)
            ]
            for job, seen in zip(jobs, engine.run(jobs), strict=True):
                yield family, job.member, seen.grid

    @property
    def _shape(self) -> tuple[int, int]:
        return len(self.ensemble.families), self.ensemble.members_per_family

    def _batches(
        self, crops: np.ndarray, wanted: np.ndarray, features: bool, should_stop: StopCheck | None
    ) -> Iterator[Observed]:
        """Ask the ensemble about crops, as many at a time as there is room for; raises Canceled."""
        if crops.ndim != 4 or crops.shape[3] != 3 or crops.dtype != np.uint8:
            raise ValueError(f"crops {crops.shape} {crops.dtype}; expected (B, S, S, 3) uint8")
        done = 0
        while done < len(crops):
            if should_stop is not None and should_stop():
                raise Canceled("scoring was stopped")
            batch = crops[done : done + self.batch_size]
            found = self._ask(batch, wanted, features)
            if found is None:
                continue  # once more, with the smaller batch or in float32
            yield found
            done += len(batch)

    def _sent(self, crops: np.ndarray) -> torch.Tensor:
        """Put crops where the ensemble is; nobody waits for a GPU to have taken them."""
        there = torch.from_numpy(np.ascontiguousarray(crops))
        if self.device.type == "cpu":
            return there
        # torch keeps the pinned copy until it has been read
        return there.pin_memory().to(self.device, non_blocking=True)

    def _ask(self, batch: np.ndarray, wanted: np.ndarray, features: bool) -> Observed | None:
        """Ask about one batch; None where it has to be done again, smaller or in float32."""
        engine = self.warm_up()
        try:
            found = ask(engine, self.ensemble, self._sent(batch), wanted, features)
        except torch.OutOfMemoryError as error:
            if self.batch_size == 1:  # else the engine may hold memory for larger ones
                raise AwareNetError(
                    f"not enough memory on {self.device} for one crop of "
                    f"{int(wanted.sum())} networks; set runtime.device=cpu"
                ) from error
        else:
            if np.isfinite(found.logits[:, wanted]).all() or self._dtypes[0][0] == torch.float32:
                return found
            name = str(self._dtypes[0][0]).removeprefix("torch.")
            logger.warning("%s overflowed; going on in float32", name)
            with self.lock:
                self._dtypes = [(torch.float32, f"{name} overflowed")]
                self._engine = None
            return None
        # out of the except block, so that the failed batch's tensors are gone
        torch.cuda.empty_cache()
        with self.lock:
            self._fit(max(len(batch) // 2, 1))
        logger.warning("out of memory on %s: batches of %d now", self.device, self.batch_size)
        return None
