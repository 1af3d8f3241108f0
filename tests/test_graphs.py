"""Networks translated for OpenVINO: once each, kept on disk, and telling nobody."""

import subprocess
import sys

import numpy as np
import pytest
import torch

from awarenet.runtime import Runtime, graphs, openvino_engine
from awarenet.zoo import SPECS, create_model
from tests.tiny_ensemble import FAMILIES, random_crops, tiny_ensemble


@pytest.fixture
def home(tmp_path, monkeypatch):
    """Keep graphs in a folder of the test's own, and none in memory from before."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(graphs, "_in_memory", {})
    return tmp_path / "awarenet" / "graphs"


def test_members_built_alike_share_one_translation_which_the_next_start_finds(home, monkeypatch):
    made = []
    translate = graphs._translate
    monkeypatch.setattr(
        graphs, "_translate", lambda network, *rest: made.append(1) or translate(network, *rest)
    )
    crops, ensemble = random_crops(2), tiny_ensemble(3)
    first = Runtime(ensemble, "cpu", "float32").logits(crops)
    assert len(made) == len(FAMILIES)
    assert len(list(home.glob("*.xml"))) == len(list(home.glob("*.bin"))) == len(FAMILIES)
    assert {path.suffix for path in home.iterdir()} == {".xml", ".bin"}
    graphs._in_memory.clear()
    np.testing.assert_array_equal(Runtime(ensemble, "cpu", "float32").logits(crops), first)
    assert len(made) == len(FAMILIES)


def test_a_broken_graph_on_disk_is_made_anew(home):
    crops, ensemble = random_crops(2), tiny_ensemble(1)
    first = Runtime(ensemble, "cpu", "float32").logits(crops)
    for path in home.glob("*.xml"):
        path.write_bytes(path.read_bytes()[:500])
    graphs._in_memory.clear()
    np.testing.assert_array_equal(Runtime(ensemble, "cpu", "float32").logits(crops), first)


def test_graphs_that_were_not_used_for_long_are_deleted(home, monkeypatch):
    monkeypatch.setattr(graphs, "KEPT", 2)
    Runtime(tiny_ensemble(1), "cpu", "float32").warm_up()  # three families
    assert len(list(home.glob("*.xml"))) == len(list(home.glob("*.bin"))) == 2


def test_a_folder_that_cannot_be_written_only_costs_time(home):
    home.parent.mkdir(parents=True)
    home.write_text("a file where the folder should be")
    assert Runtime(tiny_ensemble(1), "cpu", engine="openvino").warm_up().name == "openvino"


def test_every_network_of_the_zoo_is_translated_and_says_the_same():
    core = graphs.import_openvino().Core()
    for family in sorted(SPECS):
        spec = SPECS[family]
        if spec.side > 230 or family in {"ictu_oculi", "res2net101", "efficientnet_b7"}:
            continue  # large ones: benchmarks/ensemble.py runs them
        torch.manual_seed(0)
        network = create_model(family).eval()
        images = torch.randn(2, 3, spec.side, spec.side)
        graph = graphs.member_graph(network, spec.cam_layer, spec.side)
        request = core.compile_model(graph, "CPU", openvino_engine.options(torch.float32, 1))
        with torch.no_grad():
            expected = network(images).numpy()
        np.testing.assert_allclose(request([images.numpy()])[0], expected, atol=1e-3)


def test_openvino_is_imported_without_what_reports_to_its_maker(tmp_path):
    code = (
        "import socket, sys\n"
        "socket.socket.connect = lambda *a: sys.exit('it connects')\n"
        "from awarenet.runtime.graphs import import_openvino\n"
        "import_openvino()\n"
        "assert not sys.modules.get('openvino_telemetry')\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={"HOME": str(tmp_path), "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert not list(tmp_path.rglob("*"))  # it writes an identifier there otherwise
