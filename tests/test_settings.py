"""Settings: one place, every mistake named, the nearest right name offered."""

import ast
import importlib
import re
import sys
from pathlib import Path

import pytest

from awarenet.errors import SettingsError
from awarenet.settings import Section, Settings, load_settings
from awarenet.settings.loading import SETTINGS_FILE, TRAINER_SECTIONS

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).resolve().parent.parent
SOURCES = [  # who declares sections
    ROOT / "awarenet/settings/sections.py",
    *sorted((ROOT / "trainer/settings").glob("*.py")),
]


def full_class() -> type[Settings]:
    """The trainer's settings, which hold every section."""
    return importlib.import_module("trainer.settings").TrainerSettings


def comment_of(lines: list[str], number: int) -> str:
    """Comment behind a line, else the comment lines right above it (lines count from 0)."""
    if found := re.search(r"\s\s#\s(.*)$", lines[number]):
        return found[1].strip()
    above = []
    while number and lines[number - 1].lstrip().startswith("# "):
        number -= 1
        above.insert(0, lines[number].strip()[2:])
    return " ".join(above)


def comments_in_code() -> dict[tuple[str, str], str]:
    """(section class, field) -> comment, of every class that derives from `Section`."""
    comments = {}
    for path in SOURCES:
        text = path.read_text("utf-8")
        for node in ast.parse(text).body:
            if isinstance(node, ast.ClassDef) and "Section" in map(ast.unparse, node.bases):
                for field in node.body:
                    if isinstance(field, ast.AnnAssign):
                        comment = comment_of(text.splitlines(), field.lineno - 1)
                        comments[node.name, field.target.id] = comment
    return comments


def comments_in_toml() -> dict[tuple[str, str], str]:
    """(section, key) -> comment, of settings.toml."""
    comments, section = {}, ""
    lines = SETTINGS_FILE.read_text("utf-8").splitlines()
    for number, line in enumerate(lines):
        if found := re.match(r"\[(\w+)\]", line):
            section = found[1]
        elif found := re.match(r"(\w+) = ", line):
            comments[section, found[1]] = comment_of(lines, number)
    return comments


def write(folder: Path, text: str) -> Path:
    """Write a settings file."""
    path = folder / "mine.toml"
    path.write_text(text, "utf-8")
    return path


def complaint(*args, **kwargs) -> str:
    """The message that loading ends in; it has one line."""
    with pytest.raises(SettingsError) as caught:
        load_settings(*args, **kwargs)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_settings_toml_says_the_defaults():
    cls = full_class()
    assert load_settings(SETTINGS_FILE, cls=cls) == cls()


def test_every_key_of_settings_toml_has_a_field_and_every_field_a_key():
    written = tomllib.loads(SETTINGS_FILE.read_text("utf-8"))
    fields = {
        section: set(field.annotation.model_fields)
        for section, field in full_class().model_fields.items()
    }
    assert {section: set(table) for section, table in written.items()} == fields


def test_every_key_has_a_comment_and_the_code_has_the_same():
    in_code, in_toml = comments_in_code(), comments_in_toml()
    classes = {name: f.annotation.__name__ for name, f in full_class().model_fields.items()}
    expected = {
        (section, key): in_code[cls, key]
        for section, cls in classes.items()
        for key in full_class().model_fields[section].annotation.model_fields
    }
    assert in_toml == expected
    assert [name for name, comment in in_toml.items() if not comment] == []


def test_without_a_file_the_repository_s_own_is_read(monkeypatch, tmp_path):
    monkeypatch.setattr(
        "awarenet.settings.loading.SETTINGS_FILE", write(tmp_path, "[sampling]\nframes = 7")
    )
    assert load_settings().sampling.frames == 7
    monkeypatch.setattr("awarenet.settings.loading.SETTINGS_FILE", tmp_path / "none.toml")
    assert load_settings() == Settings()


def test_command_line_wins_over_environment_over_file_over_default(tmp_path, monkeypatch):
    path = write(tmp_path, "[sampling]\nframes = 2\n[faces]\nmax_people = 2\nmin_face_px = 50")
    monkeypatch.setenv("AWARENET_FACES__MAX_PEOPLE", "3")
    monkeypatch.setenv("AWARENET_SAMPLING__FRAMES", "3")
    settings = load_settings(path, ["sampling.frames=4"])
    assert settings.sampling.frames == 4
    assert settings.faces.max_people == 3
    assert settings.faces.min_face_px == 50
    assert settings.faces.min_score == 0.8


@pytest.mark.parametrize(
    ("override", "section", "key", "value"),
    [
        ("model.source=hf-hub:owner/name@abc", "model", "source", "hf-hub:owner/name@abc"),
        ('runtime.device="cuda:1"', "runtime", "device", "cuda:1"),
        ("faces.min_score=1", "faces", "min_score", 1.0),
        ("explain.enabled=false", "explain", "enabled", False),
        ("limits.max_bytes=1_000", "limits", "max_bytes", 1000),
        ("app.temp_dir=", "app", "temp_dir", ""),
    ],
)
def test_an_override_is_written_as_in_toml_and_a_bare_word_is_a_string(
    override, section, key, value
):
    found = getattr(getattr(load_settings(overrides=[override]), section), key)
    assert found == value
    assert type(found) is type(value)


def test_an_unknown_key_names_file_section_and_the_nearest_name(tmp_path):
    path = write(tmp_path, "[faces]\nmin_scor = 0.5")
    assert complaint(path) == f"{path} [faces]: no setting 'min_scor'; did you mean 'min_score'?"


def test_an_unknown_section_offers_the_nearest_or_all(tmp_path):
    assert "no section 'face'; did you mean 'faces'?" in complaint(write(tmp_path, "[face]\na = 1"))
    assert "there are model, sampling" in complaint(write(tmp_path, "[qqq]\na = 1"))


def test_an_unknown_name_in_the_environment_names_the_variable(monkeypatch):
    monkeypatch.setenv("AWARENET_FACES__MIN_SCOR", "0.5")
    assert complaint().startswith("AWARENET_FACES__MIN_SCOR: no setting 'min_scor'; did you mean")


@pytest.mark.parametrize(
    ("override", "words"),
    [
        ("faces.min_score=2", "min_score = 2; expected less than or equal to 1"),
        ("faces.min_score=nan", "expected a finite number"),
        ('sampling.frames="32"', "expected a valid integer"),
        ("sampling.frames=true", "expected a valid integer"),
        ("sampling.frames=2.5", "expected a valid integer"),
        ("faces.detector=haar", "expected 'retinaface-mobilenet' or 'retinaface-resnet50'"),
        ("runtime.device=tpu", "device"),
        ("frames=3", "expected section.key=value"),
        ("sampling.frames", "expected section.key=value"),
    ],
)
def test_a_wrong_value_says_where_it_stands_and_what_was_expected(override, words):
    message = complaint(overrides=[override])
    assert message.startswith(f"--set {override}: ")
    assert words in message


def test_all_mistakes_are_told_at_once(tmp_path):
    message = complaint(write(tmp_path, "[faces]\nmin_scor = 1\n[sampling]\nframes = 0"))
    assert "min_scor" in message
    assert "frames = 0" in message


@pytest.mark.parametrize("section", TRAINER_SECTIONS)
def test_the_detector_skips_the_trainers_sections_of_a_file(tmp_path, section):
    assert load_settings(write(tmp_path, f"[{section}]\nwhatever = 1")) == Settings()


def test_an_override_of_a_trainers_section_is_told_not_swallowed():
    assert "only the trainer has [train]" in complaint(overrides=["train.epochs=1"])


def test_a_subclass_adds_sections_and_rules_with_lists_for_tuples(tmp_path):
    class TrainSettings(Section):
        split: tuple[float, float] = (0.5, 0.5)

    class Both(Settings):
        train: TrainSettings = TrainSettings()

    path = write(tmp_path, "[train]\nsplit = [0.9, 0.1]\n[sampling]\nframes = 5")
    settings = load_settings(path, cls=Both)
    assert (settings.train.split, settings.sampling.frames) == ((0.9, 0.1), 5)
    assert "no setting 'splt'; did you mean 'split'?" in complaint(
        overrides=["train.splt=1"], cls=Both
    )


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"[faces\n", "is not TOML"),
        (b"\xff\xfe", "is not TOML"),
        (b"frames = 3", "frames stands alone; expected it under a [section]"),
    ],
)
def test_a_file_that_is_no_settings_file_is_named(tmp_path, content, words):
    path = tmp_path / "odd.toml"
    path.write_bytes(content)
    message = complaint(path)
    assert str(path) in message
    assert words in message


def test_a_missing_file_is_named(tmp_path):
    assert complaint(tmp_path / "no.toml").startswith(f"cannot read {tmp_path / 'no.toml'}: ")


def test_settings_do_not_change():
    with pytest.raises(ValueError, match="frozen"):
        Settings().sampling.frames = 3


def test_a_bundle_is_looked_for_here_then_in_the_repository(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def at(source: str) -> str:
        return load_settings(overrides=[f"model.source={source}"]).model.location

    assert at("tests") == str(ROOT / "tests")
    (tmp_path / "tests").mkdir()
    assert at("tests") == "tests"
    assert at("nowhere/at-all") == "nowhere/at-all"
    assert at("hf-hub:owner/name") == "hf-hub:owner/name"
