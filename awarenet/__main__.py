"""Judge clips and pictures: is a face in them manipulated, and how sure are the networks.

python -m awarenet clip.mp4                      a line for people
python -m awarenet clips/ photo.jpg --json -     a line of JSON an input, nothing else on stdout
python -m awarenet clip.mp4 --report DIR         documents to keep: HTML, PDF, annotated clip
python -m awarenet clips/ --workers 4            four files at a time; --engine ray: on a cluster
python -m awarenet space --to DIR                the folder of a Hugging Face Space

Exit code: 0 every input was analyzed, whatever was found; 1 some could not be read, the others
were done; 2 the call or the settings are wrong.
"""

from __future__ import annotations

import argparse
import contextlib
import gc
import json
import logging
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn, TextIO

from awarenet.errors import AwareNetError, SettingsError

if TYPE_CHECKING:  # the real imports take seconds; --help and a mistake in the call do not wait
    from awarenet.pipeline import Analysis, Detector, Progress
    from awarenet.report import Report
    from awarenet.scan import Crew

logger = logging.getLogger("awarenet")

WORDS = {
    "fake": "likely manipulated",
    "real": "no manipulation found",
    "inconclusive": "inconclusive",
}


class _Parser(argparse.ArgumentParser):
    """Ends with one line where argparse would print its usage as well."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"error: {message}; see python -m awarenet --help\n")


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; give its exit code."""
    argv = sys.argv[1:] if argv is None else argv
    if argv and argv[0] == "space":
        return _write_space(argv[1:])
    args = _parser().parse_args(argv)
    logging.basicConfig(stream=sys.stderr, format="%(levelname)s %(name)s: %(message)s")
    out = sys.stdout
    with contextlib.suppress(AttributeError):  # a name that this terminal lacks letters for
        out.reconfigure(errors="backslashreplace")
    try:
        # what libraries print must not end up between the lines
        with contextlib.redirect_stdout(sys.stderr), contextlib.ExitStack() as stack:
            from awarenet.inputs import find_inputs

            files = list(find_inputs(args.paths))
            judges = _judges(args, files, stack)
            target = None
            if args.json == "-":
                target = out
            elif args.json and not args.resume:  # else the journal writes it
                target = stack.enter_context(Path(args.json).open("w", encoding="utf-8"))
            return _analyze_all(judges, files, args, target, out)
    except BrokenPipeError:  # whoever read us has seen enough
        with contextlib.suppress(OSError, ValueError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), out.fileno())
        return 1
    except (AwareNetError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("stopped", file=sys.stderr)
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        "python -m awarenet",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("paths", nargs="+", metavar="PATH", help="videos, images, folders of them")
    parser.add_argument("--json", metavar="FILE|-", help="write the reports, one a line; -: stdout")
    parser.add_argument(
        "--resume", action="store_true", help="go on with the FILE of --json where it broke off"
    )
    parser.add_argument(
        "--report", metavar="DIR", help="write HTML, PDF, JSON and the annotated clip of each input"
    )
    parser.add_argument(
        "--language", choices=("en", "de", "zh"), default="en",
        help="of the HTML and PDF of --report (default: en)",
    )  # fmt: skip
    parser.add_argument(
        "--full", action="store_true",
        help="run every network on every input; of several inputs, those that cannot change the "
        "verdict any more are left out otherwise",
    )  # fmt: skip
    parser.add_argument(
        "--workers", type=int, default=1, metavar="N",
        help="files analyzed at a time, each by a process that has its share of the cores",
    )  # fmt: skip
    parser.add_argument(
        "--engine", choices=("local", "ray"), default="local",
        help="where workers run; ray: on a Ray cluster, each of whose machines has awarenet "
        "installed and finds the files and the bundle where this one does",
    )  # fmt: skip
    parser.add_argument("--model", metavar="SOURCE", help="bundle: a folder or hf-hub:owner/name")
    parser.add_argument("--frames", metavar="N", help="frames looked at in a clip")
    parser.add_argument("--device", metavar="DEVICE", help="auto, cpu, cuda or cuda:N")
    parser.add_argument(
        "--explain", action="store_true", help="add which frames speak most for it (takes longer)"
    )
    parser.add_argument(
        "--blinks", action="store_true", help="add how often the person who decides blinks"
    )
    parser.add_argument(
        "--stability", action="store_true", help="add how far damaged copies change the answer"
    )
    parser.add_argument("--settings", metavar="FILE", help="TOML (default: settings.toml)")
    parser.add_argument(
        "--set", action="append", default=[], metavar="SECTION.KEY=VALUE", help="repeatable"
    )
    parser.add_argument("--quiet", action="store_true", help="no progress on stderr")
    return parser


def _several(args: argparse.Namespace) -> bool:
    """Say whether workers analyze, instead of this process."""
    return args.workers != 1 or args.engine == "ray"


def _judges(
    args: argparse.Namespace, files: list[Path], stack: contextlib.ExitStack
) -> Detector | Crew:
    """Read the settings; load the bundle that they name here, or have workers do so."""
    from awarenet.media import IMAGE_SUFFIXES, VIDEO_SUFFIXES
    from awarenet.settings import load_settings

    if args.json and Path(args.json).suffix.lower() in VIDEO_SUFFIXES + IMAGE_SUFFIXES:
        raise SettingsError(f"--json {args.json} would write over a clip; give a FILE.jsonl, or -")
    if args.resume and args.json in (None, "-"):
        raise SettingsError("--resume goes on with a file; give --json FILE.jsonl")
    if _several(args) and args.report:
        raise SettingsError(
            "--report writes the documents of one file after the other; leave --workers and "
            "--engine out, or scan first and then give --report the files in question"
        )
    early_exit = None  # as the settings say
    if args.full or len(files) > 1:  # in a scan, unless it shall be full
        early_exit = "false" if args.full else "true"
    typed = {
        # a heat map costs more than a verdict, and only its figures fit into JSON
        "explain.enabled": "true" if args.explain or args.report else "false",
        "stability.enabled": "true" if args.stability else None,
        "blinks.enabled": "true" if args.blinks else None,
        "verdict.early_exit": early_exit,
        "model.source": args.model and json.dumps(args.model),  # quoted: it may look like a number
        "sampling.frames": args.frames,
        "runtime.device": args.device,
    }
    overrides = [f"{key}={value}" for key, value in typed.items() if value is not None]
    settings = load_settings(args.settings, [*overrides, *args.set])
    if _several(args):
        from awarenet.scan import open_crew

        workers = min(args.workers, len(files))
        return stack.enter_context(open_crew(settings, workers, args.engine))
    from awarenet.pipeline import load_detector  # seconds; a mistake is told before that

    return load_detector(settings=settings)


def _analyze_all(
    judges: Detector | Crew, files: list[Path], args: argparse.Namespace,
    target: TextIO | None, out: TextIO,
) -> int:  # fmt: skip
    """Analyze the inputs in their order; give the exit code."""
    from awarenet.batch import run_batch, run_crew
    from awarenet.journal import ANALYZED

    failed, lost = 0, []
    journal, counting = args.json if args.resume else None, ""
    shown = not args.quiet and sys.stderr.isatty()
    if _several(args):
        rows = run_crew(judges, files, journal)
        counting = f"{{}} of {len(files)} files, {judges.workers} at a time" if shown else ""
    else:
        show = _progress if shown else None
        writer = _document_writer(judges, args, lost) if args.report else None
        rows = run_batch(judges, files, journal, on_progress=show, on_analysis=writer)
    if shown:
        _overwrite(counting.format(0))
    for done, row in enumerate(rows, 1):
        path, report = Path(row.path), row.report
        if shown:
            _overwrite("")
        if target is not None:
            print(report.to_json(), file=target, flush=True)
        if target is not out:
            print(_line(path, report), file=out, flush=True)
        if report.status not in ANALYZED:
            failed += 1
            print(f"{_shown(path)}: {report.warnings[0].message}", file=sys.stderr)
        if shown:
            _overwrite(counting.format(done) if done < len(files) else "")
    return 1 if failed or lost else 0


def _document_writer(
    detector: Detector, args: argparse.Namespace, lost: list[Path]
) -> Callable[[Path, Analysis], None]:
    """Give what writes the documents of an input, and notes those that it could not write."""
    from awarenet import documents
    from awarenet.words import words_in

    say, limits = words_in(args.language), detector.settings.limits

    def write(path: Path, analysis: Analysis) -> None:
        if analysis.report.input.kind is None:
            return  # it could not be read: there is nothing to document
        try:
            documents.write(analysis, path, args.report, limits=limits, say=say)
        except AwareNetError as error:  # of this input alone
            print(f"{_shown(path)}: documents: {error}", file=sys.stderr)
            lost.append(path)

    return write


def _write_space(argv: Sequence[str]) -> int:
    """Write the folder of a Hugging Face Space; give the exit code."""
    from awarenet.settings import load_settings

    parser = _Parser(
        "python -m awarenet space",
        description="Write a folder that is a Hugging Face Space once it is uploaded.",
    )
    parser.add_argument("--to", metavar="DIR", required=True, help="made where it is missing")
    parser.add_argument("--model", metavar="SOURCE", help="bundle: a folder or hf-hub:owner/name")
    parser.add_argument("--settings", metavar="FILE", help="TOML (default: settings.toml)")
    args = parser.parse_args(argv)
    try:
        typed = [f"model.source={json.dumps(args.model)}"] if args.model else []
        settings = load_settings(args.settings, typed)
        from awarenet.space import write_space

        written = write_space(args.to, settings)
    except (AwareNetError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    print(f"{len(written)} files in {args.to}; upload it with: hf upload OWNER/NAME {args.to} . "
          "--repo-type space")  # fmt: skip
    return 0


def _line(path: Path, report: Report) -> str:
    """Say what was found in one line."""
    if report.status != "ok":
        return f"{_shown(path)}: no verdict ({report.status})"
    low, high = report.interval
    people = f"{len(report.people)} people" if len(report.people) > 1 else "1 person"
    counted = next((person.blinks for person in report.people if person.blinks), None)
    blinks = f", {len(counted.blinks)} blinks in {counted.seconds:.0f} s" if counted else ""
    kind = "probability" if report.calibrated else "score, not calibrated,"
    return (
        f"{_shown(path)}: {WORDS[report.verdict]}; {kind} {report.probability:.2f} "
        f"({low:.2f} to {high:.2f}), threshold {report.threshold:.2f}, {people}{blinks}"
    )


def _progress(path: Path, event: Progress) -> None:
    _overwrite(f"{_shown(path)}: {event.message} {event.done}/{event.total}")


def _overwrite(text: str) -> None:
    """Put a text in the place of this line."""
    print(f"\r\033[K{text}", end="", file=sys.stderr, flush=True)


def _shown(path: Path) -> str:
    """Give a path as text that any terminal can take."""
    return ascii(str(path))[1:-1] if not str(path).isprintable() else str(path)


if __name__ == "__main__":
    code = main()
    gc.freeze()  # or the interpreter would look for cycles among torch's modules for a second
    sys.exit(code)
