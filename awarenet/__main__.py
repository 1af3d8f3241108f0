"""Judge clips and pictures: is a face in them manipulated, and how sure are the networks.

python -m awarenet clip.mp4                      a line for people
python -m awarenet clips/ photo.jpg --json -     a line of JSON an input, nothing else on stdout

Exit code: 0 every input was analyzed, whatever was found; 1 some could not be read, the others
were done; 2 the call or the settings are wrong.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import logging
import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn, TextIO

from awarenet.errors import AwareNetError, SettingsError

if TYPE_CHECKING:  # the real imports take seconds; --help and a mistake in the call do not wait
    from awarenet.pipeline import Detector, Progress
    from awarenet.report import Report

logger = logging.getLogger("awarenet")

ANALYZED = ("ok", "no_face", "faces_too_small")  # a clip without a face is an answer
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
    args = _parser().parse_args(argv)
    logging.basicConfig(stream=sys.stderr, format="%(levelname)s %(name)s: %(message)s")
    out = sys.stdout
    with contextlib.suppress(AttributeError):  # a name that this terminal lacks letters for
        out.reconfigure(errors="backslashreplace")
    try:
        # what libraries print must not end up between the lines
        with contextlib.redirect_stdout(sys.stderr), contextlib.ExitStack() as stack:
            detector = _load(args)
            target = None
            if args.json == "-":
                target = out
            elif args.json:
                target = stack.enter_context(Path(args.json).open("w", encoding="utf-8"))
            return _analyze_all(detector, args, target, out)
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
    parser.add_argument("--model", metavar="SOURCE", help="bundle: a folder or hf-hub:owner/name")
    parser.add_argument("--frames", metavar="N", help="frames looked at in a clip")
    parser.add_argument("--device", metavar="DEVICE", help="auto, cpu, cuda or cuda:N")
    parser.add_argument(
        "--explain", action="store_true", help="add which frames speak most for it (takes longer)"
    )
    parser.add_argument(
        "--blinks", action="store_true", help="add how often the person who decides blinks"
    )
    parser.add_argument("--settings", metavar="FILE", help="TOML (default: settings.toml)")
    parser.add_argument(
        "--set", action="append", default=[], metavar="SECTION.KEY=VALUE", help="repeatable"
    )
    parser.add_argument("--quiet", action="store_true", help="no progress on stderr")
    return parser


def _load(args: argparse.Namespace) -> Detector:
    """Read the settings and load the bundle that they name."""
    from awarenet.media import IMAGE_SUFFIXES, VIDEO_SUFFIXES
    from awarenet.settings import load_settings

    if args.json and Path(args.json).suffix.lower() in VIDEO_SUFFIXES + IMAGE_SUFFIXES:
        raise SettingsError(f"--json {args.json} would write over a clip; give a FILE.jsonl, or -")
    typed = {
        # a heat map costs more than a verdict, and only its figures fit into JSON
        "explain.enabled": "true" if args.explain else "false",
        "blinks.enabled": "true" if args.blinks else None,
        "model.source": args.model and json.dumps(args.model),  # quoted: it may look like a number
        "sampling.frames": args.frames,
        "runtime.device": args.device,
    }
    overrides = [f"{key}={value}" for key, value in typed.items() if value is not None]
    settings = load_settings(args.settings, [*overrides, *args.set])
    from awarenet.pipeline import load_detector  # seconds; a mistake is told before that

    return load_detector(settings=settings)


def _analyze_all(
    detector: Detector, args: argparse.Namespace, target: TextIO | None, out: TextIO
) -> int:
    """Analyze the inputs in their order; give the exit code."""
    failed = 0
    for path in _inputs(args.paths):
        report = _analyze(detector, path, quiet=args.quiet)
        if target is not None:
            print(report.to_json(), file=target, flush=True)
        if target is not out:
            print(_line(path, report), file=out, flush=True)
        if report.status not in ANALYZED:
            failed += 1
            print(f"{_shown(path)}: {report.warnings[0].message}", file=sys.stderr)
    return 1 if failed else 0


def _analyze(detector: Detector, path: Path, *, quiet: bool) -> Report:
    """Analyze one input; a bug in us becomes its report, so that the others are still done."""
    show = None if quiet or not sys.stderr.isatty() else lambda event: _progress(path, event)
    try:
        if path.is_dir():  # only one that holds nothing is left as a folder
            words = f"{path.name or path} is a folder without videos or images"
            return detector.failure(path, "unsupported", words)
        return detector.analyze(path, on_progress=show)
    except AwareNetError as error:
        return detector.failure(path, "error", str(error))
    except Exception as error:
        logger.exception("cannot analyze %s", _shown(path))
        words = f"a fault in awarenet, not in the file: {type(error).__name__}; see the log"
        return detector.failure(path, "error", words)
    finally:
        if show is not None:
            print("\r\033[K", end="", file=sys.stderr, flush=True)


def _inputs(paths: Sequence[str]) -> Iterator[Path]:
    """Give the inputs in their order; a folder gives the media under it, sorted, or itself."""
    from awarenet.media import IMAGE_SUFFIXES, VIDEO_SUFFIXES

    known = VIDEO_SUFFIXES + IMAGE_SUFFIXES
    for path in map(Path, paths):
        if not path.is_dir():
            yield path
            continue
        inside = [
            file
            for file in path.rglob("*")
            if file.suffix.lower() in known
            and file.is_file()
            and not any(part.startswith(".") for part in file.relative_to(path).parts)
        ]
        yield from sorted(inside) or [path]


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
    text = f"{_shown(path)}: {event.message} {event.done}/{event.total}"
    print(f"\r\033[K{text}", end="", file=sys.stderr, flush=True)


def _shown(path: Path) -> str:
    """Give a path as text that any terminal can take."""
    return ascii(str(path))[1:-1] if not str(path).isprintable() else str(path)


if __name__ == "__main__":
    sys.exit(main())
