"""What a child does with its one file: answer questions, and give frames one at a time.

Frames go through memory that both processes see, one after the other; all else is messages.
"""

from __future__ import annotations

import dataclasses
import mmap
import socket
import traceback
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from awarenet.cage import wire
from awarenet.confinement import confine
from awarenet.errors import MediaError
from awarenet.provenance.container import read_clip, read_photograph
from awarenet.quantization import read_quantization
from awarenet.settings import LimitSettings
from awarenet.video import Frame, MediaInfo, inspect, sample_frames, stretch_frames

PASSES = 6  # over a file, each of which may take the deadline; on how many cores is not known


def serve(connection: socket.socket, picture: int, job: dict) -> None:
    """Confine this process to a file, then answer until nobody asks any more.

    Args:
        connection: To who asks.
        picture: A file in memory, as large as the largest picture.
        job: `path`, and `limits` as `LimitSettings` has them.
    """
    path, limits = Path(job["path"]), LimitSettings(**job["limits"])
    with mmap.mmap(picture, 0) as memory:
        known = confine(
            path,
            memory=limits.max_memory,
            processor_s=int(limits.deadline_s * PASSES) + 1,
        )
        wire.send(connection, {"confined": known})
        while True:
            question = wire.receive(connection)
            for message in _answers(path, limits, question, memory):
                wire.send(connection, message)
                if "frame" in message:
                    wire.receive(connection)  # until it was copied


def _answers(path: Path, limits: LimitSettings, question: dict, memory: mmap.mmap) -> Iterator:
    """Do what is asked; whatever goes wrong is an answer too."""
    try:
        for found in perform(question["what"], path, limits, question["arguments"]):
            if isinstance(found, Frame):
                image = found.image
                np.copyto(np.frombuffer(memory, np.uint8, image.size).reshape(image.shape), image)
                at = {"index": found.index, "time_s": found.time_s, "shot": found.shot}
                yield {"frame": {**at, "shape": image.shape}}
            else:
                yield {"value": found}
        yield {"end": True}
    except MediaError as error:
        values = {name: _plain(value) for name, value in error.values.items()}
        yield {"refused": {"status": error.status, "message": str(error), "values": values}}
    except MemoryError:
        yield {"no_memory": True}
    except OSError as error:
        yield {"system": error.strerror or type(error).__name__}
    except Exception as error:
        yield {"bug": f"{type(error).__name__}: {error}", "trace": traceback.format_exc()[-4000:]}


def perform(
    what: str, path: Path, limits: LimitSettings, arguments: dict
) -> Iterator[Frame | object]:
    """Do what a question asks for: give frames, or one value that JSON can hold.

    Raises:
        MediaError, OSError: As the functions that are called.
        KeyError: There is no such question.
    """
    if what == "inspect":
        yield dataclasses.asdict(inspect(path, limits))
    elif what == "quantization":
        yield read_quantization(path, limits)
    elif what == "metadata":
        yield read_photograph(path) if arguments["image"] else read_clip(path)
    elif what == "sample":
        info = MediaInfo(**arguments["info"])
        yield from sample_frames(path, info, arguments["count"], limits)
    elif what == "stretch":
        span = tuple(arguments["span_s"])
        yield from stretch_frames(path, span, arguments["every_s"], limits)
    else:
        raise KeyError(what)


def _plain(value: object) -> object:
    return value if isinstance(value, str | int | float | bool) or value is None else str(value)
