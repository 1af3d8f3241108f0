"""Under which licenses stands what we run on? Nothing under the GPL or AGPL, but for what is named.

python supply/licenses.py          what stands under what, in short
python supply/licenses.py --all    a line a package

Read is what the packages of this environment say of themselves: those in requirements.txt and all
that they ask for, with our optional extras where they are installed. Test tools are left out: they
go nowhere. Wheels bring libraries that their metadata do not name: those are told by their files'
names. Ends with 1 where something is not allowed, or says nothing that can be understood.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections import defaultdict
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parent.parent
EXTRAS = ("c2pa-python", "ray", "tensorboard", "trackio")  # of pyproject.toml, less the test tools

ALLOWED = {  # SPDX identifiers: https://spdx.org/licenses/
    "0BSD", "Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "BSL-1.0", "CC0-1.0", "HPND", "ISC",
    "MIT", "MIT-0", "MIT-CMU", "PSF-2.0", "Unlicense", "Zlib",
    "MPL-2.0",  # binds changes of its own files, which we do not make
}  # fmt: skip
EXCEPTION = re.compile(r" WITH [\w.-]+")  # only ever gives more rights
IN_WORDS = (  # how older metadata say it; the first that fits
    (r"affero|agpl", "AGPL-3.0-only"),
    (r"lesser|lgpl", "LGPL-2.1-only"),
    (r"general public|\bgpl", "GPL-3.0-only"),
    (r"mozilla|mpl", "MPL-2.0"),
    (r"python software foundation|psf", "PSF-2.0"),
    (r"apache", "Apache-2.0"),
    (r"\b2.clause", "BSD-2-Clause"),
    (r"bsd", "BSD-3-Clause"),
    (r"\bisc\b", "ISC"),
    (r"\bmit\b", "MIT"),
)
# what torch's builds for NVIDIA's cards bring: proprietary, and pip fetches it, not we
NVIDIA, NVIDIAS_OWN = re.compile(r"(nvidia|cuda)-"), "LicenseRef-NVIDIA-Proprietary"
UNSAID = {  # metadata that say nothing, and what stands in the package's own files instead
    "matplotlib": "PSF-2.0",  # LICENSE: based on the PSF license, in words of its own
}
# native libraries that wheels bring, by the start of the file's name
COPYLEFT = re.compile(
    r"lib(x264|x265|xvidcore|postproc|rubberband|vidstab|frei0r|davs2|xavs|cdio|smbclient|readline"
    r"|fdk-aac)"
)
NOTED = {  # package, library -> why it may be there all the same
    ("av", "libx264"): "GPL-2.0-or-later; PyAV's wheel brings it beside an FFmpeg built as LGPL. "
    "We hand on neither: pip fetches the wheel. It encodes the annotated clip.",
    ("av", "libx265"): "GPL-2.0-or-later; as libx264. Nothing of ours calls it.",
}
# LGPL: loaded as a library of its own that can be replaced, which is what that license asks for
WEAK = re.compile(
    r"lib(av(codec|device|filter|format|util)|sw(scale|resample)|Qt5\w+|gnutls|gmp|nettle|hogweed"
    r"|unistring|asound|mp3lame)-"
)


def main() -> int:
    """Print what was found; 1 where something is not allowed."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--all", action="store_true", help="a line a package")
    args = parser.parse_args()
    by_license, found = defaultdict(list), closure(asked_for())
    wrong = [f"{name}: not installed" for name in missing(found)]
    for package in found:
        name, said = package.metadata["Name"], license_of(package)
        by_license[said].append(f"{name} {package.version}")
        if not allowed(said):
            wrong.append(f"{name} {package.version}: {said}")
        for library in sorted(copyleft_in(package)):
            reason = NOTED.get((name.lower(), library))
            print(f"{name} {package.version} brings {library}: {reason or 'NOT ALLOWED'}")
            wrong += [] if reason else [f"{name} {package.version} brings {library}"]
        if weak := sorted(
            {found[0].rstrip("-") for found in map(WEAK.match, libraries(package)) if found}
        ):
            print(f"{name} {package.version} brings under the LGPL: {', '.join(weak)}")
    for said, names in sorted(by_license.items(), key=lambda pair: -len(pair[1])):
        print(f"{len(names):4}  {said}" + (": " + ", ".join(names) if args.all else ""))
    for each in wrong:
        print(f"not allowed: {each}; leave it out, or name it in supply/licenses.py with a reason")
    print(f"licenses of {sum(map(len, by_license.values()))} packages: {len(wrong)} not allowed")
    return 1 if wrong else 0


def asked_for() -> list[Requirement]:
    """What we ask for ourselves."""
    lines = (ROOT / "requirements.txt").read_text("utf-8").splitlines()
    lines = [line for line in lines if line and not line.startswith("#")]
    return [Requirement(line) for line in (*lines, *EXTRAS)]


def missing(found: list[metadata.Distribution]) -> list[str]:
    """Name what requirements.txt asks for and is not there: nothing could be said of it."""
    there = {_normal(package.metadata["Name"]) for package in found}
    own = asked_for()[: -len(EXTRAS)]
    wanted = [each for each in own if each.marker is None or each.marker.evaluate()]
    return [each.name for each in wanted if _normal(each.name) not in there]


def closure(asked: list[Requirement]) -> list[metadata.Distribution]:
    """Installed packages that are asked for, by us or by one of them; sorted by name."""
    found: dict[str, metadata.Distribution] = {}
    seen, todo = set(), list(asked)
    while todo:
        requirement = todo.pop()
        name = _normal(requirement.name)
        if (name, frozenset(requirement.extras)) in seen:
            continue
        seen.add((name, frozenset(requirement.extras)))
        try:
            found[name] = package = metadata.distribution(name)
        except metadata.PackageNotFoundError:
            continue  # for another system, or an extra that is not wanted here
        todo += [
            each
            for each in map(Requirement, package.requires or ())
            if each.marker is None
            or any(each.marker.evaluate({"extra": e}) for e in ("", *requirement.extras))
        ]
    return [found[name] for name in sorted(found)]


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def license_of(package: metadata.Distribution) -> str:
    """Give a package's license as an SPDX expression, or `unknown: ` and what it says."""
    about = package.metadata
    if expression := about.get("License-Expression"):
        return expression
    if known := UNSAID.get(about["Name"].lower()):
        return known
    if NVIDIA.match(about["Name"].lower()):
        return NVIDIAS_OWN
    classifiers = [each for each in about.get_all("Classifier", []) if each.startswith("License")]
    said = [each.rpartition(" :: ")[2] for each in classifiers]
    # a whole license may stand here; the first line names it
    said = said or (about.get("License") or "").strip().splitlines()[:1]
    names = {_in_short(each) for each in said}
    if not names or "" in names:
        return f"unknown: {' / '.join(said)[:60] or 'nothing is said'}"
    return " AND ".join(sorted(names))  # of several it is not said which holds for what


def _in_short(words: str) -> str:
    """Name a license that is given in words; empty where it is none we know."""
    if re.search(r"\b(AND|OR)\b", words):
        return words
    return next((name for mark, name in IN_WORDS if re.search(mark, words.lower())), "")


def allowed(expression: str) -> bool:
    """Say whether an SPDX expression can be met with allowed licenses alone."""
    parts = re.findall(r"[()]|[^\s()]+", EXCEPTION.sub("", expression))

    def either() -> bool:
        found = both()
        while parts and parts[0].upper() == "OR":
            parts.pop(0)
            found = both() or found
        return found

    def both() -> bool:
        found = one()
        while parts and parts[0].upper() == "AND":
            parts.pop(0)
            found = one() and found
        return found

    def one() -> bool:
        part = parts.pop(0) if parts else ""
        if part != "(":
            return part in ALLOWED or part == NVIDIAS_OWN
        found = either()
        return bool(parts and parts.pop(0) == ")") and found

    return either() and not parts


def copyleft_in(package: metadata.Distribution) -> set[str]:
    """Name the libraries under the GPL that a wheel brings."""
    return {match[0] for name in libraries(package) if (match := COPYLEFT.match(name))}


def libraries(package: metadata.Distribution) -> Iterator[str]:
    """Names of the native libraries that a wheel brings beside its own modules."""
    for file in package.files or ():
        if re.search(r"\.(so|dylib|dll)\b", file.name):
            yield file.name


if __name__ == "__main__":
    sys.exit(main())
