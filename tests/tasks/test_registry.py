from __future__ import annotations

import inspect
import subprocess
import sys

import pytest

from wsegs.errors import OptionError
from wsegs.nets import NetworkOutput
from wsegs.tasks import TASK_KINDS, TaskKind, build_task, register_task, task_kind
from wsegs.tasks.task import Task


@pytest.mark.parametrize("kind", TASK_KINDS)
def test_a_kind_says_what_its_class_is(kind) -> None:
    outputs = ("1", "2")
    task = build_task(kind, kind, outputs, {})
    assert isinstance(task, Task)
    assert task.reads == TASK_KINDS[kind].reads
    options = {field.alias or name for name, field in TASK_KINDS[kind].options.model_fields.items()}
    arguments = set(inspect.signature(type(task)).parameters) - {"name", "outputs"}
    assert options == arguments or arguments == {"source"}  # parsing: the options say where class maps come from
    assert (task.head_size() is not None) == TASK_KINDS[kind].has_head
    assert issubclass(NetworkOutput, tuple)


def test_an_unknown_kind_is_refused_with_the_nearest_name() -> None:
    with pytest.raises(OptionError, match=r"unknown task 'numbr'.*did you mean 'number'"):
        task_kind("numbr")


def test_a_name_is_registered_once(monkeypatch) -> None:
    with pytest.raises(ValueError, match="task 'number' is registered twice"):
        register_task(TaskKind("number", "elsewhere:Number", "number"))
    monkeypatch.setattr("wsegs.tasks.TASK_KINDS", dict(TASK_KINDS))
    register_task(TaskKind("own", "wsegs.tasks.number:Number", "number"))
    assert build_task("own", "own", ("age",), {}).outputs == ("age",)


@pytest.mark.slow
def test_the_registry_does_not_import_torch() -> None:
    code = "import sys, wsegs.tasks, wsegs.training.resolve; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
