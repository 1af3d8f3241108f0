"""How an ensemble runs fast here: device, engine, number format, batches; and why these.

`Runtime` is what the rest of the program sees. It asks an `Engine`: plain PyTorch, which is the
reference and runs on a GPU too, or OpenVINO, which on a CPU is several times as fast. Whoever adds
an engine adds it in `choosing`.

Shapes: B crops, F families, K members a family, S side of a crop in px, C channels of a layer.
"""

from awarenet.runtime.asking import Known, Observed
from awarenet.runtime.runtime import Runtime

__all__ = ["Known", "Observed", "Runtime"]
