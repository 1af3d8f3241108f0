"""Networks on a GPU that is lent for each call, as ZeroGPU does on a Hugging Face Space.

Such a call runs in a process that is forked for it and may be kept; what goes in and out is
pickled: crops in, logits and heat maps out. Reading a clip and finding faces stay outside, so that
they cost the visitor no time of the GPU. Nothing in this process touches CUDA.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from awarenet.ensemble import Ensemble
from awarenet.errors import AwareNetError, Canceled
from awarenet.runtime.asking import Observed
from awarenet.runtime.engine import Engine
from awarenet.runtime.runtime import Runtime, StopCheck
from awarenet.zero_gpu import find_lender

START_S = 15  # a new process: weights to the GPU, an engine, its test
CROPS_A_SECOND = 50  # through nine networks of full size, at the least
AT_ONCE = 64  # crops a call: each call waits for its turn on the GPU

Borrow = Callable[..., Callable]


def seconds_wanted(task: Callable, *args: object, **options: object) -> int:
    """Estimate how long a call takes, s: ZeroGPU counts it against the visitor's quota."""
    crops = max((len(each) for each in args if isinstance(each, np.ndarray)), default=0)
    return START_S + crops // CROPS_A_SECOND


def make_runtime(ensemble: Ensemble, device: str = "auto", *args: Any, **options: Any) -> Runtime:
    """Make a `Runtime`, or one that borrows its GPU where that is how it is to be had."""
    lender = find_lender() if device != "cpu" else None
    if lender is None:
        return Runtime(ensemble, device, *args, **options)
    return LentRuntime(lender, ensemble, device, *args, **options)


class LentRuntime(Runtime):
    """A `Runtime` whose networks run in another process, which has a GPU for as long as a call."""

    def __init__(self, lender: Borrow, ensemble: Ensemble, device: str, *args: Any, **options: Any):
        """Take a decorator as `spaces.GPU`, and what a `Runtime` takes; that is made over there."""
        super().__init__(ensemble, "cpu")  # all else is chosen over there
        self._make = partial(Runtime, ensemble, device, *args, **options)
        self._inner: Runtime | None = None  # of the other process
        self._reason = "a GPU that is lent for each call"
        self._call = lender(self._over_there, duration=seconds_wanted)

    @property
    def at_once(self) -> int:
        """Crops between two looks at the stop button."""
        return AT_ONCE

    @property
    def reason(self) -> str:
        """One sentence: what was chosen over there, and why."""
        return self._reason

    def warm_up(self) -> Engine | None:
        """Do nothing: there is no GPU yet."""

    def logits(self, crops: np.ndarray, should_stop: StopCheck | None = None) -> np.ndarray:
        """Do what `Runtime.logits` does, over there."""
        return self.there(Runtime.logits, crops, should_stop=should_stop)

    def observe(
        self,
        crops: np.ndarray,
        should_stop: StopCheck | None = None,
        wanted: np.ndarray | None = None,
    ) -> Observed:
        """Do what `Runtime.observe` does, over there."""
        return self.there(Runtime.observe, crops, wanted=wanted, should_stop=should_stop)

    def there(
        self,
        task: Callable,
        *args: object,
        should_stop: StopCheck | None = None,
        **options: object,
    ) -> Any:
        """Do what `Runtime.there` does; once it runs, a call is not stopped any more.

        Raises:
            Canceled: `should_stop` said so before.
            AwareNetError: As it was raised over there; only its words come back.
        """
        if should_stop is not None and should_stop():
            raise Canceled("stopped before a GPU was borrowed")
        result, failure, reason = self._call(task, *args, **options)
        self._reason = reason or self._reason
        if failure:
            raise AwareNetError(failure)
        return result

    def _over_there(self, task: Callable, *args: object, **options: object) -> tuple:
        """Run in the other process: the result, words of a failure, the reason.

        Of what is raised there, ZeroGPU hands on the name of the class alone.
        """
        try:
            if self._inner is None:
                self._inner = self._make()
            result = task(self._inner, *args, **options)
            return result, "", self._inner.reason
        except AwareNetError as error:
            return None, str(error), ""
