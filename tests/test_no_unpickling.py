"""No file can become code: what would unpickle or evaluate one is nowhere called, but as listed."""

import ast
from collections import Counter
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
# what runs what it reads, or may; by the name that it is called with, without its package
UNPICKLES = {
    "pickle": {"load", "loads", "Unpickler"},
    "cPickle": {"load", "loads", "Unpickler"},
    "dill": {"load", "loads"},
    "cloudpickle": {"load", "loads"},
    "joblib": {"load"},
    "marshal": {"load", "loads"},
    "shelve": {"open"},
    "yaml": {"load", "load_all", "unsafe_load", "full_load", "unsafe_load_all", "full_load_all"},
    "pandas": {"read_pickle"},
    "pd": {"read_pickle"},
    "hub": {"load", "load_state_dict_from_url"},  # torch.hub
    "jit": {"load"},  # torch.jit
    "package": {"PackageImporter"},  # torch.package
    "os": {"system", "popen"},
    "runpy": {"run_path", "run_module"},
    "code": {"interact", "InteractiveInterpreter"},
    "imp": {"load_source"},
}
BUILTINS = {"eval", "exec", "compile", "__import__"}
MODULES = {"pickle", "cPickle", "dill", "cloudpickle", "joblib", "marshal", "shelve", "yaml"}
# file -> what is in it, how often, and why nothing from outside gets there
ALLOWED = {
    # a pipe between processes of one run unpickles what the other sends: an error of ours is tried
    # for whether it survives that, in the process that made it
    "trainer/extraction/pool.py": Counter({"import pickle": 1, "pickle.loads": 1}),
    # names the error that torch.load(weights_only=True) raises for what it does not unpickle
    "trainer/training/checkpoints.py": Counter({"import pickle": 1}),
}


def dotted(node: ast.expr) -> str:
    """Name under which something is called; what is no name in it is a question mark."""
    parts = []
    while isinstance(node, ast.Attribute):
        parts.insert(0, node.attr)
        node = node.value
    return ".".join([node.id if isinstance(node, ast.Name) else "?", *parts])


def argument(call: ast.Call, name: str) -> object:
    """Value of a keyword; None where it is not given, ... where it is no constant."""
    for keyword in call.keywords:
        if keyword.arg == name:
            return keyword.value.value if isinstance(keyword.value, ast.Constant) else ...
    return None


def code() -> list[Path]:
    folders = ("awarenet", "page", "trainer", "fuzz", "supply")
    return [*ROOT.glob("*.py"), *(p for folder in folders for p in (ROOT / folder).rglob("*.py"))]


def findings(text: str) -> Counter[str]:
    """Say what in a file's code could make code of what is read."""
    found: Counter[str] = Counter()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import | ast.ImportFrom):
            names = [alias.name for alias in node.names]
            names = [node.module or ""] if isinstance(node, ast.ImportFrom) else names
            found.update(f"import {name}" for name in names if name.split(".")[0] in MODULES)
        if not isinstance(node, ast.Call):
            continue
        name = dotted(node.func)
        owner, _, last = name.rpartition(".")
        owner = owner.rpartition(".")[2]
        if last in UNPICKLES.get(owner, ()) or (not owner and last in BUILTINS):
            found[name] += 1
        if name == "torch.load" and argument(node, "weights_only") is not True:
            found[f"{name} without weights_only=True"] += 1
        if argument(node, "allow_pickle") not in (None, False):
            found[f"{name} with allow_pickle"] += 1
        if last == "read_array" and argument(node, "allow_pickle") is not False:
            found[f"{name} without allow_pickle=False"] += 1
        if (
            owner in ("np", "numpy")
            and last == "load"
            and None in {each.arg for each in node.keywords}
        ):
            found[f"{name} with what nobody sees"] += 1
        if argument(node, "shell") not in (None, False):
            found[f"{name} with a shell"] += 1
        if argument(node, "trust_remote_code") not in (None, False):
            found[f"{name} with remote code"] += 1
    return found


def test_nothing_that_is_read_becomes_code():
    found = {
        path.relative_to(ROOT).as_posix(): findings(path.read_text("utf-8")) for path in code()
    }
    assert len(found) > 200
    assert {name: each for name, each in found.items() if each} == ALLOWED


@pytest.mark.parametrize(
    "line",
    [
        "import pickle",
        "from pickle import loads",
        "pickle.load(file)",
        "pickle.Unpickler(file).load()",
        "torch.load(path)",
        "torch.load(path, weights_only=False)",
        "torch.load(path, weights_only=flag)",
        "torch.load(path, **given)",
        "np.load(path, allow_pickle=True)",
        "numpy.load(path, **given)",
        "np.lib.format.read_array(file)",
        "joblib.load(path)",
        "yaml.load(text)",
        "marshal.loads(content)",
        "shelve.open(path)",
        "pd.read_pickle(path)",
        "eval(text)",
        "exec(text)",
        "__import__(name)",
        "torch.hub.load(repo)",
        "torch.jit.load(path)",
        "subprocess.run(text, shell=True)",
        "os.system(text)",
        "AutoModel.from_pretrained(name, trust_remote_code=True)",
    ],
)
def test_the_search_finds_it(line):
    assert findings(line)


@pytest.mark.parametrize(
    "line",
    [
        "torch.load(path, weights_only=True)",
        "np.load(path)",
        "np.load(path, allow_pickle=False)",
        "network.eval()",
        "Network(4).eval()",
        "re.compile(text)",
        "json.loads(text)",
        "torch.compile(network)",
        "subprocess.run([command])",
        "network.load_state_dict(state)",
    ],
)
def test_the_search_lets_other_calls_be(line):
    assert not findings(line)
