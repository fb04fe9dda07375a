"""``wsegs export-model``: files say what the run says."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

FACE = Path(__file__).parents[2] / "examples" / "faces" / "astronaut.jpg"
EXAMPLE = Path(__file__).parents[2] / "examples" / "onnx_without_wsegs.py"
SMALL = ("--width", 0.05, "--size", "46x42")
STEPS = ("--batch-size", 8, "--max-steps", 2, "--precision", "32-true", "-j", 0, "--data", "data", "--force")

GROUPS = ("--groups", "groups.yaml")

# Recipe and options; "masks" is a mask store. Between them every kind of input, output and layer.
CASES = {
    "maps": ("attparsenet", "masks", "--width", 0.03, "--size", "46x42"),
    "spatial pyramid": ("sppnet", "masks", *SMALL),
    "boxes about points": ("bbox", "masks", *SMALL),
    "parser": ("parser", "masks", *SMALL, "--from-store"),
    "parser inside": ("ssg", "masks", *SMALL, "--parser", "runs/parser"),
    "groups": ("attributenet", "masks", "--width", 0.05, "--size", "60x60", "--no-trunks", *GROUPS),
    "number": ("agenet", "--width", 0.05, "--size", "60x60", "--no-trunks", "--labels", "age.csv", "--numbers", "age"),
    "ten patches of categories": ("lnet-objects", "--width", 0.05, "--labels", "class.csv", "--categories", "class"),
    "people, cells": ("anet-identity", "--width", 0.1, "--size", "47x39", "--landmarks", "landmarks.h5"),
    "parts of a face": ("panda", "masks", "--width", 0.1, "--size", "64x56", "--folds", 2),
    "regions": ("region-probe", "masks", "--folds", 2),
}

SIZES = ("whole", "small")

pytestmark = pytest.mark.slow


@pytest.fixture
def here(masks, astronaut_landmarks):
    """A data set with labels of every kind, and the work of the stage before."""
    from wsegs.landmarks.table import write_landmarks
    from wsegs.store import MaskStore

    images = [line.split(",")[0] for line in Path("data/labels.csv").read_text().splitlines()[1:]]
    for name, values in (("age", range(20, 60)), ("class", ["cat", "dog"] * 20)):
        rows = [f"{image},{value}" for image, value in zip(images, values, strict=False)]
        Path(f"{name}.csv").write_text("\n".join([f"image,{name}", *rows]) + "\n")
    Path("groups.yaml").write_text("Mouth: [Smiling]\nRest: [Eyeglasses, Male]\n")
    store = MaskStore(masks)
    from tests.training.tiny import write_faces

    table = write_faces(Path("again"), astronaut_landmarks)
    assert table.images == store.images
    write_landmarks(Path("landmarks.h5"), table)
    return masks


def _train(run, case: str) -> str:
    recipe, *options = CASES[case]
    if "--parser" in options:
        _train(run, "parser")
    given = [option for option in options if option != "masks"]
    source = ["masks.h5"] if "masks" in options else []
    if recipe == "region-probe":
        given += ["--data", "data", "-j", 1]
    else:
        given += STEPS
    done = run("train", recipe, *source, *given, "-o", f"runs/{recipe}")
    assert done.code == 0, done.err
    return f"runs/{recipe}"


def _numbers(said, prefix: str = "") -> dict[str, float]:
    if isinstance(said, dict):
        return {
            key: value for name, inner in said.items() for key, value in _numbers(inner, f"{prefix}/{name}").items()
        }
    return {prefix: said} if isinstance(said, (int, float)) else {}


@pytest.mark.parametrize("case", CASES)
def test_an_onnx_file_predicts_what_the_run_does(run, here, case: str) -> None:
    folder = _train(run, case)
    done = run("export-model", folder, "-o", "model.onnx")
    assert done.code == 0, done.err
    assert "differs from torch by" in done.out
    said = []
    for source in (folder, "model.onnx"):
        done = run("predict", source, FACE, "data/faces/004.png", "--json")
        assert done.code == 0, done.err
        said.append(json.loads(done.out)["images"])
    for ours, theirs in zip(*said, strict=True):
        numbers, others = _numbers(ours), _numbers(theirs)
        assert numbers
        assert others.keys() == numbers.keys()
        assert [others[name] for name in numbers] == pytest.approx(list(numbers.values()), abs=1e-4, rel=1e-4)
        assert ours.get("present") == theirs.get("present")


def test_the_card_says_what_another_program_needs(run, here) -> None:
    import onnxruntime

    folder = _train(run, "maps")
    assert run("export-model", folder, "-o", "model.onnx").code == 0
    session = onnxruntime.InferenceSession("model.onnx", providers=["CPUExecutionProvider"])
    card = json.loads(session.get_modelmeta().custom_metadata_map["wsegs"])
    assert [entry["name"] for entry in card["inputs"]] == ["images"]
    assert card["inputs"][0]["shape"] == ["batch", 3, 46, 42]
    assert card["inputs"][0]["dtype"] == "uint8"
    assert [entry["name"] for entry in card["outputs"]] == ["attributes", "maps"]
    assert [attribute["name"] for attribute in card["attributes"]] == ["Smiling", "Eyeglasses", "Male"]
    assert any("non-commercial" in licence for licence in card["licences"])
    assert str(Path.cwd()) not in json.dumps(card)  # nothing of this machine's folders
    images = np.zeros((3, 3, 46, 42), np.uint8)
    logits, maps = session.run(None, {"images": images})
    assert logits.shape == (3, 3)
    assert list(maps.shape[1:]) == card["outputs"][1]["shape"][1:]


def test_the_example_needs_no_wsegs(run, here) -> None:
    folder = _train(run, "spatial pyramid")
    assert run("export-model", folder, "-o", "model.onnx").code == 0
    line = [sys.executable, "-c", f"import sys; sys.modules['wsegs'] = None; exec(open({str(EXAMPLE)!r}).read())"]
    done = subprocess.run([*line, "model.onnx", str(FACE)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert {row.split()[0] for row in done.stdout.splitlines()} == {"Smiling", "Eyeglasses", "Male"}


def test_files_of_torch_and_safetensors_are_the_run(run, here) -> None:
    from safetensors.torch import load_file

    from wsegs.evaluation.runs import load_run
    from wsegs.model_export.module import ExportedNetwork

    folder = _train(run, "boxes about points")
    exported = ExportedNetwork(load_run(folder)).eval()
    assert run("export-model", folder, "--format", "torch").code == 0
    extra = {"card": ""}
    program = torch.export.load("bbox.pt2", extra_files=extra).module()
    example = exported.example(4)
    torch.testing.assert_close(program(*example), exported(*example))
    assert [entry["name"] for entry in json.loads(extra["card"])["inputs"]] == ["images", "points"]
    assert run("export-model", folder, "--format", "safetensors").code == 0
    weights = load_file("bbox.safetensors")
    assert weights.keys() == exported.state_dict().keys()
    assert all(torch.equal(values, weights[name]) for name, values in exported.state_dict().items())
    assert json.loads(Path("bbox.json").read_text())["attributes"][0]["name"] == "Smiling"


def test_eight_bits_are_near_and_small(run, here) -> None:
    import onnxruntime

    folder = _train(run, "maps")
    assert run("export-model", folder, "-o", "whole.onnx").code == 0
    done = run("export-model", folder, "--int8", 5, "-o", "small.onnx")
    assert done.code == 0, done.err
    assert "int8, ranges of 5 images" in done.out
    images = np.random.default_rng(0).integers(0, 256, (2, 3, 46, 42)).astype(np.uint8)
    whole, small = (
        onnxruntime.InferenceSession(name, providers=["CPUExecutionProvider"]).run(["attributes"], {"images": images})[
            0
        ]
        for name in ("whole.onnx", "small.onnx")
    )
    assert np.abs(whole - small).max() < 0.3
    assert not np.array_equal(whole, small)
    assert run("predict", "small.onnx", FACE).code == 0


def test_mistakes_are_one_line(run, here, tmp_path) -> None:
    folder = _train(run, "spatial pyramid")
    Path("noise.onnx").write_bytes(b"noise")
    Path("taken.onnx").write_bytes(b"mine")
    for arguments, message in (
        (("export-model", "nothing"), "nothing: no such run"),
        (("export-model", folder, "--format", "torch", "--int8", 3), "--int8: expected --format onnx, got torch"),
        (("export-model", folder, "-o", "taken.onnx"), "taken.onnx: "),
        (("predict", "noise.onnx", FACE), "noise.onnx: expected an ONNX file, but onnxruntime cannot open it"),
        (("predict", "absent.onnx", FACE), "absent.onnx: no such run"),
    ):
        done = run(*arguments)
        assert done.code == 1, arguments
        assert message in done.err
        assert "Traceback" not in done.err
    assert Path("taken.onnx").read_bytes() == b"mine"
    assert run("export-model", folder, "-o", "model.onnx").code == 0
    done = run("evaluate", "model.onnx")
    assert done.code == 1
    assert "a file of a run does not say where images are; expected --data or --masks" in done.err
    assert run("evaluate", "model.onnx", "--data", "data", "--split", "all", "-j", 1, "-o", "scores").code == 0
    assert run("evaluate", "model.onnx", "--data", "data", "--split", "all", "-j", 1).code == 0
    assert Path("model-evaluation-folder-all/metrics.csv").is_file()


def test_what_scikit_image_computes_is_refused(run, here) -> None:
    done = run("train", "facetracer", "masks.h5", "--data", "data", "--folds", 2, "-j", 1)
    assert done.code == 0, done.err
    done = run("export-model", "runs/facetracer")
    assert done.code == 1
    assert "computes its features by scikit-image, which cannot be exported" in done.err
