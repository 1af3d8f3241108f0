"""The folder of a Space holds what the page needs to run, and nothing else."""

import os
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest
from huggingface_hub import RepoCard

from awarenet.errors import SettingsError
from awarenet.settings import Settings, load_settings
from awarenet.space import write_space

ROOT = Path(__file__).resolve().parent.parent
COLORS = {"red", "yellow", "green", "blue", "indigo", "purple", "pink", "gray"}
HUB = "hf-hub:someone/aware-net"


def naming(source: str) -> Settings:
    return Settings.model_validate({"model": {"source": source}})


@pytest.fixture(scope="module")
def space(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("spaces") / "space"
    write_space(folder)
    return folder


def files(folder: Path) -> list[str]:
    return sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file())


def block(folder: Path) -> dict:
    return RepoCard.load(folder / "README.md", ignore_metadata_errors=False).data.to_dict()


def test_it_holds_what_the_page_reads_and_nothing_else(space, tmp_path):
    found = files(space)
    assert found == write_space(tmp_path / "again")
    tops = {name.partition("/")[0] for name in found}
    expected = {"app.py", "awarenet", "assets", "requirements.txt", "settings.toml", "LICENSE"}
    assert tops - {"page"} == expected | {"README.md", ".gitattributes"}
    assert {name.split("/")[1] for name in found if name.startswith("assets/")} >= {
        "demo", "examples", "faces", "icon.svg", "page.css"
    }  # fmt: skip
    assert not [name for name in found if re.search(r"screenshots|__pycache__|\.pyc$|/\.", name)]
    for name in ("app.py", "requirements.txt", "LICENSE", "assets/demo/config.json"):
        assert (space / name).read_bytes() == (ROOT / name).read_bytes()


def test_every_file_of_the_package_is_there(space):
    wanted = {path.relative_to(ROOT).as_posix() for path in (ROOT / "awarenet").rglob("*.py")}
    assert wanted <= set(files(space))


def test_a_space_is_small_enough_to_be_built_quickly(space):
    assert sum((space / name).stat().st_size for name in files(space)) < 40e6


def test_the_front_matter_is_one_that_a_space_accepts(space):
    found = block(space)
    assert found["sdk"] == "gradio"
    pin = re.search(r"^gradio==(\S+)", (space / "requirements.txt").read_text(), re.M)[1]
    assert found["sdk_version"] == pin
    assert found["python_version"] == "3.12"
    assert isinstance(found["python_version"], str), "unquoted, 3.10 would become 3.1"
    assert len(found["short_description"]) <= 60
    assert {found["colorFrom"], found["colorTo"]} <= COLORS
    assert (space / found["app_file"]).is_file()
    assert found["title"] and found["license"] == "mit"
    assert len(found["emoji"]) == 1
    assert not {"models", "preload_from_hub", "hardware"} & set(found)


def test_large_files_are_marked_for_the_hub(space):
    marked = (space / ".gitattributes").read_text()
    for name in files(space):
        if (space / name).stat().st_size > 10e6 or b"\0" in (space / name).read_bytes()[:8000]:
            assert f"*{Path(name).suffix} filter=lfs" in marked, name


def test_its_settings_are_the_projects_without_the_trainers(space):
    found = re.findall(r"^\[([\w.-]+)\]", (space / "settings.toml").read_text(), re.M)
    assert sorted(found) == sorted(Settings.model_fields)
    assert load_settings(space / "settings.toml") == load_settings(ROOT / "settings.toml")
    assert "python -m trainer" not in (space / "settings.toml").read_text()


def test_a_bundle_on_the_hub_is_named_and_none_is_copied(tmp_path):
    written = write_space(tmp_path, naming(HUB))
    assert block(tmp_path)["models"] == block(tmp_path)["preload_from_hub"] == ["someone/aware-net"]
    assert load_settings(tmp_path / "settings.toml").model.source == HUB
    assert not [name for name in written if name.endswith(".safetensors")]


def test_a_commit_on_the_hub_stays_named(tmp_path):
    write_space(tmp_path, naming(f"{HUB}@abc123"))
    assert load_settings(tmp_path / "settings.toml").model.source == f"{HUB}@abc123"
    assert block(tmp_path)["models"] == ["someone/aware-net"]
    assert "preload_from_hub" not in block(tmp_path)


def test_a_bundle_of_ones_own_is_copied(bundle, tmp_path):
    mine = bundle.rename(tmp_path / "mine")
    written = write_space(tmp_path / "space", naming(str(mine)))
    assert load_settings(tmp_path / "space" / "settings.toml").model.source == "assets/mine"
    copied = [name.removeprefix("assets/mine/") for name in written if "/mine/" in name]
    assert copied == files(mine)
    assert not [name for name in written if name.startswith("assets/demo/")]


@pytest.mark.parametrize("name", ["examples", "missing"])
def test_a_model_that_is_no_bundle_is_refused_before_anything_is_written(bundle, tmp_path, name):
    if name == "examples":  # a name that the Space needs itself
        bundle.rename(tmp_path / name)
    with pytest.raises(SettingsError, match=name):
        write_space(tmp_path / "space", naming(str(tmp_path / name)))
    assert not (tmp_path / "space").exists()


def test_it_is_written_again_over_itself_and_other_files_stay(space, tmp_path):
    again = Path(shutil.copytree(space, tmp_path / "space"))
    (again / "awarenet" / "old.py").write_text("gone in this version")
    (again / "packages.txt").write_text("ffmpeg")
    (again / ".git").mkdir()
    (again / ".git" / "config").write_text("theirs")
    write_space(again)
    assert files(again) == sorted([*files(space), ".git/config", "packages.txt"])
    assert (again / ".git" / "config").read_text() == "theirs"


def test_a_new_space_as_it_is_cloned_may_be_filled(tmp_path):
    (tmp_path / ".git").mkdir()
    (tmp_path / ".gitattributes").write_text("*.bin filter=lfs")
    (tmp_path / "README.md").write_text("---\ntitle: new\n---\n")
    assert "app.py" in write_space(tmp_path)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda place: (place / "thesis.tex").write_text("years of work"), r"thesis\.tex"),
        (lambda place: place.rmdir() or place.write_text("a file"), "is a file"),
    ],
)
def test_a_folder_of_somebody_elses_is_refused(tmp_path, make, words):
    place = tmp_path / "place"
    place.mkdir()
    make(place)
    with pytest.raises(SettingsError, match=words):
        write_space(place)
    assert len(list(tmp_path.rglob("*"))) <= 2


@pytest.mark.parametrize("place", [ROOT, ROOT.parent, ROOT / "assets", ROOT / "awarenet" / "new"])
def test_the_project_itself_is_refused(place):
    with pytest.raises(SettingsError):
        write_space(place)
    assert not (ROOT / "awarenet" / "new").exists()


def isolated(space: Path, code: str, **environment: str) -> subprocess.Popen:
    """Run Python in the Space's folder, where nothing but its own files can be imported."""
    # -E and -s: no variables and no packages of the user's; -B: nothing is written by Python. An
    # awarenet that was installed comes behind the folder itself
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "TMPDIR") if name in os.environ}
    return subprocess.Popen(
        [sys.executable, "-E", "-s", "-B", *code.split(" ", 1)], cwd=space, text=True,
        env={**kept, "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1", **environment},
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip


def test_it_imports_its_own_package_and_not_the_projects(space):
    code = "-c import awarenet, awarenet.settings; print(awarenet.__file__, awarenet.settings.ROOT)"
    process = isolated(space, code)
    output, _ = process.communicate(timeout=60)
    assert output.split() == [str(space / "awarenet" / "__init__.py"), str(space)], output


@pytest.mark.slow
def test_the_page_starts_there_and_answers(space, tmp_path):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    # as a Space says where to listen
    process = isolated(
        space, "app.py", GRADIO_SERVER_NAME="127.0.0.1", GRADIO_SERVER_PORT=str(port),
        HOME=str(tmp_path),
    )  # fmt: skip
    try:
        page, end = b"", time.monotonic() + 120
        while not page and process.poll() is None and time.monotonic() < end:
            time.sleep(0.3)
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=10) as answer:
                    page = answer.read()
            except OSError:
                continue
        assert b"AWARE-NET" in page, process.poll()
    finally:
        process.terminate()
        output, _ = process.communicate(timeout=120)
    assert "Traceback" not in output, output
    assert files(space) == write_space(tmp_path / "fresh"), "the page wrote into its own folder"
