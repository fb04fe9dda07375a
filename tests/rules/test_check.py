# ruff: noqa: E501
"""Every error and every warning of a file at once, each at its place."""

import numpy as np
import pytest

from wsegs.errors import RuleError
from wsegs.rules.check import Faces, check_rules

HEAD = "version: 1\nscheme: ibug68\n"


def _found(text, **options):
    _, findings = check_rules(HEAD + text, "my.yaml", **options)
    return [(finding.severity, finding.line, finding.column, finding.message) for finding in findings]


def test_all_errors_of_a_file():
    text = """spce: face
parameters:
  a: {value: x99, unit: iod}
  b: {valu: 3}
  c: a + b + zz
regions:
  eyes: {polygon: [36..41, [1, 2, 3]], wen: x0 < 1}
  nose: {polygon: [27, 31..99]}
  mouth: {polgon: 48..59}
  ears: [{polygon: 0..3, grow: x0 <}, {polygon: 0..400}]
attributes:
  A: eyes | noze
  B: {regions: mouth, when: never}
  C: (eyes
  D: eyes | nose | mouth | ears
"""
    places = [(severity, line, column) for severity, line, column, _ in _found(text)]
    lines = [3, 5, 6, 7, 9, 9, 10, 11, 12, 12, 14, 15, 16]
    assert [line for _, line, _ in places] == lines
    assert {severity for severity, _, _ in places} == {"error"}
    # Regions and parameters that are wrong themselves are no unknown names elsewhere.
    messages = " ".join(message for *_, message in _found(text))
    assert messages.count("unknown region") == 1
    assert messages.count("unknown name") == 1


def test_all_errors_of_one_shape():
    text = """regions:
  a:
    polygon: [p36, [x36 + foo, y99], {points: 31, offset: [bar, 1 +]}, 99, {between: [1, [baz, 2]]}]
    when: x0 <
    grow: qux
attributes: {A: a}
"""
    words = ("'p36'", "'foo'", "'y99'", "'bar'", "the end", "got 99", "'baz'", "the end", "'qux'")
    found = _found(text)
    assert len(found) == len(words)
    for (_, _, _, message), word in zip(found, words, strict=True):
        assert word in message


def test_a_file_without_regions_is_checked_as_far_as_it_goes():
    found = _found("parameters: {a: x99}\nattributes: {A: all}")
    assert [line for _, line, *_ in found] == [1]
    assert "expected a key 'regions'" in found[0][3]


def test_yaml_that_cannot_be_read_is_one_error():
    assert [(severity, line) for severity, line, *_ in _found("regions: [")] == [("error", 3)]


WARNINGS = {
    "unused region": ("regions: {a: {polygon: 0..2}, b: {polygon: 0..2}}\nattributes: {A: a}", 3, 31, "uses the region 'b'"),
    "used through all only": (
        "regions: {a: {polygon: 0..2}, b: {polygon: 0..2}}\nattributes: {A: a, B: all}", 3, 31, "only through 'all'",
    ),
    "empty attribute": ("regions: {a: {polygon: 0..2}}\nattributes: {A: a - a, B: a}", 4, 14, "no pixel can belong"),
    "none": ("regions: {a: {polygon: 0..2}}\nattributes: {A: none, B: a}", 4, 14, "no pixel can belong"),
    "unused parameter": ("parameters: {p: 3, q: p}\nregions: {a: {polygon: 0..2, grow: p}}\nattributes: {A: a}", 3, 20, "parameter 'q'"),
    "unused let": (
        "regions: {a: {let: {p: 1, q: 2}, shapes: [{polygon: 0..2, grow: q}]}}\nattributes: {A: a}", 3, 21, "nothing uses 'p'",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", WARNINGS)
def test_warning(name):
    text, line, column, words = WARNINGS[name]
    ((severity, *place, message),) = _found(text)
    assert (severity, *place) == ("warning", line, column)
    assert words in message


def test_a_region_that_only_another_region_needs_is_used():
    text = "regions: {a: {shapes: [{polygon: 0..2}], minus: b}, b: {polygon: 0..2}}\nattributes: {A: a}"
    assert _found(text) == []


def test_many_regions_are_tried_without_a_table():
    regions = "".join(f"  r{i}: {{polygon: 0..2}}\n" for i in range(40))
    union = " | ".join(f"r{i}" for i in range(40))
    found = _found(f"regions:\n{regions}attributes: {{A: {union}, B: r39 - r39, C: r0 & r39, D: r39 - r0}}")
    assert [message for *_, message in found] == ["no pixel can belong to the attribute 'B'"]


def test_regions_that_are_empty_on_some_faces(faces):
    text = "regions: {a: {polygon: 36..41, when: x0 > 60}, b: {polygon: 0..2}, c: {box: [[0, 0], [1 / (x0 - x0), 3]]}}"
    share = np.mean(faces[:, 0, 0] <= 60)
    with_nan = np.concatenate([faces, np.full((1, 68, 2), np.nan)])
    found = _found(text + "\nattributes: {A: a | b | c}", faces=Faces(with_nan, (218, 178)))
    assert [message for *_, message in found] == [
        f"the region 'a' is empty on {share:.1%} of 41 faces",
        "the region 'c' is empty on 100.0% of 41 faces",
    ]
    assert 0 < share < 1
    assert len(_found(text + "\nattributes: {A: a | b | c}", faces=Faces(faces, (218, 178)), least_empty=0.999)) == 1


def test_attributes_of_a_data_set():
    text = "regions: {a: {polygon: 0..2}}\nattributes: {Smilling: a}"
    first, second = _found(text, attribute_names=("Smiling", "Young"))[:2]
    assert (first[0], first[1]) == ("warning", 0)
    assert "'Smiling' has no rule" in first[3]
    assert "did you mean 'Smilling'" in first[3]
    assert "'Young' has no rule" in second[3]
    assert "no attribute 'Smilling'; did you mean 'Smiling'" in _found(text, attribute_names=("Smiling", "Young"))[2][3]
    assert len(_found(text + "\ndefault: a", attribute_names=("Smiling", "Young"))) == 1


def test_landmarks_of_another_scheme():
    with pytest.raises(RuleError, match=r"expected landmarks of ibug68, .* got an array of shape \(3, 5, 2\)"):
        _found("regions: {a: {polygon: 0..2}}\nattributes: {A: a}", faces=Faces(np.zeros((3, 5, 2)), (8, 8)))
