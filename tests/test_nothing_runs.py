"""Nothing runs that came in a file: no call in the sources could do so."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

import wsegs

PACKAGE = Path(wsegs.__file__).parent
FORBIDDEN_IMPORTS = {"pickle", "_pickle", "marshal", "shelve", "dill", "cloudpickle", "yaml", "urllib", "requests"}
FORBIDDEN_CALLS = {"eval", "exec", "compile", "__import__", "os.system", "os.popen", "joblib.load", "torch.hub.load"}
# face-alignment's own reader of weights, with weights_only, raises this module's errors.
EXCEPTIONS = {("landmarks/detectors/face_alignment_detector.py", "pickle")}


def _problems(path: Path, source: str) -> list[str]:
    """Return the calls and imports of a module that could run what is in a file."""
    problems = []
    for node in ast.walk(ast.parse(source)):
        where = f"{path}:{getattr(node, 'lineno', 0)}"
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else [node.module or ""]
            bad = {name.split(".")[0] for name in names} & FORBIDDEN_IMPORTS
            problems += [f"{where}: imports {name}" for name in bad if (path.as_posix(), name) not in EXCEPTIONS]
        if isinstance(node, ast.Attribute) and ast.unparse(node.value) == "pickle" and node.attr != "UnpicklingError":
            problems.append(f"{where}: pickle.{node.attr}")
        if not isinstance(node, ast.Call):
            continue
        name = ast.unparse(node.func)
        given = {keyword.arg: ast.unparse(keyword.value) for keyword in node.keywords}
        if name in FORBIDDEN_CALLS:
            problems.append(f"{where}: {name}()")
        if name == "torch.load" and given.get("weights_only") != "True":
            problems.append(f"{where}: torch.load without weights_only=True")
        reads = name.endswith("load_from_checkpoint") or (name.endswith(".fit") and "ckpt_path" in given)
        if reads and given.get("weights_only") != "True":
            problems.append(f"{where}: {name} without weights_only=True")
        if given.get("allow_pickle", "False") != "False" or given.get("shell", "False") != "False":
            problems.append(f"{where}: {name} with allow_pickle or shell")
        if name == "YAML" and given.get("typ") not in ("'safe'", "'rt'"):
            problems.append(f"{where}: {name} of a type that makes objects")
    return problems


@pytest.mark.slow
def test_no_call_in_the_sources_runs_what_is_in_a_file():
    problems = []
    for path in PACKAGE.rglob("*.py"):
        problems += _problems(path.relative_to(PACKAGE), path.read_text(encoding="utf-8"))
    assert not problems


@pytest.mark.parametrize(
    "source",
    [
        "import pickle",
        "from yaml import load",
        "eval('1')",
        "import torch\ntorch.load(file)",
        "torch.load(file, weights_only=False)",
        "np.load(file, allow_pickle=True)",
        "subprocess.run(text, shell=True)",
        "YAML(typ='unsafe')",
        "trainer.fit(module, ckpt_path=path)",
        "__import__(name)",
    ],
)
def test_the_test_finds_what_it_looks_for(source):
    assert _problems(Path("module.py"), source)


@pytest.mark.slow
@pytest.mark.skipif(sys.version_info < (3, 11), reason="Python 3.10 cannot keep its processes from the folder")
def test_no_module_of_the_working_directory_is_imported(tmp_path, truth_folder):
    """In a folder of somebody's data may lie a ``numpy.py``, and worker processes look there first."""
    program = Path(sys.executable).with_name("wsegs")
    if not program.exists():
        pytest.skip("needs the installed command wsegs")
    for name in ("numpy", "joblib", "wsegs", "h5py", "json"):
        (tmp_path / f"{name}.py").write_text("open('came-in-a-file', 'w').close()\nraise SystemExit('taken')\n")
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    environment["PYTHONPATH"] = str(PACKAGE.parent)
    done = subprocess.run(
        [program, "masks", truth_folder / "landmarks.h5", "-o", "masks.h5", "-j", "2"],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert not (tmp_path / "came-in-a-file").exists()
