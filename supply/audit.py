"""Is something known against a version that we run on? Asks the index by pip-audit, if it answers.

python supply/audit.py PYTHON       the packages of that Python's environment

Where the index tells nothing of vulnerabilities, or cannot be reached, that is said in one line and
this ends with 0: to be skipped is not to be fine. Whether it does is tried first, on a release that
is known to have some. Ends with 1 where there is something known.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path

KNOWN_BAD = "pip==20.0"  # CVE-2021-3572 and others
PATIENCE_S = 240  # for all packages together


def main(python: str) -> int:
    """Print what is known; 1 where that is something."""
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as tried:
        tried.write(KNOWN_BAD + "\n")
        tried.flush()
        answer = ask("--requirement", tried.name, "--no-deps", "--disable-pip")
    if isinstance(answer, str):
        return skipped(answer)
    if not any(each.get("vulns") for each in answer):
        return skipped(f"the index knows nothing against {KNOWN_BAD}, so it would not tell")
    found = subprocess.run(
        [python, "-c", "import sysconfig; print(sysconfig.get_paths()['purelib'])"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    answer = ask("--path", found.stdout.strip())
    if isinstance(answer, str):
        return skipped(answer)
    return report(answer)


def report(answer: list[dict]) -> int:
    """Print what pip-audit found; 1 where that is something."""
    bad = 0
    for package in answer:
        for known in package.get("vulns", ()):
            bad += 1
            fixed = ", ".join(known.get("fix_versions", ())) or "no version yet"
            print(f"{package['name']} {package['version']}: {known['id']}, fixed in {fixed}")
    unknown = [each["name"] for each in answer if "skip_reason" in each]
    print(f"vulnerabilities of {len(answer) - len(unknown)} packages: {bad} known")
    if unknown:
        print(f"not looked up, since the index does not have them: {', '.join(unknown)}")
    return 1 if bad else 0


def ask(*what: str) -> list[dict] | str:
    """Give what pip-audit says by package, or in words why it says nothing."""
    command = [sys.executable, "-m", "pip_audit", *what, "--format", "json"]
    command += ["--progress-spinner", "off", "--timeout", "10"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE_S)
    except subprocess.TimeoutExpired:
        return f"no answer in {PATIENCE_S} s"
    try:
        return json.loads(done.stdout)["dependencies"]
    except (ValueError, KeyError, TypeError):
        last = (done.stderr.strip().splitlines() or ["it says nothing"])[-1]
        return f"pip-audit ended with {done.returncode}: {last[:200]}"


def skipped(why: str) -> int:
    """Say that nothing was looked up; that is no fault of what is looked at."""
    print(f"vulnerabilities: not looked up, {Path(__file__).name} skipped: {why}")
    return 0


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    sys.exit(main(sys.argv[1]))
