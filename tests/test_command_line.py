"""`python -m awarenet`: what it prints, where, and the code it ends with."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import jsonschema
import pytest
from PIL import Image
from tiny_detector import SkinFinder, frames_of_one, make_detector, nobody, one_person

import awarenet.pipeline
from awarenet.__main__ import main
from awarenet.report import report_schema

ROOT = Path(__file__).resolve().parent.parent
SCHEMA = jsonschema.Draft202012Validator(report_schema())


@pytest.fixture(scope="module")
def clips(tmp_path_factory) -> Path:
    place = tmp_path_factory.mktemp("clips")
    one_person(place / "one.mp4")
    nobody(place / "wall.mp4")
    (place / "broken.mp4").write_bytes(b"not a video " * 99)
    (place / "more").mkdir()
    Image.fromarray(next(frames_of_one(1))).save(place / "more" / "a.PNG")
    (place / "more" / "notes.txt").write_text("not media")
    (place / "more" / ".hidden.mp4").write_bytes(b"left by another system")
    (place / "none").mkdir()
    return place


@pytest.fixture
def call(saved, monkeypatch, capsys):
    """Call the program in this process, with a finder for drawn faces."""
    monkeypatch.setattr(awarenet.pipeline, "create_face_finder", lambda *_: SkinFinder())

    def run(*arguments: object, model: Path = saved) -> tuple[int, str, str]:
        words = [*map(str, arguments), "--model", str(model)]
        words += ["--set", "faces.min_face_px=20", "--set", "runtime.device=cpu"]
        code = main([*words, "--frames", "6"])
        return code, *capsys.readouterr()

    return run


def reports(text: str) -> list[dict]:
    """Every line as JSON, held against the schema."""
    found = [json.loads(line) for line in text.splitlines()]
    for report in found:
        SCHEMA.validate(report)
    return found


def test_json_on_stdout_is_one_valid_line_and_nothing_else(call, clips):
    code, out, err = call(clips / "one.mp4", "--json", "-")
    (report,) = reports(out)
    assert (code, report["status"], report["input"]["name"]) == (0, "ok", "one.mp4")
    assert err == ""


def test_the_probability_is_the_one_that_python_gives(call, clips, saved):
    _, out, _ = call(clips / "one.mp4", "--json", "-")
    (report,) = reports(out)
    expected = make_detector(saved).analyze(clips / "one.mp4")
    assert report["probability"] == expected.probability
    assert tuple(report["interval"]) == expected.interval
    assert report["people"] == expected.to_dict()["people"]


def test_inputs_come_in_the_order_given_and_a_bad_one_stops_nobody(call, clips):
    paths = [clips / name for name in ("broken.mp4", "one.mp4", "missing.mp4", "wall.mp4")]
    code, out, err = call(*paths, "--json", "-")
    found = [(report["input"]["name"], report["status"]) for report in reports(out)]
    assert found == [
        ("broken.mp4", "unreadable"),
        ("one.mp4", "ok"),
        ("missing.mp4", "unreadable"),
        ("wall.mp4", "no_face"),
    ]
    assert code == 1
    assert len(err.splitlines()) == 2
    assert "broken.mp4" in err and "missing.mp4" in err and "Traceback" not in err


def test_a_clip_without_a_face_is_an_answer(call, clips):
    code, out, _ = call(clips / "wall.mp4")
    assert code == 0
    assert out.endswith("wall.mp4: no verdict (no_face)\n")


def test_a_folder_gives_its_media_sorted_with_what_lies_deeper(call, clips):
    _, out, _ = call(clips, "--json", "-")
    names = [report["input"]["name"] for report in reports(out)]
    assert names == ["broken.mp4", "a.PNG", "one.mp4", "wall.mp4"]


def test_a_folder_without_media_is_an_input_that_cannot_be_read(call, clips):
    code, out, _ = call(clips / "none", clips / "wall.mp4", "--json", "-")
    assert [report["status"] for report in reports(out)] == ["unsupported", "no_face"]
    assert code == 1


def test_json_in_a_file_leaves_stdout_to_people(call, clips, tmp_path):
    target = tmp_path / "out.jsonl"
    code, out, _ = call(clips / "one.mp4", clips / "wall.mp4", "--json", target)
    assert code == 0
    assert [report["status"] for report in reports(target.read_text("utf-8"))] == ["ok", "no_face"]
    first, second = out.splitlines()
    (report, _) = reports(target.read_text("utf-8"))
    assert f"probability {report['probability']:.2f} (" in first
    assert "threshold 0.60, 1 person" in first
    assert "wall.mp4" in second


def test_documents_are_written_in_the_language_that_was_asked_for(call, clips, tmp_path):
    said = {
        "de": ("Kein Ergebnis", "in wall.mp4 (untersuchte Einzelbilder: 4)", "womit sie trainiert"),
        "zh": (
            "没有结果：未找到人脸",
            "在wall.mp4中没有找到人脸（已查看4帧）",
            "只认识训练时用过的内容",
        ),
    }
    for language, words in said.items():
        folder = tmp_path / language
        assert call(clips / "wall.mp4", "--report", folder, "--language", language)[0] == 0
        page = (folder / "wall.awarenet.html").read_text("utf-8")
        assert f'<html lang="{language}">' in page
        assert [each for each in words if each not in page] == []
        report = json.loads((folder / "wall.awarenet.json").read_text("utf-8"))
        assert report["warnings"][0]["message"].startswith("no face in wall.mp4")
    call(clips / "wall.mp4", "--report", tmp_path)
    assert '<html lang="en">' in (tmp_path / "wall.awarenet.html").read_text("utf-8")


def test_a_bug_is_logged_and_the_others_are_done(call, clips, monkeypatch, caplog):
    find = SkinFinder.find
    calls = []

    def broken(self: SkinFinder, image: object) -> list:
        calls.append(1)
        if len(calls) == 1:
            raise ZeroDivisionError("a bug")
        return find(self, image)

    monkeypatch.setattr(SkinFinder, "find", broken)
    code, out, err = call(clips / "one.mp4", clips / "one.mp4", "--json", "-")
    assert code == 1
    first, second = reports(out)
    assert (first["status"], second["status"]) == ("error", "ok")
    assert first["probability"] is None
    assert "ZeroDivisionError" in first["warnings"][0]["message"]
    assert "Traceback" in caplog.text and "a bug" in caplog.text


def test_what_libraries_print_stays_out_of_the_json(call, clips, monkeypatch):
    find = SkinFinder.find

    def chatty(self: SkinFinder, image: object) -> list:
        print("downloading, 50 %")
        return find(self, image)

    monkeypatch.setattr(SkinFinder, "find", chatty)
    _, out, err = call(clips / "one.mp4", "--json", "-")
    assert len(reports(out)) == 1
    assert "downloading" in err


def test_explaining_is_asked_for(call, clips):
    _, plain, _ = call(clips / "one.mp4", "--json", "-")
    _, explained, _ = call(clips / "one.mp4", "--json", "-", "--explain")
    (plain,), (explained,) = reports(plain), reports(explained)
    assert plain["explanation"] is None
    assert len(explained["explanation"]["frames"]) == 2
    assert plain["probability"] == explained["probability"]


def test_flags_and_set_reach_the_settings(call, clips):
    _, out, _ = call(clips / "one.mp4", "--json", "-", "--set", "verdict.threshold=0.25")
    (report,) = reports(out)
    assert report["threshold"] == 0.25
    assert report["settings"]["sampling"]["frames"] == 6
    assert report["input"]["frames_analyzed"] == 6


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--set", "faces.min_scor=0.5"], "did you mean 'min_score'?"),
        (["--set", "faces"], "expected section.key=value"),
        (["--frames", "0"], "frames = 0"),
        (["--frames", "many"], 'frames = "many"'),
        (["--device", "tpu"], "tpu"),
        (["--settings", "missing.toml"], "missing.toml"),
        (["--model", "missing-bundle"], "missing-bundle"),
        (["--json", "clip.mp4"], "would write over a clip"),
        (["--json", "no/such/folder/out.jsonl"], "out.jsonl"),
    ],
)
def test_a_mistake_in_the_settings_ends_in_2_with_one_line(
    saved, clips, capsys, monkeypatch, arguments, words
):
    monkeypatch.chdir(clips)
    model = [] if "--model" in arguments else ["--model", str(saved)]
    assert main(["one.mp4", *model, *arguments]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert len(err.splitlines()) == 1
    assert err.startswith("error: ") and words in err and "Traceback" not in err


@pytest.mark.parametrize("arguments", [[], ["--no-such-option", "x.mp4"], ["x.mp4", "--set"]])
def test_a_mistake_in_the_call_ends_in_2_with_one_line(capsys, arguments):
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    out, err = capsys.readouterr()
    assert ended.value.code == 2
    assert out == ""
    assert len(err.splitlines()) == 1


def test_a_broken_bundle_ends_in_2_and_names_the_file(call, clips, saved, tmp_path):
    shutil.copytree(saved, tmp_path / "bundle")
    weights = tmp_path / "bundle" / "test_resnet-0" / "model.safetensors"
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(content)
    code, out, err = call(clips / "one.mp4", "--json", "-", model=tmp_path / "bundle")
    assert (code, out) == (2, "")
    assert len(err.splitlines()) == 1
    assert "test_resnet-0" in err and "Traceback" not in err


def program(*arguments: object, **options: object) -> subprocess.CompletedProcess:
    """Run it as people do, in a process of its own, with the face finder that ships."""
    return subprocess.run(
        [sys.executable, "-m", "awarenet", *map(str, arguments)],
        cwd=ROOT, capture_output=True, timeout=120, **options,
    )  # fmt: skip


def test_the_program_itself_judges_a_clip_of_a_wall(clips, saved, tmp_path):
    before = set(tmp_path.iterdir())
    environment = os.environ | {"TMPDIR": str(tmp_path), "PYTHONIOENCODING": "ascii"}
    odd = tmp_path.parent / "w\u00e4nde.mp4"
    shutil.copy(clips / "wall.mp4", odd)
    done = program(odd, "--model", saved, "--device", "cpu", "--json", "-", env=environment)
    (report,) = reports(done.stdout.decode("ascii"))
    assert done.returncode == 0
    assert (report["status"], report["input"]["name"]) == ("no_face", "w\u00e4nde.mp4")
    assert done.stderr == b""
    assert set(tmp_path.iterdir()) == before


def test_a_reader_that_has_seen_enough_gets_no_traceback(clips, saved):
    words = [sys.executable, "-m", "awarenet", *[str(clips / "wall.mp4")] * 3]
    words += ["--model", str(saved), "--device", "cpu", "--json", "-"]
    running = subprocess.Popen(words, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    running.stdout.close()
    assert b"Traceback" not in running.stderr.read()
    assert running.wait(timeout=60) == 1
    running.stderr.close()
