"""The rules of the house, as far as a program can hold them: ARCHITECTURE.md, written as tests."""

import ast
import importlib.metadata
import os
import re
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
MAX_LINES = 300
ROWS = [  # a file imports only from above its own row
    {
        "errors",
        "_tvcompat",
        "odds",
        "segments",
        "methods",
        "atomic",
        "ahead",
        "allocator",
        "threads",
    }
    | {"confinement", "printable", "zero_gpu"},
    {"resampling"},
    {"settings", "hashing", "hub", "shots", "scoring", "combine", "quality", "nets", "blinks"}
    | {"damage", "competence"},
    {"media", "zoo", "faces", "report", "bounds", "photograph"},
    {"video", "tracks", "landmarks", "ensemble", "journal", "quantization", "inputs"},
    {"runtime", "stability", "provenance"},
    {"explain", "bundle", "cage"},
    {"evidence", "other_votes", "eyes"},
    {"stages"},
    {"summary"},
    {"pipeline"},
    {"analyses", "batch", "scan", "space", "words", "scratch"},
    {"answers"},
    {"view"},
    {"panels"},
    {"documents"},
    {"__init__", "__main__"},
]
BARRED = {  # folder -> top-level packages that its files may not import
    "awarenet": {"trainer", "app", "page", "gradio"},
    "trainer": {"app", "page", "gradio"},
    "page": {"trainer", "app"},
}
ONLY = {  # module -> the packages that it may import beside Python's own
    "odds": {"numpy"},
    "resampling": {"numpy", "awarenet.odds"},
    "scoring": {"numpy", "awarenet.errors", "awarenet.odds", "awarenet.resampling"},
    "bounds": {"numpy", "awarenet.odds", "awarenet.resampling", "awarenet.scoring"},
    "segments": {"numpy"},
    "competence": {"numpy"},
    "combine": {"torch", "awarenet.errors"},
    "nets": {"torch", "awarenet.errors", "awarenet.nets"},
}
# on ZeroGPU; before Python 3.11; on a cluster; for Content Credentials
OPTIONAL = {"spaces", "tomli", "ray", "c2pa"}
MACHINE_PATH = re.compile(r"""(?<![\w.~$}])/(?:home|Users|root|work|opt/aw)/\w|\b[A-Z]:\\Users""")


def python_files(*folders: str) -> list[Path]:
    """Python files under the folders, sorted."""
    return sorted(path for folder in folders for path in (ROOT / folder).rglob("*.py"))


def text_files() -> list[Path]:
    """The project's text files: not what is hidden (but .ci), nor what a run or an install made."""
    found = []
    for folder, folders, files in os.walk(ROOT):
        folders[:] = [
            child
            for child in folders
            if (child == ".ci" or not child.startswith("."))
            and child not in {"__pycache__", "runs", "data", "build", "dist"}
            and not child.endswith(".egg-info")
            and not (Path(folder) / child / "pyvenv.cfg").exists()
        ]
        found += [Path(folder) / file for file in files]
    return sorted(path for path in found if b"\0" not in path.read_bytes()[:8192])


def imports(path: Path) -> set[str]:
    """Dotted names that a file imports, anywhere in it; `from x import y` counts as x.y."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path.relative_to(ROOT)}: relative import"
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def part_of_package(path: Path) -> str:
    """Name by which ROWS calls a file of awarenet: its module, or its subpackage."""
    return path.relative_to(ROOT / "awarenet").parts[0].removesuffix(".py")


def row_of(part: str) -> int:
    """Row of a module, counted from the top."""
    rows = [number for number, row in enumerate(ROWS) if part in row]
    assert rows, f"awarenet/{part} has no row yet; give it one in {Path(__file__).name}"
    return rows[0]


def name(path: Path) -> str:
    """Path to show in a message."""
    return path.relative_to(ROOT).as_posix()


def front_matter() -> dict[str, str]:
    """Read README's YAML block, flat keys only."""
    block = (ROOT / "README.md").read_text("utf-8").split("---\n")[1]
    return dict(line.split(": ", 1) for line in block.splitlines() if ": " in line)


def test_a_file_imports_only_from_above_its_own_row():
    known = set().union(*ROWS)
    wrong = [
        f"{name(path)} imports {imported}"
        for path in python_files("awarenet")
        for imported in sorted(imports(path))
        for part in imported.split(".")[1:2]
        if imported.startswith("awarenet.")
        and part in known
        and part != part_of_package(path)  # networks share parts
        and row_of(part) >= row_of(part_of_package(path))
    ]
    assert not wrong


def test_every_module_of_the_package_has_one_row():
    parts = {part_of_package(path) for path in python_files("awarenet")}
    assert {part: row_of(part) for part in parts}
    assert sum(map(len, ROWS)) == len(set().union(*ROWS))


@pytest.mark.parametrize("folder", sorted(BARRED))
def test_imports_point_one_way(folder):
    wrong = [
        f"{name(path)} imports {imported}"
        for path in python_files(folder)
        for imported in sorted(imports(path))
        if imported.split(".")[0] in BARRED[folder]
    ]
    assert not wrong


@pytest.mark.parametrize("part", sorted(ONLY))
def test_the_pure_modules_stay_pure(part):
    allowed = ONLY[part] | set(sys.stdlib_module_names)
    wrong = [
        f"{name(path)} imports {imported}"
        for path in python_files("awarenet")
        if part_of_package(path) == part
        for imported in sorted(imports(path))
        if imported.split(".")[0] not in allowed
        and ".".join(imported.split(".")[:2]) not in allowed
    ]
    assert not wrong


def test_gradio_is_imported_by_the_page_alone():
    files = [path for path in ROOT.glob("*.py") if path.name != "app.py"]
    files += python_files("awarenet", "trainer", "benchmarks")  # and page/ is the other half
    wrong = [
        name(path) for path in files if {part.split(".")[0] for part in imports(path)} & {"gradio"}
    ]
    assert not wrong


def test_every_package_that_is_imported_is_asked_for():
    lines = (ROOT / "requirements.txt").read_text("utf-8").splitlines()
    asked = {re.match(r"[\w-]+", line)[0].lower() for line in lines if not line.startswith("#")}
    files = [*ROOT.glob("*.py"), *python_files("awarenet", "page", "trainer")]
    imported = {part.split(".")[0] for path in files for part in imports(path)}
    imported -= {*sys.stdlib_module_names, "awarenet", "page", "trainer", "app", *OPTIONAL}
    homes = importlib.metadata.packages_distributions()
    wrong = {
        package
        for package in imported
        if not {home.lower().replace("_", "-") for home in homes.get(package, [])} & asked
    }
    assert not wrong


def test_no_file_is_longer_than_a_person_reads_in_one_go():
    files = [*ROOT.glob("*.py"), *python_files("awarenet", "page", "trainer", "benchmarks")]
    lengths = {name(path): len(path.read_text("utf-8").splitlines()) for path in files}
    assert {file: lines for file, lines in lengths.items() if lines > MAX_LINES} == {}


def test_no_file_is_named_after_nothing():
    vague = {"utils", "common", "helpers", "core", "base", "manager", "misc"}
    parts = {part for path in python_files("awarenet", "trainer") for part in path.parts}
    assert not {part.removesuffix(".py") for part in parts} & vague


def test_no_file_names_a_folder_of_somebodys_machine():
    wrong = [
        f"{name(path)}:{number}: {line.strip()[:80]}"
        for path in text_files()
        for number, line in enumerate(path.read_text("utf-8", "replace").splitlines(), 1)
        if MACHINE_PATH.search(line)
    ]
    assert not wrong


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("/home" + "/ann/clips", True),
        ("see /root" + "/data", True),
        ("C:" + "\\Users\\ann", True),
        ("https://example.org/home/page", False),
        ("/usr/bin/chromium", False),
        ("~/work/clips", False),
    ],
)
def test_the_search_for_such_folders_finds_them_and_nothing_else(line, found):
    assert bool(MACHINE_PATH.search(line)) is found


def test_the_space_runs_the_gradio_that_requirements_pin():
    pins = re.findall(r"^gradio==(\S+)", (ROOT / "requirements.txt").read_text("utf-8"), re.M)
    assert pins == [front_matter()["sdk_version"]]


def test_the_spaces_description_fits_and_its_python_is_one_that_it_offers():
    block = front_matter()
    assert len(block["short_description"]) <= 60
    assert block["python_version"] == '"3.12"'
    assert block["app_file"] == "app.py"


def test_every_pinned_opencv_wheel_has_the_same_version():
    lines = (ROOT / "requirements.txt").read_text("utf-8")
    pins = re.findall(r"^opencv[\w-]*==(\S+)", lines, re.M)
    assert len(pins) == 3
    assert len(set(pins)) == 1
