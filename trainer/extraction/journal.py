"""What is done already, clip by clip, so that a run that is killed goes on where it was.

A journal is a text file, one JSON object a line, that only grows: a header that says what the crops
were made of, then a line for every clip whose images are in place. A line counts when its end is
there; the rest of one, which a kill may leave, is cut off by the next run, and its clip done again.
A run that is one of several has a journal of its own, and all of a folder are read together.

This is safe against a kill at any instant, not against a machine that loses power: nothing waits
for the disk.
"""

from __future__ import annotations

import base64
import contextlib
import json
import logging
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, NamedTuple

import numpy as np

from awarenet.errors import AwareNetError
from trainer.extraction.extract import Crop, Extracted
from trainer.extraction.writing import explained
from trainer.stamps import difference

try:
    import fcntl
except ImportError:  # Windows: two runs at once are not told apart there
    fcntl = None

log = logging.getLogger(__name__)

FORMAT = "awarenet.journal/2"
PATTERN = "journal*.jsonl"


class Failure(NamedTuple):
    """A clip without crops, and why."""

    clip: str
    reason: str  # one word, to be counted
    detail: str  # one line, for a person


class Journal:
    """One journal, open to be added to, by one process alone."""

    def __init__(self, path: Path, made_of: Mapping[str, object]):
        """Open a journal, or begin one.

        Args:
            path: Of the file; its folder must exist.
            made_of: Everything that the crops depend on, as JSON.

        Raises:
            AwareNetError: It was made of something else, another run is adding to it, or it cannot
                be written.
        """
        self.path = path
        self._file = path.open("a+b", buffering=0)
        try:
            _lock(self._file, path, alone=True)
            self._file.truncate(_end_of_last_line(self._file))
            if self._file.seek(0, os.SEEK_END) == 0:
                header = {"format": FORMAT, "made_of": json.loads(json.dumps(made_of))}
                self._write(json.dumps(header).encode() + b"\n")
            else:
                self._file.seek(0)
                _check_header(_first_line(self._file, path), made_of, path)
        except BaseException:
            self._file.close()
            raise

    def __enter__(self) -> Journal:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def add(self, done: Iterable[Extracted]) -> None:
        """Say that clips are done; their images must be in place."""
        self._write(b"".join(_to_line(one) for one in done))

    def _write(self, data: bytes) -> None:
        with explained(self.path.parent):
            while data:  # a disk that fills up takes part of it, then raises
                data = data[self._file.write(data) :]


@dataclass(frozen=True)
class _Place:
    """Where a line stands."""

    journal: int
    offset: int
    failed: bool


class Journals:
    """All journals of a folder as one table: clip -> what became of it.

    Only the places of the lines are held in memory. Where a clip has several lines, one with crops
    counts before one without, and a later one before an earlier one.
    """

    def __init__(self, root: Path, made_of: Mapping[str, object] | None = None):
        """Read through all journals of a folder.

        Args:
            root: The folder.
            made_of: What they must be made of; None: whatever.

        Raises:
            AwareNetError: One of them was made of something else.
        """
        self._paths = sorted(root.glob(PATTERN))
        self._places: dict[str, _Place] = {}
        for number, path in enumerate(self._paths):
            with path.open("rb") as file:
                header = _first_line(file, path)
                if header is None:
                    continue  # another machine is just beginning it
                if made_of is not None:
                    _check_header(header, made_of, path)
                for offset, done in _lines(file, path):
                    known = self._places.get(done["clip"])
                    failed = "reason" in done
                    if known is None or known.failed or not failed:
                        self._places[done["clip"]] = _Place(number, offset, failed)

    def __len__(self) -> int:
        return len(self._places)

    def __contains__(self, clip: str) -> bool:
        return clip in self._places

    def failed(self, clip: str) -> bool:
        """Whether a clip is done, without a crop."""
        return clip in self._places and self._places[clip].failed

    def read(self, clips: Iterable[str]) -> Iterator[Extracted]:
        """What became of clips, in the order given; those that are not done are passed over."""
        with contextlib.ExitStack() as stack:
            files = [stack.enter_context(path.open("rb")) for path in self._paths]
            for clip in clips:
                if clip in self._places:
                    place = self._places[clip]
                    files[place.journal].seek(place.offset)
                    yield _from_record(json.loads(files[place.journal].readline()))


def failures(root: Path) -> list[Failure]:
    """List the clips of which there are no crops, by reason and name."""
    journals = Journals(root)
    names = [name for name, place in journals._places.items() if place.failed]
    found = [Failure(one.clip, one.reason, one.detail) for one in journals.read(names)]
    return sorted(found, key=lambda failure: (failure.reason, failure.clip))


def describe_failures(found: Iterable[Failure], most: int = 5) -> str:
    """Write failures as a table: each reason with its count and a few of its clips."""
    by_reason: dict[str, list[Failure]] = {}
    for failure in found:
        by_reason.setdefault(failure.reason, []).append(failure)
    lines = []
    for reason, those in sorted(by_reason.items(), key=lambda item: (-len(item[1]), item[0])):
        lines.append(f"{len(those):6d}  {reason}")
        lines += [f"        {one.clip}: {one.detail}" for one in those[:most]]
        if len(those) > most:
            lines.append(f"        and {len(those) - most} more")
    return "\n".join(lines)


@contextlib.contextmanager
def claim(root: Path, *, alone: bool) -> Iterator[None]:
    """Keep a run over all of a folder and the runs over shares of it apart.

    Raises:
        AwareNetError: Another run is at work here, and one of the two wants to be alone.
    """
    with (root / "journal.lock").open("ab") as file:
        _lock(file, root, alone=alone)
        yield


def _lock(file: BinaryIO, path: Path, *, alone: bool) -> None:
    """Lock a file until it is closed; the system does so when the process is killed."""
    if fcntl is None:
        return
    try:
        fcntl.flock(file, (fcntl.LOCK_EX if alone else fcntl.LOCK_SH) | fcntl.LOCK_NB)
    except BlockingIOError:
        raise AwareNetError(
            f"another run is at work on {path}; wait for its end, or stop it"
        ) from None
    except OSError as error:  # some network file systems know no locks
        log.warning("%s cannot be locked (%s): see that no second run works there", path, error)


def _end_of_last_line(file: BinaryIO, block: int = 1 << 16) -> int:
    """Byte after the last complete line."""
    end = file.seek(0, os.SEEK_END)
    while end > 0:
        start = max(end - block, 0)
        file.seek(start)
        found = file.read(end - start).rfind(b"\n")
        if found >= 0:
            return start + found + 1
        end = start
    return 0


def _first_line(file: BinaryIO, path: Path) -> dict | None:
    """Header of a journal; None while there is none."""
    line = file.readline()
    if not line.endswith(b"\n"):
        return None
    try:
        return dict(json.loads(line))
    except (ValueError, TypeError):
        raise AwareNetError(f"{path} does not begin as a journal; delete it") from None


def _check_header(header: dict, made_of: Mapping[str, object], path: Path) -> None:
    wanted = {"format": FORMAT, "made_of": json.loads(json.dumps(made_of))}
    if header == wanted:
        return
    if header.get("format") != FORMAT:
        said = f"format {header.get('format')!r}, now it is {FORMAT!r}"
    else:
        said = difference(header.get("made_of") or {}, wanted["made_of"])
    raise AwareNetError(
        f"{path} was made with {said}; set data.run to another folder, "
        "or delete journals and crops to make them again"
    )


def _lines(file: BinaryIO, path: Path) -> Iterator[tuple[int, dict]]:
    """Records of the complete lines from here on, each with its place."""
    while line := file.readline():
        if not line.endswith(b"\n"):
            return  # another run is writing it, or was killed over it
        try:
            record = json.loads(line)
            record["clip"]
        except (ValueError, TypeError, KeyError):
            log.warning("%s: a line is damaged; its clip is done again", path.name)
            continue
        yield file.tell() - len(line), record


def _to_line(done: Extracted) -> bytes:
    record: dict[str, object] = {"clip": done.clip}
    if done.crops:
        record["crops"] = [
            {
                "path": crop.path,
                "frame": crop.frame,
                "face": crop.face,
                "time_s": crop.time_s,
                "box": crop.box,
                "landmarks": crop.landmarks,
                "sha256": crop.sha256,
                "face_px": crop.face_px,
                **({} if crop.mesh is None else {"mesh": _to_text(crop.mesh)}),
            }
            for crop in done.crops
        ]
    else:
        record |= {"reason": done.reason, "detail": done.detail}
    return json.dumps(record, separators=(",", ":")).encode() + b"\n"


def _from_record(record: dict) -> Extracted:
    crops = tuple(
        Crop(
            mesh=_from_text(crop.pop("mesh")) if "mesh" in crop else None,
            box=tuple(crop.pop("box")),
            landmarks=tuple(crop.pop("landmarks")),
            **crop,
        )
        for crop in record.get("crops", ())
    )
    return Extracted(record["clip"], crops, record.get("reason", ""), record.get("detail", ""))


def _to_text(mesh: np.ndarray) -> str:
    return base64.b64encode(np.ascontiguousarray(mesh, "<f4").tobytes()).decode()


def _from_text(text: str) -> np.ndarray:
    return np.frombuffer(base64.b64decode(text), "<f4").reshape(-1, 2).astype(np.float32)
