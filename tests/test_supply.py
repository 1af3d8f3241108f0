"""What looks after the packages that we run on: it lets nothing pass that it does not know."""

import importlib.util
from importlib import metadata
from pathlib import Path

import pytest

SUPPLY = Path(__file__).resolve().parent.parent / "supply"


def load(name: str):
    """Import a file of supply/, which is no package."""
    spec = importlib.util.spec_from_file_location(f"supply_{name}", SUPPLY / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


licenses, audit = load("licenses"), load("audit")


@pytest.mark.parametrize(
    ("expression", "fine"),
    [
        ("MIT", True),
        ("GPL-3.0-or-later", False),
        ("AGPL-3.0-only", False),
        ("MIT AND GPL-2.0-only", False),
        ("MIT OR GPL-2.0-only", True),
        ("MPL-2.0 AND (AGPL-3.0-only OR MIT)", True),
        ("(MIT OR ISC) AND (GPL-3.0-only OR AGPL-3.0-only)", False),
        ("Apache-2.0 WITH LLVM-exception", True),
        ("GPL-3.0-or-later WITH GCC-exception-3.1", False),
        ("unknown: Proprietary", False),
        ("(MIT", False),
        ("MIT)", False),
        ("MIT ISC", False),
        ("", False),
    ],
)
def test_an_expression_is_met_by_allowed_licenses_or_is_not(expression, fine):
    assert licenses.allowed(expression) is fine


def distribution(folder: Path, text: str, files: tuple[str, ...] = ()) -> metadata.Distribution:
    """Write a package's metadata as pip leaves them."""
    place = folder / "thing-1.0.dist-info"
    place.mkdir()
    (place / "METADATA").write_text(f"Metadata-Version: 2.1\nName: thing\nVersion: 1.0\n{text}\n\n")
    (place / "RECORD").write_text("".join(f"{file},,\n" for file in files))
    return metadata.Distribution.at(place)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("License-Expression: MIT", "MIT"),
        ("License: BSD 3-Clause License", "BSD-3-Clause"),
        ("Classifier: License :: OSI Approved :: Apache Software License", "Apache-2.0"),
        ("License: GNU Affero General Public License v3", "AGPL-3.0-only"),
        ("Classifier: License :: OSI Approved :: GNU General Public License v3 (GPLv3)",
         "GPL-3.0-only"),
        ("License: GNU Lesser General Public License", "LGPL-2.1-only"),
        ("License: as you like it", "unknown: as you like it"),
        ("Summary: a thing", "unknown: nothing is said"),
    ],
)  # fmt: skip
def test_a_license_is_told_from_what_a_package_says(tmp_path, text, said):
    assert licenses.license_of(distribution(tmp_path, text)) == said


def test_of_several_classifiers_each_has_to_be_allowed(tmp_path):
    both = (
        "Classifier: License :: OSI Approved :: MIT License\n"
        "Classifier: License :: OSI Approved :: GNU General Public License v2 (GPLv2)"
    )
    assert not licenses.allowed(licenses.license_of(distribution(tmp_path, both)))


def test_a_library_under_the_gpl_in_a_wheel_is_found(tmp_path):
    files = ("thing.libs/libx264-0123.so.165", "thing.libs/libz-01.so.1", "thing/readline.py")
    assert licenses.copyleft_in(distribution(tmp_path, "License: MIT", files)) == {"libx264"}


def test_all_that_we_run_on_is_looked_at_and_allowed(capsys, monkeypatch):
    monkeypatch.setattr("sys.argv", ["licenses.py", "--all"])
    assert licenses.main() == 0
    said = capsys.readouterr().out
    for name in ("torch ", "gradio ", "av ", "pillow ", "starlette ", "pydantic_core "):
        assert name in said
    assert "hypothesis" not in said  # a test tool


def test_a_package_that_is_not_installed_is_not_passed_over(monkeypatch, capsys):
    asked = [licenses.Requirement("no-such-package>=1"), *licenses.asked_for()]
    monkeypatch.setattr(licenses, "asked_for", lambda: asked)
    monkeypatch.setattr("sys.argv", ["licenses.py"])
    assert licenses.main() == 1
    assert "not allowed: no-such-package: not installed" in capsys.readouterr().out


def test_no_exception_is_kept_that_nothing_needs():
    for package, library in licenses.NOTED:
        assert library in licenses.copyleft_in(metadata.distribution(package))


BAD = [{"name": "pip", "version": "20.0", "vulns": [{"id": "X-1", "fix_versions": ["21"]}]}]
GOOD = [{"name": "av", "version": "18", "vulns": []}]
UNKNOWN = [{"name": "pip", "skip_reason": "not found"}]


@pytest.mark.parametrize(
    ("answers", "code", "words"),
    [
        ([BAD, GOOD], 0, "vulnerabilities of 1 packages: 0 known"),
        ([BAD, BAD], 1, "pip 20.0: X-1, fixed in 21"),
        ([BAD, GOOD + UNKNOWN], 0, "not looked up, since the index does not have them: pip"),
        ([UNKNOWN], 0, "skipped: the index knows nothing against pip==20.0"),
        ([GOOD], 0, "skipped: the index knows nothing"),
        (["no connection"], 0, "skipped: no connection"),
        ([BAD, "no answer in 240 s"], 0, "skipped: no answer"),
    ],
)
def test_an_index_that_would_not_tell_is_said_to_be_skipped(
    monkeypatch, capsys, answers, code, words
):
    left = list(answers)
    monkeypatch.setattr(audit, "ask", lambda *_: left.pop(0))
    assert audit.main("python3") == code
    assert words in capsys.readouterr().out
    assert not left
