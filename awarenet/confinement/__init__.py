"""What a process gives up, for good, before it opens a file that nobody vouches for."""

from awarenet.confinement.steps import confine

__all__ = ["confine"]
