"""The report: its schema, its rules, its JSON."""

import json
import math
import subprocess
import sys
from pathlib import Path

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from awarenet.report import Report, json_safe, report_schema, write_schema

ROOT = Path(__file__).resolve().parent.parent
SCHEMA_FILE = ROOT / "docs" / "report.schema.json"
NO_SCORE = {"verdict": None, "probability": None, "interval": None, "decided_by": None}


def content(**changes: object) -> dict:
    """What a report of one person is made of."""
    moment = {
        "time_s": 0.5,
        "frame": 12,
        "box": [1.0, 2.0, 91.0, 122.0],
        "face_px": 120,
        "probability": 0.8,
        "families": {"xception": 0.7, "res2net101": 0.9},
        "members": [[0.6, 0.8], [0.9, 0.9]],
    }
    person = {
        "id": 1,
        "verdict": "fake",
        "probability": 0.8,
        "interval": [0.7, 0.9],
        "frames_seen": 1,
        "first_s": 0.5,
        "last_s": 0.5,
        "families": {"xception": 0.7, "res2net101": 0.9},
        "box_of_best": moment["box"],
        "timeline": [moment],
    }
    return {
        "status": "ok",
        "verdict": "fake",
        "probability": 0.8,
        "interval": [0.7, 0.9],
        "threshold": 0.6,
        "calibrated": True,
        "input": {"name": "clip.mp4", "kind": "video", "frames_analyzed": 1},
        "decided_by": 1,
        "people": [person],
        "families": {
            "xception": {"weight": 0.25, "probability": 0.7, "members": [0.6, 0.8]},
            "res2net101": {"weight": 0.75, "probability": 0.9, "members": [0.9, 0.9]},
        },
        "limits": ["an opinion"],
        "model": {
            "source": "assets/demo",
            "revision": None,
            "sha256": "0" * 64,
            "name": "demo",
            "families": ["xception", "res2net101"],
            "members": 4,
            "trained_on": "portraits",
            "metrics": {"auc": 0.9},
            "calibrated_on": None,
        },
        "settings": {"sampling": {"frames": 1}},
        "versions": {"awarenet": "0"},
        "created": "2026-11-21T12:00:00+00:00",
        **changes,
    }


def failure(**changes: object) -> dict:
    """What a report without a score is made of."""
    return content(**{"status": "no_face", "people": [], **NO_SCORE, **changes})


def valid(data: dict) -> bool:
    return jsonschema.Draft202012Validator(json.loads(SCHEMA_FILE.read_text("utf-8"))).is_valid(
        data
    )


def test_the_schema_in_docs_is_the_one_of_the_code(tmp_path):
    write_schema(tmp_path / "schema.json")
    assert (tmp_path / "schema.json").read_bytes() == SCHEMA_FILE.read_bytes()


def test_the_module_run_as_a_program_writes_the_schema(tmp_path):
    command = [sys.executable, "-W", "error", "-m", "awarenet.report", str(tmp_path / "new.json")]
    subprocess.run(command, check=True, cwd=ROOT)
    assert json.loads((tmp_path / "new.json").read_bytes()) == report_schema()


def test_the_schema_is_a_schema():
    jsonschema.Draft202012Validator.check_schema(report_schema())


@pytest.mark.parametrize("data", [content(), failure()])
def test_a_report_is_valid_against_its_schema_and_comes_back_equal(data):
    report = Report.model_validate(data)
    written = report.to_json()
    assert "\n" not in written
    assert valid(json.loads(written))
    assert Report.model_validate_json(written) == report
    assert list(json.loads(written))[0] == "schema"


@pytest.mark.parametrize("key", ["verdict", "probability", "interval"])
def test_neither_code_nor_schema_take_a_failure_with_a_score(key):
    data = failure(**{key: content()[key]})
    with pytest.raises(ValidationError, match="with a score"):
        Report.model_validate(data)
    report = Report.model_validate(failure()).to_dict()
    assert valid(report)
    assert not valid(report | {key: content()[key]})


@pytest.mark.parametrize("key", ["verdict", "probability", "interval"])
def test_neither_code_nor_schema_take_ok_without_a_score(key):
    with pytest.raises(ValidationError, match="without verdict"):
        Report.model_validate(content(**{key: None}))
    report = Report.model_validate(content()).to_dict()
    assert valid(report)
    assert not valid(report | {key: None})


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"decided_by": 7}, "not among the people"),
        ({"interval": [0.81, 0.9]}, "does not hold"),
        ({"interval": [0.1, 0.79]}, "does not hold"),
        ({"probability": 1.2}, "less than or equal to 1"),
        ({"probability": math.nan}, "finite"),
        ({"families": {"xception": {"weight": 0.5}}}, "sum to 1"),
        ({"families": {"xception": {"weight": 0.0}, "b": {"weight": 1.0}}}, "greater than 0"),
        ({"status": "fine"}, "no_face"),
        ({"verdit": "fake"}, "Extra inputs"),
    ],
)
def test_a_report_that_contradicts_itself_is_refused(changes, words):
    with pytest.raises(ValidationError, match=words):
        Report.model_validate(content(**changes))


def test_numbers_have_six_digits_in_python_as_in_json():
    report = Report.model_validate(content(probability=0.812345678, threshold=1 / 3))
    assert (report.probability, report.threshold) == (0.812346, 0.333333)
    assert json.loads(report.to_json())["probability"] == report.probability


def test_a_tiny_weight_does_not_round_to_nothing():
    families = {"a": {"weight": 1.23456789e-9}, "b": {"weight": 1.0}}
    report = Report.model_validate(content(families=families))
    assert report.families["a"].weight == 1.23457e-9


def test_nan_and_infinity_in_free_parts_become_null():
    model = content()["model"] | {"metrics": {"auc": math.nan, "by_kind": [math.inf, 0.1234567]}}
    report = Report.model_validate(content(model=model))
    assert json.loads(report.to_json())["model"]["metrics"] == {
        "auc": None,
        "by_kind": [None, 0.123457],
    }


def test_a_file_name_that_is_no_unicode_still_gives_json():
    report = Report.model_validate(failure(input={"name": "caf\udce9.mp4"}))
    assert json.loads(report.to_json())["input"]["name"] == "caf?.mp4"


def test_a_report_does_not_change():
    report = Report.model_validate(content())
    with pytest.raises(ValidationError, match="frozen"):
        report.probability = 0.1


@settings(max_examples=60, deadline=None)
@given(
    value=st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
        max_leaves=8,
    )
)
def test_whatever_is_made_safe_is_json(value):
    json.loads(json.dumps(json_safe(value), allow_nan=False))
