"""How an ensemble runs fast here: device, engine, number format, batches; and why these.

`Runtime` is what the rest of the program sees. It asks an `Engine`: OpenVINO, which on a CPU is the
fastest, or PyTorch with folded networks, on a GPU as CUDA graphs. What each of them is compared
with is plain PyTorch in float32. Whoever adds an engine adds it in `choosing` and `making`.
On ZeroGPU `LentRuntime` stands in its place.

Shapes: B crops, F families, K members a family, S side of a crop in px, C channels of a layer.
"""

from awarenet.runtime.asking import Known, Observed, ask_exactly
from awarenet.runtime.lending import make_runtime
from awarenet.runtime.runtime import Runtime

__all__ = ["Known", "Observed", "Runtime", "ask_exactly", "make_runtime"]
