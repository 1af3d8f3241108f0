"""How far a face lies from the training data: distances by hand, features of the same pass."""

import json
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest
from safetensors.numpy import load_file, save_file
from sklearn.decomposition import PCA
from sklearn.neighbors import NearestNeighbors
from tiny_bundle import golden_crops, refusal, save, sha256, tiny_ensemble

from awarenet.bundle import load_bundle
from awarenet.bundle.config import COMPETENCE_FILE
from awarenet.bundle.files import bundle_contents
from awarenet.competence import NEIGHBORS, Competence, FamilyView, describe_faces
from awarenet.errors import Canceled
from awarenet.faces import create_face_finder, crop_face
from awarenet.runtime import Runtime
from awarenet.settings import FaceSettings

ROOT = Path(__file__).resolve().parent.parent
FAMILIES = ("test_resnet", "mobilenet_v2")


def random_features(count: int, seed: int = 0) -> dict[str, np.ndarray]:
    """Features of two families, the second one louder and with a channel that never changes."""
    rng = np.random.default_rng(seed)
    second = (40 * rng.normal(3, 1, (count, 4)) * [1, 2, 3, 0]).astype(np.float32)
    return {"first": rng.normal(0, 1, (count, 6)).astype(np.float32), "second": second}


def known_to(ensemble, crops: np.ndarray) -> Competence:
    """What an ensemble knows that learned from these crops."""
    views, points = describe_faces(Runtime(ensemble, "cpu").observe(crops).features, 3)
    return Competence(views, points, 0.5, "crops of noise")


@pytest.fixture(scope="module")
def knowing(tmp_path_factory) -> Path:
    """The tiny bundle with what it knows; not to be altered."""
    folder = tmp_path_factory.mktemp("bundles") / "knowing"
    ensemble = tiny_ensemble()
    save(folder, ensemble, competence=known_to(ensemble, golden_crops(8)))
    return folder


@pytest.fixture
def broken(knowing, tmp_path):
    """A copy of it to break, and how: arrays are changed, and the hash made to fit."""
    folder = Path(shutil.copytree(knowing, tmp_path / "bundle"))
    path = folder / COMPETENCE_FILE

    def change(name: str, array: np.ndarray | None) -> Path:
        arrays = {**load_file(path), name: array}
        save_file({key: value for key, value in arrays.items() if value is not None}, path)
        config = json.loads((folder / "config.json").read_text("utf-8"))
        config["competence"]["sha256"] = sha256(path)
        (folder / "config.json").write_text(json.dumps(config), "utf-8")
        return folder

    return change


def test_the_distance_is_the_mean_of_those_to_the_nearest_five_worked_out_by_hand():
    view = FamilyView(np.float32([1, 0]), np.float32([2, 1]), np.float32([[1], [3]]))
    points = np.float16([[0], [1], [2], [3], [4], [100]])
    known = Competence({"only": view}, points, 1.0, "")
    features = {"only": np.float32([[1, 0], [7, 1]])}  # ((7 - 1) / 2) * 1 + 1 * 3 = 6
    np.testing.assert_allclose(known.coordinates(features), [[0], [6]])
    assert known.distances(features).tolist() == [2.0, 4.0]  # of 0 1 2 3 4 and of 6 5 4 3 2


def test_families_add_up_and_their_coordinates_are_those_of_scikit_learn():
    faces, asked = random_features(60), random_features(9, seed=1)
    views, points = describe_faces(faces, 5)
    known = Competence(views, points, 1.0, "")

    def standard(features):
        parts = []
        for family, own in features.items():
            deviation = faces[family].std(axis=0)
            deviation[deviation == 0] = 1
            parts.append((own - faces[family].mean(axis=0)) / deviation / own.shape[1] ** 0.5)
        return np.concatenate(parts, axis=1)

    expected = PCA(5).fit(standard(faces))
    found = known.coordinates(asked)
    np.testing.assert_allclose(
        np.abs(found), np.abs(expected.transform(standard(asked))), atol=1e-4
    )
    nearest = NearestNeighbors(n_neighbors=NEIGHBORS).fit(points.astype(float))
    np.testing.assert_allclose(
        known.distances(asked), nearest.kneighbors(found)[0].mean(axis=1), atol=1e-6
    )


def test_fewer_faces_than_axes_are_enough():
    views, points = describe_faces(random_features(6), 64)
    assert points.shape == (6, 6)
    assert np.isfinite(Competence(views, points, 1.0, "").distances(random_features(2))).all()


def test_a_family_of_loud_features_counts_no_more_than_another():
    faces = random_features(200)
    quiet = {**faces, "second": faces["second"] / 1000}
    views, points = describe_faces(faces, 8)
    loud = Competence(views, points, 1.0, "").distances(faces)
    views, points = describe_faces(quiet, 8)
    np.testing.assert_allclose(Competence(views, points, 1.0, "").distances(quiet), loud, rtol=0.01)


@pytest.mark.parametrize(
    "features",
    [
        {"first": np.zeros((2, 6))},
        {"first": np.zeros((2, 6)), "second": np.zeros((2, 5))},
        {"first": np.zeros((2, 6)), "second": np.zeros(4)},
    ],
)
def test_features_of_other_networks_are_refused(features):
    views, points = describe_faces(random_features(20), 4)
    with pytest.raises(ValueError, match="expected"):
        Competence(views, points, 1.0, "").distances(features)


def test_no_hook_stays_behind_whether_scoring_ends_or_breaks_off():
    runtime = Runtime(tiny_ensemble(), "cpu", "float32", 1, engine="torch")

    engine = runtime.warm_up()  # which runs folded copies

    def hooks() -> int:
        networks = [runtime.ensemble, *(each for own in engine._networks.values() for each in own)]
        return sum(len(part._forward_hooks) for each in networks for part in each.modules())

    before, asked = hooks(), []
    runtime.observe(golden_crops(2))
    with pytest.raises(Canceled):
        runtime.observe(golden_crops(3), should_stop=lambda: asked.append(0) or len(asked) > 1)
    engine._networks["mobilenet_v2"][1].forward = lambda images: 1 / 0
    with pytest.raises(ZeroDivisionError):
        runtime.observe(golden_crops(2))
    assert hooks() == before


def test_there_must_be_a_crop_to_observe():
    with pytest.raises(ValueError, match="no crops"):
        Runtime(tiny_ensemble(), "cpu").observe(golden_crops(2)[:0])


def test_a_bundle_keeps_what_it_knows(knowing):
    found = load_bundle(knowing)
    assert found.config.competence.limit == found.competence.limit == 0.5
    assert found.competence.fitted_on == "crops of noise"
    assert COMPETENCE_FILE in bundle_contents(found.config)
    features = Runtime(found.ensemble, "cpu").observe(golden_crops(8)).features
    expected = known_to(tiny_ensemble(), golden_crops(8))
    assert found.competence.points.shape == (8, 3)
    np.testing.assert_allclose(found.competence.points, expected.points, atol=1e-2)
    assert found.competence.distances(features).max() < 5


def test_a_bundle_without_it_loads_and_says_so(saved):
    found = load_bundle(saved)
    assert found.competence is None
    assert COMPETENCE_FILE not in bundle_contents(found.config)


def test_a_flipped_byte_is_refused(broken):
    folder = broken("points", np.zeros((8, 3), np.float16))
    path = folder / COMPETENCE_FILE
    content = bytearray(path.read_bytes())
    content[-3] ^= 1
    path.write_bytes(content)
    assert f"{path} was altered" in refusal(folder)
    path.unlink()
    assert f"{path} is missing" in refusal(folder)


@pytest.mark.parametrize(
    ("name", "array", "words"),
    [
        ("points", None, "array 'points' is missing"),
        ("more", np.zeros(2, np.float32), "array 'more' is unknown"),
        ("points", np.zeros((4, 3), np.float16), "R at least 5"),
        ("points", np.zeros((8, 2), np.float16), "mean, scale and axes"),
        ("points", np.zeros((8, 3), np.float32), "points is float32"),
        ("points", np.full((8, 3), np.inf, np.float16), "NaN or infinity"),
        ("test_resnet.scale", np.zeros(96, np.float32), "scale that is not above 0"),
        ("test_resnet.mean", np.zeros(7, np.float32), "test_resnet: mean, scale and axes"),
    ],
)
def test_arrays_that_do_not_fit_are_refused_though_the_hash_is_right(broken, name, array, words):
    folder = broken(name, array)
    message = refusal(folder)
    assert str(folder / COMPETENCE_FILE) in message
    assert words in message


def test_arrays_of_another_network_are_refused(broken):
    for part, shape in (("mean", (7,)), ("scale", (7,)), ("axes", (7, 3))):
        folder = broken(f"test_resnet.{part}", np.ones(shape, np.float32))
    assert "test_resnet: features (2, 96); expected (B, 7)" in refusal(folder)


def test_the_demo_knows_a_portrait_and_neither_noise_nor_a_drawing():
    demo = load_bundle(ROOT / "assets" / "demo")
    crop, finder = demo.config.crop, create_face_finder(FaceSettings())
    crops = []
    for name in ("astronaut.jpg", "hopper.jpg"):
        image = cv2.imread(str(ROOT / "tests" / "photos" / name), cv2.IMREAD_COLOR_RGB)
        face = max(finder.find(image), key=lambda found: found.side_px)
        crops.append(crop_face(image, face.box, margin=crop.margin, side=crop.side))
    noise = np.random.default_rng(0).integers(0, 256, crops[0].shape, np.uint8)
    drawn = np.full(crops[0].shape, 235, np.uint8)
    middle = crop.side // 2
    cv2.ellipse(drawn, (middle, middle), (60, 80), 0, 0, 360, (240, 200, 170), -1)
    for x in (middle - 25, middle + 25):
        cv2.circle(drawn, (x, middle - 20), 8, (30, 30, 60), -1)
    cv2.ellipse(drawn, (middle, middle + 30), (25, 10), 0, 0, 180, (190, 60, 60), 3)
    features = Runtime(demo.ensemble, "cpu").observe(np.stack([*crops, noise, drawn])).features
    outside = demo.competence.distances(features) > demo.competence.limit
    assert outside.tolist() == [False, False, True, True]
    size = (ROOT / "assets" / "demo" / COMPETENCE_FILE).stat().st_size
    assert size < 1_000_000
