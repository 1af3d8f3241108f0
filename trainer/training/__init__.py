"""Training of members, alone and together; `loop.py` is where to start reading."""
