"""What the process imports, once, that local workers are forks of; nobody else imports this.

A fork takes no threads along, and what they hold stays locked. So none may be running by then:
OpenBLAS starts its own when it is loaded, unless it shall have one; workers ask for more later.
"""

import os

os.environ["OPENBLAS_NUM_THREADS"] = "1"

import awarenet.pipeline  # noqa: E402, F401
