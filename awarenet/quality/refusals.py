"""Why a file got no verdict, in words that can be put into other languages."""

from __future__ import annotations

from awarenet.errors import MediaError, MediaStatus
from awarenet.printable import shown

# Of reasons, what they say in English: a report's message is REFUSALS[reason].format(**values),
# and its values hold the reason too, since one status of a report has several.
REFUSALS = {
    "no_face": "no face in {name} ({frames} frames looked at); try a part where one is seen well, "
    "or lower faces.min_score",
    "faces_too_small": "the largest face in {name} ({frames} frames looked at) is {face_px:.0f} "
    "px, at least {limit} px are needed; look for a larger copy, or lower faces.min_face_px",
    "missing": "cannot open {name}: there is no such file",
    "empty": "cannot open {name}: the file is empty",
    "many_bytes": "{name} has {bytes:,} bytes, at most {limit:,} are read; shorten it or raise "
    "limits.max_bytes",
    "unknown_kind": "cannot read {name}: expected a video ({videos}) or an image ({images})",
    "no_known_video": "cannot open {name}: there is no video of a known kind in it ({error}); is "
    "the file complete?",
    "only_sound": "{name} has sound or a cover in it, but no video",
    "no_frame": "cannot read {name}: there is no frame in it",
    "no_decoded_frame": "cannot read {name}: no frame could be decoded (codec {codec!r}); is the "
    "file complete?",
    "unknown_colors": "cannot show {name}: no way from its colors ({format}, matrix {matrix}) to "
    "RGB; convert it to BT.709",
    "incomplete_image": "cannot open {name}: there is no complete image in it",
    "large_image": "{name} is {width}x{height} px, at most {limit:,} px are read; make it smaller",
    "decompression_bomb": "{name} is far too large: {error}",
    "large_frame": "{name} is {width}x{height} px, at most {side} px a side and {limit:,} px in "
    "all are read; make it smaller",
    "many_frames": "{name} has over {limit:,} frames; cut out the part in doubt, or raise "
    "limits.max_frames_walked",
    "long": "{name} lasts {seconds:.0f} s, at most {limit:g} s are read; cut out the part in "
    "doubt, or raise limits.max_seconds",
    "slow": "reading {name} took over {limit:g} s; shorten it or raise limits.deadline_s",
    "stalled": "reading {name} stalled for {limit:g} s; try again",
    "system": "cannot read {name}: {error}",
    "unreadable_again": "cannot open {name} again: {error}",
    "memory": "{name} needs more than {limit:,} bytes of memory to decode; make it smaller, or "
    "raise limits.max_memory",
    "crashed": "{name} broke the program that decodes it; it may be damaged, or made to do that",
    "wrong_suffix": "{name} is named like {expected} but holds {found}; give it its right ending",
    "worker_died": "whoever analyzed {name} died, {times} times ({how}); give it more memory "
    "(fewer workers), or leave the file out",
    "empty_folder": "{name} is a folder without videos or images",
    "no_number": "a network gave no number for a face of {name}; try --set runtime.dtype=float32",
    "our_fault": "a fault in awarenet, not in the file: {error}; see the log",
}


def refused(status: MediaStatus, reason: str, **values: object) -> MediaError:
    """Make the error of a file that cannot be analyzed, for one of `REFUSALS`."""
    if "name" in values:
        values["name"] = shown(values["name"])
    message = REFUSALS[reason].format(**values)
    return MediaError(status, message, {"reason": reason, **values})
