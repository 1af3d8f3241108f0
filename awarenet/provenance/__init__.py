"""Where a file says it is from: Content Credentials, and what its container notes.

It stands beside the networks' answer and is no part of it: whatever is written into a file can be
written by anybody, and sharing takes most of it away. Nothing here needs the network.
"""

from awarenet.provenance.reading import read

__all__ = ["read"]
