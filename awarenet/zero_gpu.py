"""Whether a GPU is lent for each call, as ZeroGPU does on a Hugging Face Space; imports no torch.

How that works: https://huggingface.co/docs/hub/spaces-zerogpu
"""

from __future__ import annotations

import os
from collections.abc import Callable


def find_lender() -> Callable[..., Callable] | None:
    """Give ZeroGPU's decorator; None where the GPU, if there is one, is our own.

    The first call has to come before torch is imported, and every decoration before the page is
    launched: that is when ZeroGPU looks for them.
    """
    if os.environ.get("SPACES_ZERO_GPU", "").lower() not in ("1", "t", "true"):
        return None
    import spaces

    return spaces.GPU
