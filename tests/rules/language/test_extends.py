"""A rule file that says only what is different from another one."""

import pickle

import numpy as np
import pytest

from wsegs.errors import RuleError
from wsegs.rules import compile_rules, load_rules

BASE = """
version: 1
scheme: ibug68
space: face
parameters: {wide: 0.5, high: 0.2}
regions:
  mouth: {polygon: 48..59}
  ears: {box: [[-wide, 0], [wide, high]]}
  nose: {polygon: [27, 31..35]}
attributes:
  Smiling: mouth
  Ears: ears | nose
"""


@pytest.fixture
def base(tmp_path):
    path = tmp_path / "base.yaml"
    path.write_text(BASE)
    return path


def _write(base, text, name="mine.yaml"):
    path = base.with_name(name)
    path.write_text(text)
    return path


def test_entries_replace_where_they_stood_and_new_ones_follow(base, faces):
    mine = load_rules(
        _write(
            base,
            "extends: base.yaml\nregions:\n  ears: {box: [[-1, 0], [1, high]]}\n  eyes: {polygon: 36..41}\n"
            "attributes: {Smiling: mouth | eyes}\nparameters: {high: 0.4}\n",
        )
    )
    assert mine.region_names == ("mouth", "ears", "nose", "eyes")
    assert mine.attribute_names == ("Smiling", "Ears")
    whole = BASE.replace("[[-wide, 0], [wide, high]]", "[[-1, 0], [1, high]]").replace("high: 0.2", "high: 0.4")
    whole = whole.replace("  nose:", "  nose: {polygon: [27, 31..35]}\n  eyes: {polygon: 36..41}\n  #")
    np.testing.assert_array_equal(mine.draw(faces, (218, 178)), compile_rules(whole, "w").draw(faces, (218, 178)))


def test_a_replaced_parameter_may_use_a_new_one_before_it(base, faces):
    mine = load_rules(_write(base, "extends: base.yaml\nparameters: {half: 0.1, high: 2 * half, last: half}\n"))
    assert list(mine.program.parameters) == ["wide", "half", "high", "last"]
    np.testing.assert_array_equal(mine.draw(faces, (218, 178)), load_rules(base).draw(faces, (218, 178)))


def test_an_entry_without_a_value_removes(base):
    mine = load_rules(_write(base, "extends: base.yaml\nregions: {ears: ~}\nattributes: {Ears: nose}\n"))
    assert mine.region_names == ("mouth", "nose")


def test_the_text_of_a_store_needs_no_other_file(base, faces):
    mine = load_rules(_write(base, "extends: base.yaml\nregions: {ears: {box: [[-1, 0], [1, 0.3]]}}\n"))
    base.unlink()
    again = pickle.loads(pickle.dumps(mine))
    np.testing.assert_array_equal(again.draw(faces, (218, 178)), mine.draw(faces, (218, 178)))
    assert "extends" not in mine.text
    assert (again.text, again.sha256) == (mine.text, mine.sha256)


def test_a_shipped_file_by_name_and_the_whole_of_it_as_text(faces):
    mine = compile_rules("extends: celeba\n", "mine.yaml")
    np.testing.assert_array_equal(mine.draw(faces, (218, 178)), load_rules("celeba").draw(faces, (218, 178)))
    assert mine.attribute_names == load_rules("celeba").attribute_names
    again = compile_rules(mine.text, "again.yaml")
    np.testing.assert_array_equal(again.draw(faces, (218, 178)), mine.draw(faces, (218, 178)))
    assert again.text == mine.text


def test_a_chain_of_files(base):
    _write(base, "extends: base.yaml\nregions: {ears: ~}\nattributes: {Ears: nose}\n", "middle.yaml")
    mine = load_rules(_write(base, "extends: middle.yaml\nattributes: {New: mouth}\n"))
    assert mine.region_names == ("mouth", "nose")
    assert mine.attribute_names == ("Smiling", "Ears", "New")


MISTAKES = {
    "not there": ("extends: nothing.yaml", r"mine\.yaml:1:10: 'nothing\.yaml' is neither"),
    "a number": ("extends: 3", r"mine\.yaml:1:10: expected the name"),
    "itself": ("extends: mine.yaml", r"mine\.yaml:1:10: expected a chain of at most 8 files"),
    "removes what is not there": (
        "extends: base.yaml\nregions: {lips: ~}",
        r"mine\.yaml:2:11: 'lips' is to be removed",
    ),
    "removes what is used": (
        "extends: base.yaml\nregions: {ears: ~}",
        r"base\.yaml:12:9: unknown region 'ears'",
    ),
    "a mistake here": ("extends: base.yaml\nregions: {lips: {polygon: 99..100}}", r"mine\.yaml:2:27: ibug68 has"),
    "no rule file": ("extends: broken.yaml", r"mine\.yaml:1:10: cannot be extended: .*broken\.yaml:1:\d+: not YAML"),
    "no YAML file": ("extends: ../passwd", r"mine\.yaml:1:10: '\.\./passwd' is neither a YAML file"),
    "a folder": ("extends: ./", r"mine\.yaml:1:10: '\./' is neither"),
    "a null byte": ('extends: "a\\0b"', r"mine\.yaml:1:11: "),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_mistakes_name_the_file_they_are_in(base, name):
    _write(base, "regions: [", "broken.yaml")
    text, message = MISTAKES[name]
    with pytest.raises(RuleError, match=message) as caught:
        load_rules(_write(base, text))
    assert "\n" not in str(caught.value)


def test_a_text_without_a_folder_extends_shipped_files_only(base):
    with pytest.raises(RuleError, match="neither a YAML file beside this one nor a shipped one"):
        compile_rules(f"extends: {base}", "text")
