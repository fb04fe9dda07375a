"""``wsegs rules groups``."""

from __future__ import annotations

from ruamel.yaml import YAML

from wsegs.rules import load_rules
from wsegs.rules.groups import attribute_groups
from wsegs.training.resolving.attribute_groups import plan_groups


def test_the_file_that_is_written_is_read_by_the_training(run, tmp_path) -> None:
    done = run("rules", "groups", "celeba", "-o", tmp_path / "groups.yaml")
    assert (done.code, done.err) == (0, "")
    assert "40 attributes in 22 groups" in done.out
    names = load_rules("celeba").attribute_names
    planned = plan_groups(str(tmp_path / "groups.yaml"), names)
    assert {title: tuple(names[place] for place in places) for title, places in planned.items()} == attribute_groups(
        load_rules("celeba")
    )
    again = run("rules", "groups", "celeba", "-o", tmp_path / "groups.yaml")
    assert (again.code, again.err.count("\n")) == (1, 1)
    printed = run("rules", "groups", "celeba").out
    assert YAML(typ="safe").load(printed)["nose"] == ["Big_Nose", "Pointy_Nose"]
