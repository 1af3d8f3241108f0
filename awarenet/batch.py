"""Many files in their order: a row each, and nothing that one does ends the others.

A journal is the JSON Lines that `--json FILE` writes: a whole report a line, one line an input. A
run that broke off goes on from it: an input whose name and SHA-256 stand in it with an answer is
not analyzed again. Failures are tried again, so a limit may be raised in between. Whether this
process analyzes (`run_batch`) or workers do (`run_crew`), it alone writes the journal.
"""

from __future__ import annotations

import csv
import io
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, closing
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from awarenet.errors import Canceled
from awarenet.hashing import hash_file
from awarenet.inputs import find_inputs
from awarenet.journal import Journal
from awarenet.quality.refusals import refused
from awarenet.report import Report, Status

if TYPE_CHECKING:  # seconds, and a crew's workers are other processes
    from awarenet.pipeline import Analysis, Detector, Progress

# what a spreadsheet takes for the start of a formula, in wide letters too, and what hides one;
# https://owasp.org/www-community/attacks/CSV_Injection
_STARTS_A_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


@dataclass(frozen=True)
class Row:
    """What was found of one input."""

    name: str
    path: str
    sha256: str | None
    status: str
    verdict: str | None
    probability: float | None
    low: float | None
    high: float | None
    threshold: float
    people: int
    seconds: float  # that the analysis took
    message: str  # the warnings, or why there is no verdict
    resumed: bool  # from the journal of an earlier run
    report: Report

    @classmethod
    def of(cls, path: Path, report: Report, *, resumed: bool = False) -> Row:
        """Sum a report up."""
        low, high = report.interval or (None, None)
        return cls(
            name=report.input.name,
            path=str(path),
            sha256=report.input.sha256,
            status=report.status,
            verdict=report.verdict,
            probability=report.probability,
            low=low,
            high=high,
            threshold=report.threshold,
            people=len(report.people),
            seconds=report.timing_s.total,
            message="; ".join(notice.message for notice in report.warnings),
            resumed=resumed,
            report=report,
        )


COLUMNS = tuple(field.name for field in fields(Row) if field.name != "report")
StopCheck = Callable[[], bool]


class Crew(Protocol):
    """Several workers; see `awarenet.scan`."""

    def examine(
        self, files: Iterable[tuple[Path, bool]], should_stop: StopCheck | None = None
    ) -> Iterator[tuple[Path, Report | None]]:
        """Give files in their order, with the reports of those that are to be analyzed."""

    def failure(
        self, path: Path, status: Status, message: str, values: Mapping[str, object] | None = None
    ) -> Report:
        """Make the report of a file that could not be analyzed."""


def run_batch(
    detector: Detector,
    paths: Iterable[str | Path],
    journal: str | Path | None = None,
    should_stop: StopCheck | None = None,
    on_progress: Callable[[Path, Progress], None] | None = None,
    on_analysis: Callable[[Path, Analysis], None] | None = None,
) -> Iterator[Row]:
    """Analyze files one after the other.

    Args:
        detector: As loaded; its settings hold for all of them.
        paths: Videos, images, folders of them.
        journal: JSON Lines to write, and to go on from where it is there already. When all is
            done its lines stand in the order of the inputs.
        should_stop: Asked between frames and batches.
        on_progress: Called with the input and how far it has come.
        on_analysis: Called with the input and all that was found, of those analyzed now.

    Yields:
        A row an input. What is wrong with a file, or with us, is its status and its message.

    Raises:
        Canceled: `should_stop` said so; the journal holds what was done until then.
        SettingsError: The journal is of another model, other settings, or no journal at all.
        OSError: The journal cannot be written.
        Exception: Whatever `on_analysis` raises.
    """

    def examine(files: Iterable[tuple[Path, bool]]) -> Iterator[tuple[Path, Report | None]]:
        for path, wanted in files:
            if wanted:
                yield path, _analyze(detector, path, should_stop, on_progress, on_analysis)
            else:
                yield path, None

    yield from _rows(examine, detector.failure, paths, journal, should_stop)


def run_crew(
    crew: Crew,
    paths: Iterable[str | Path],
    journal: str | Path | None = None,
    should_stop: StopCheck | None = None,
) -> Iterator[Row]:
    """Let workers analyze files, several at a time; the rows come in the order of the files.

    Args:
        crew: At work.
        paths: As `run_batch`.
        journal: The same.
        should_stop: Asked several times a second.

    Yields:
        A row an input. A file that ended its worker, twice, has the status error.

    Raises:
        Canceled: As `run_batch`, as the others; what workers were at, or had done before its turn,
            is not in the journal.
        AwareNetError: The bundle or a setting is wrong, or no worker starts.
        SettingsError: The journal is of another run.
        OSError: The journal cannot be written.
    """

    def examine(files: Iterable[tuple[Path, bool]]) -> Iterator[tuple[Path, Report | None]]:
        return crew.examine(files, should_stop)

    yield from _rows(examine, crew.failure, paths, journal, should_stop)


def _rows(
    examine: Callable[[Iterable[tuple[Path, bool]]], Iterator[tuple[Path, Report | None]]],
    failure: Callable[..., Report],
    paths: Iterable[str | Path],
    journal: str | Path | None,
    should_stop: StopCheck | None,
) -> Iterator[Row]:
    """Have what is not in the journal examined, and keep the journal; raises as `run_batch`."""
    hashes: deque[str | None] = deque()  # of the files that were asked for and not yet given

    def files() -> Iterator[tuple[Path, bool]]:
        for path in found:
            if should_stop is not None and should_stop():
                raise Canceled(f"stopped before {path.name}, as asked")
            hashes.append(None if done is None else _sha256(path))
            # only a folder that holds nothing is left as a folder
            yield path, not (path.is_dir() or (done and done.knows(path.name, hashes[-1])))

    found, done = list(find_inputs(paths)), None
    with ExitStack() as stack:
        if journal is not None:
            # what a report of now would say of model, settings and versions
            now = failure(Path("now"), "error", "")
            done = stack.enter_context(Journal(Path(journal), now))
        for path, report in stack.enter_context(closing(examine(files()))):
            sha256 = hashes.popleft()
            known = None if done is None else done.take(path.name, sha256)
            if known is None and report is None:
                why = refused("unsupported", "empty_folder", name=path.name or str(path))
                report = failure(path, why.status, str(why), why.values)
            if known is None and done is not None:
                done.add(report)
            yield Row.of(path, known or report, resumed=known is not None)
        if done is not None:
            done.sort()


def to_csv(rows: Iterable[Row]) -> str:
    """Write rows as CSV with a header; no cell of it is a formula to a spreadsheet.

    Give a file of it the encoding utf-8-sig: without its mark Excel takes UTF-8 for something else.
    """
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(COLUMNS)
    for row in rows:
        writer.writerow([_cell(getattr(row, column)) for column in COLUMNS])
    return text.getvalue()


def tally(rows: Iterable[Row]) -> dict[str, int]:
    """Count inputs by verdict and, where there is none, by status; these sum to `inputs`."""
    found = Counter(row.verdict or row.status for row in rows)
    verdicts = {verdict: found.pop(verdict, 0) for verdict in ("fake", "real", "inconclusive")}
    counts = {**verdicts, **dict(sorted(found.items()))}
    return {"inputs": sum(counts.values()), **counts}


def _analyze(
    detector: Detector,
    path: Path,
    should_stop: StopCheck | None,
    on_progress: Callable[[Path, Progress], None] | None,
    on_analysis: Callable[[Path, Analysis], None] | None,
) -> Report:
    """Analyze one input; a bug in us becomes its report, so that the others are still done."""
    show = None if on_progress is None else lambda event: on_progress(path, event)
    try:
        analysis = detector.examine(path, on_progress=show, should_stop=should_stop)
    except Canceled:
        raise
    except Exception as error:
        return detector.failed(path, error)
    if on_analysis is not None:  # what goes wrong there does not take the answer away
        on_analysis(path, analysis)
    return analysis.report


def _sha256(path: Path) -> str | None:
    """Hash a file; None where it cannot be read, which its report will say better."""
    try:
        return hash_file(path) if path.is_file() else None
    except OSError:
        return None


def _cell(value: object) -> object:
    """Give a cell that a spreadsheet shows and does not work out."""
    if isinstance(value, str) and value.lstrip(" ").startswith(_STARTS_A_FORMULA):
        return "'" + value
    return value
