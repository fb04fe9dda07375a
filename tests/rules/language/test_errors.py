# ruff: noqa: E501
"""Each mistake in a rule file is one line: file, line, column, what was expected, what came."""

import pickle
import time

import pytest

from wsegs.errors import MissingError, RuleError
from wsegs.rules import compile_rules, load_rules

HEAD = "version: 1\nscheme: ibug68\n"

MISTAKES = {
    # name: (text behind the head, line, column, words of the message)
    "landmark too large": ("regions:\n  eye: {polygon: [36..99]}", 4, 19, "landmarks 0 to 67, got 99"),
    "landmark in an expression": ("regions:\n  eye: {box: [[x0, y68], [1, 1]]}", 4, 20, "landmarks 0 to 67, got 'y68'"),
    "huge range": ("regions:\n  eye: {polygon: [0..1000000000]}", 4, 19, "got 1000000000"),
    "not a range": ("regions:\n  eye: {polygon: [0..a]}", 4, 19, "a range such as 36..41"),
    "unknown region": ("regions:\n  eyes: {polygon: 36..41}\nattributes:\n  Narrow: eyez | eyes", 6, 11, "did you mean 'eyes'"),
    "unknown region in the middle": (
        "regions:\n  eyes: {polygon: 36..41}\nattributes:\n  Narrow: 'eyes | (nose)'", 6, 20, "unknown region 'nose'",
    ),
    "unknown region of minus": (
        "regions:\n  eyes:\n    shapes: [{polygon: 36..41}]\n    minus: [nose]", 6, 13, "unknown region 'nose'",
    ),
    "unknown parameter": (
        "parameters: {width: 1}\nregions:\n  eyes: {box: [[0, 0], [widht, 1]]}", 5, 25, "did you mean 'width'",
    ),
    "unknown key": ("regions:\n  eyes: {polygon: 36..41, wen: x0 < 1}", 4, 27, "did you mean 'when'"),
    "unknown shape": ("regions:\n  eyes: {poligon: 36..41}", 4, 9, "did you mean 'polygon'"),
    "unknown key of the file": ("region:\n  eyes: {polygon: 36..41}", 3, 1, "did you mean 'regions'"),
    "unknown key of a line": (
        "regions:\n  eyes: {line: {points: 36..41, thickness: 1, colour: 3}}", 4, 47, "unknown key 'colour'",
    ),
    "unknown key of an attribute": (
        "regions:\n  eyes: {polygon: 36..41}\nattributes:\n  A: {regions: eyes, wen: absent}", 6, 22, "did you mean 'when'",
    ),
    "no regions": ("attributes: {A: all}", 1, 1, "expected a key 'regions'"),
    "empty regions": ("regions: {}", 3, 10, "at least 1"),
    "two points": ("regions:\n  eyes: {polygon: [36, 37]}", 4, 19, "at least 3 points, got 2"),
    "a point of three": ("regions:\n  eyes: {polygon: [36, 37, [1, 2, 3]]}", 4, 28, "at most 2 values, got 3"),
    "one point expected": ("regions:\n  eyes: {circle: {center: 36..41, radius: 1}}", 4, 27, "one point, got 6"),
    "a number for a condition": ("regions:\n  eyes: {polygon: 36..41, when: x0 + 1}", 4, 33, "expected a condition"),
    "a condition for a number": ("regions:\n  eyes: {polygon: 36..41, grow: x0 < 1}", 4, 33, "expected a number"),
    "expression ends": ("regions:\n  eyes: {polygon: 36..41, grow: x0 +}", 4, 37, "got the end"),
    "open parenthesis": ("regions:\n  eyes: {polygon: 36..41, grow: (x0}", 4, 36, "expected ')'"),
    "odd character": ("regions:\n  eyes: {polygon: 36..41, grow: x0 ; 1}", 4, 36, "unexpected ';'"),
    "two numbers": ("regions:\n  eyes: {polygon: 36..41, grow: 1 2}", 4, 35, "expected an operator"),
    "unknown function": ("regions:\n  eyes: {polygon: 36..41, grow: sqr(2)}", 4, 33, "did you mean 'sqrt'"),
    "arguments missing": ("regions:\n  eyes: {polygon: 36..41, grow: 'min(1)'}", 4, 34, "min() takes 2 or more"),
    "too many arguments": ("regions:\n  eyes: {polygon: 36..41, grow: 'abs(1, 2)'}", 4, 34, "abs() takes 1"),
    "distance of names": ("regions:\n  eyes: {polygon: 36..41, grow: 'distance(x0, 1)'}", 4, 43, "two landmark numbers"),
    "x without a point": ("regions:\n  eyes: {polygon: 36..41, grow: x}", 4, 33, "current point"),
    "infinite number": ("regions:\n  eyes: {polygon: 36..41, grow: 1e999}", 4, 33, "finite"),
    "name taken": ("parameters: {min: 1}\nregions:\n  eyes: {polygon: 36..41}", 3, 14, "meaning of its own"),
    "coordinate as a name": ("parameters: {x3: 1}\nregions:\n  eyes: {polygon: 36..41}", 3, 14, "landmark's coordinate"),
    "region named all": ("regions:\n  all: {polygon: 36..41}", 4, 3, "meaning of its own"),
    "region with a space": ("regions:\n  left eye: {polygon: 36..41}", 4, 3, "letters, digits and _"),
    "wrong space": ("space: world\nregions:\n  eyes: {polygon: 36..41}", 3, 8, "'image' or 'face', got 'world'"),
    "mirror that is a word": ("regions:\n  eyes: {polygon: 36..41, mirror: perhaps}", 4, 35, "true or false"),
    "twice": ("regions:\n  eyes: {polygon: 36..41}\n  eyes: {polygon: 42..47}", 5, 3, "twice"),
    "circle of regions": (
        "regions:\n  a: {shapes: [{polygon: 0..2}], minus: b}\n  b: {shapes: [{polygon: 0..2}], minus: a}",
        4, 3, "depends on itself",
    ),
    "unknown unit": ("parameters: {a: {value: 1, unit: mm}}\nregions: {a: {polygon: 0..2}}", 3, 34, "'px', 'iod', 'degrees' or 'ratio'"),
    "unknown key of a parameter": ("parameters: {a: {valu: 1}}\nregions: {a: {polygon: 0..2}}", 3, 18, "did you mean 'value'"),
    "bounds the wrong way round": (
        "parameters: {a: {value: 1, fit: [2, 0]}}\nregions: {a: {polygon: 0..2}}", 3, 33, "the least and the largest value, got 2 and 0",
    ),
    "value out of its bounds": (
        "parameters: {a: {value: 3, fit: [0, 2]}}\nregions: {a: {polygon: 0..2}}", 3, 25, "a number from 0 to 2",
    ),
    "an expression to fit": (
        "parameters: {a: {value: x1, fit: [0, 2]}}\nregions: {a: {polygon: 0..2}}", 3, 25, "since it is marked fit:, got 'x1'",
    ),
    "fit without an offset": ("regions: {a: {polygon: [0, 1, {points: 2, fit: 0.1}]}}", 3, 31, "expected an offset beside 'fit'"),
    "fit of nothing": ("regions: {a: {polygon: [0, 1, {points: 2, offset: [0, 0], fit: 0}]}}", 3, 64, "a distance above 0"),
    "along without a place": ("regions: {a: {polygon: [0, 1, {along: 0..4}]}}", 3, 31, "either 'at' or 'count'"),
    "along with both": ("regions: {a: {polygon: [0, 1, {along: 0..4, at: 0, count: 2}]}}", 3, 31, "either 'at' or 'count'"),
    "along nothing": ("regions: {a: {polygon: [0, 1, {along: 0..4, at: []}]}}", 3, 49, "at least 1"),
    "along one point": ("regions: {a: {polygon: [0, 1, {along: 3, at: 1}]}}", 3, 39, "at least 2 points, got 1"),
    "along too many": ("regions: {a: {polygon: [0, 1, {along: 0..4, count: 100000}]}}", 3, 52, "at most 1,000 points"),
    "unknown key of a vertex": ("regions: {a: {polygon: [0, 1, {mean: 0..4, at: 1}]}}", 3, 44, "expected one of mean"),
    "unknown key of a smooth chain": ("regions: {a: {polygon: [0, {curve: 0..4, closed: 1}]}}", 3, 42, "expected one of curve"),
    "one shape in common": ("regions: {a: {intersection: [{polygon: 0..2}]}}", 3, 29, "at least 2 values"),
    "unknown key within a union": ("regions: {a: {union: [{polygon: 0..2, gorw: 1}]}}", 3, 39, "did you mean 'grow'"),
    "a point in a union": ("regions: {a: {union: [36]}}", 3, 23, "expected a shape"),
    "iod is taken": ("parameters: {iod: 1}\nregions: {a: {polygon: 0..2}}", 3, 14, "meaning of its own"),
    "version true": ("", 1, 10, "expected 1, got"),
    "a hyphen for a range": ("regions: {a: {polygon: [36-41]}}", 3, 25, "did you mean '36..41'?"),
    "a comma without quotes": ("regions: {a: {polygon: [[min(x36, x39), y36], 1, 2]}}", 3, 25, "needs quotes"),
    "minus beside a shape": ("regions: {a: {polygon: 0..2, minus: b}, b: {polygon: 0..2}}", 3, 30, "under 'shapes:'"),
    "two kinds of shape": ("regions: {a: {polygon: 0..2, hull: 0..2}}", 3, 30, "a shape is of one kind"),
    "merge keys": ("regions: {a: {<<: {polygon: 0..2}}}", 3, 14, "merge keys"),
    "a list for an attribute": ("regions: {a: {polygon: 0..2}}\nattributes:\n  A: [a]", 5, 6, "region names such as"),
    "true for a number": ("regions: {a: {polygon: 0..2, grow: true}}", 3, 36, "a number or an expression, got true"),
    "nothing": ("regions:\n  a: {polygon: 0..2}\n  b:\n  c: {polygon: 0..2}", 5, 3, "expected a shape"),
    "in the second line of a text": (
        "regions:\n  a:\n    polygon: 0..2\n    grow: >\n      1 +\n      foo", 6, 12, "unknown name 'foo'",
    ),
    "mirror that is yes": ("regions: {a: {polygon: 0..2, mirror: 'no'}}", 3, 39, "true or false"),
    "tag": ("regions: !!python/object:os.system {}", 3, 10, "plain data"),
    "true for a point": ("regions: {a: {polygon: [0, true, 2]}}", 3, 28, "a landmark number, a range such as 36..41"),
    "a number for regions": ("regions: {a: {shapes: [{box: 0..2}], minus: 3}}", 3, 45, "a region's name or a list of"),
    "YAML": ("regions: [", 3, 11, "not YAML"),
    "second document": ("regions: {a: {polygon: 0..2}}\n---\na: 1", 4, 1, "one YAML document"),
    "unknown anchor": ("regions: *other", 3, 10, "names no anchor"),
}  # fmt: skip


@pytest.mark.parametrize("name", MISTAKES)
def test_mistake(name):
    text, line, column, words = MISTAKES[name]
    with pytest.raises(RuleError) as caught:
        compile_rules(HEAD + text if text else HEAD.replace("1", "true") + "regions: {a: {box: 0..2}}", "my.yaml")
    message = str(caught.value)
    assert message.startswith(f"my.yaml:{line}:{column}: "), message
    assert message.isprintable()
    assert words in message
    assert "\n" not in message


def test_unknown_scheme():
    with pytest.raises(RuleError, match=r"my\.yaml:2:9: unknown landmark scheme 'ibug86'.*did you mean 'ibug68'"):
        compile_rules("version: 1\nscheme: ibug86\nregions: {a: {polygon: 0..2}}", "my.yaml")


def test_unknown_version():
    with pytest.raises(RuleError, match=r"my\.yaml:1:10: expected 1, got 2"):
        compile_rules("version: 2\nscheme: ibug68\nregions: {a: {polygon: 0..2}}", "my.yaml")


def test_several_mistakes_are_counted():
    text = HEAD + "regions:\n  a: {polygon: [99, 1, 2]}\n  b: {polygon: [98, 1, 2]}\nattributes: {A: c}"
    with pytest.raises(RuleError, match=r"my\.yaml:4:17: .*got 99 \(and 2 more\)"):
        compile_rules(text, "my.yaml")


@pytest.mark.parametrize("text", ["", "# nothing", "[]", "3", "version: 1"])
def test_too_little(text):
    with pytest.raises(RuleError, match=r"my\.yaml:1:1: expected"):
        compile_rules(text, "my.yaml")


def _billion_laughs() -> str:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]" for i in range(1, 12)]
    return "\n".join(lines)


HOSTILE = {
    "deep lists": HEAD + "regions: " + "[" * 100_000,
    "deep mappings": HEAD + "regions: " + "{a: " * 50_000,
    "deep parentheses": HEAD + "regions: {a: {polygon: 0..2, grow: " + "(" * 9_000 + "}}",
    "deep signs": HEAD + "regions: {a: {polygon: 0..2, grow: '" + "-" * 9_000 + "1'}}",
    "deep powers of not": HEAD + "regions: {a: {polygon: 0..2, when: " + "not " * 2_000 + "x0 < 1}}",
    "long sum": HEAD + "regions: {a: {polygon: 0..2, grow: " + "1+" * 4_900 + "1}}",
    "deep attributes": HEAD + "regions: {a: {polygon: 0..2}}\nattributes: {A: " + "(" * 9_000 + "}",
    "aliases that explode": _billion_laughs(),
    "a costly union": HEAD
    + "regions: {a: {union: ["
    + ", ".join(["{line: {points: 0..67, thickness: 1}}"] * 30)
    + "]}}",
    "deep unions": HEAD + "regions: {a: " + "{union: [" * 400 + "{polygon: 0..2}" + "]}" * 400 + "}",
    "extends itself": "extends: my.yaml\nversion: 1",
    "two hundred names": HEAD
    + "regions: {a: {let: {"
    + ", ".join(f"n{i}: 1" for i in range(3000))
    + "}, shapes: [{box: 0..2}]}}",
    "parameters without end": HEAD
    + "parameters:\n"
    + "".join(f"  n{i}: 1\n" for i in range(3000))
    + "regions: {a: {box: 0..2}}",
    "thousands of mistakes": HEAD + "regions: {a: {polygon: [" + "oops, " * 3000 + "]}}",
    "thousands of unknown keys": HEAD + "".join(f"k{i}: 1\n" for i in range(3500)) + "regions: {a: {box: 0..2}}",
    "growth of many points": HEAD + "regions: {a: {polygon: [" + "0..67, " * 14 + "], grow: 3}}",
    "along, again and again": HEAD + "regions: {a: {polygon: {along: {along: 0..67, count: 900}, count: 900}}}",
    "a long tag": HEAD + "regions: " + "!" * 200_000,
    "a scheme's long name": "version: 1\nscheme: " + "a" * 5000 + ".yaml\nregions: {a: {box: 0..2}}",
    "a bell in an expression": HEAD + 'regions: {a: {box: 0..2, grow: "\\a"}}',
    "alias of itself": "regions: &a [*a]",
    "a thousand regions": HEAD + "regions:\n" + "".join(f"  r{i}: {{polygon: 0..2}}\n" for i in range(1000)),
    "many points": HEAD + "regions: {a: {polygon: [" + "0..67, " * 500 + "]}}",
    "huge integer": HEAD + "regions: {a: {polygon: [" + "9" * 9_000 + ", 1, 2]}}",
    "huge number": HEAD + "regions: {a: {polygon: 0..2, grow: " + "9" * 9_000 + "}}",
    "long scalar": HEAD + "regions: {a: {polygon: 0..2, grow: " + "1" * 500_000 + "}}",
    "large file": HEAD + "# " + "x" * 1_000_001,
    "many values": HEAD + "regions: [" + "1, " * 200_000 + "]",
    "many lines": HEAD + "regions:\n" + "- 1\n" * 200_000,
    "null bytes": HEAD + "regions: \0",
    "control characters": HEAD + "regions: \x07",
    "surrogate": HEAD + "regions: \ud800",
}


@pytest.mark.slow
@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_files_end_quickly_in_one_line(name):
    start = time.process_time()
    with pytest.raises(RuleError) as caught:
        compile_rules(HOSTILE[name], "my.yaml")
    assert time.process_time() - start < 5
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 400


def test_64_regions_are_the_limit():
    many = HEAD + "regions:\n" + "".join(f"  r{i}: {{polygon: 0..2}}\n" for i in range(65))
    with pytest.raises(RuleError, match=r"my\.yaml:68:3: expected at most 64 regions, got 65"):
        compile_rules(many, "my.yaml")


def test_files_that_cannot_be_read(tmp_path):
    (tmp_path / "latin.yaml").write_bytes(b"version: 1 # caf\xe9\n")
    with pytest.raises(RuleError, match=r"latin\.yaml: expected UTF-8 text, got byte 0xe9 at 16"):
        load_rules(tmp_path / "latin.yaml")
    (tmp_path / "large.yaml").write_bytes(b"#" * 1_000_001)
    with pytest.raises(RuleError, match=r"large\.yaml: expected a rule file of at most"):
        load_rules(tmp_path / "large.yaml")
    with pytest.raises(MissingError, match="did you mean 'celeba'"):
        load_rules("celebb")


def test_attribute_without_a_rule():
    rules = compile_rules(HEAD + "regions: {eyes: {polygon: 36..41}}\nattributes: {Narrow_Eyes: eyes}", "my.yaml")
    with pytest.raises(
        RuleError, match=r"my\.yaml: no rule for the attribute 'Narrow_Eye'.*did you mean 'Narrow_Eyes'"
    ):
        rules.lookup(["Narrow_Eye"])


def test_landmarks_of_another_scheme():
    import numpy as np

    rules = compile_rules(HEAD + "regions: {eyes: {polygon: 36..41}}", "my.yaml")
    with pytest.raises(
        RuleError, match=r"expected landmarks of ibug68, \(N, 68, 2\), got an array of shape \(3, 5, 2\)"
    ):
        rules.draw(np.zeros((3, 5, 2)), (8, 8))


def test_errors_pickle():
    with pytest.raises(RuleError) as caught:
        compile_rules("", "my.yaml")
    assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)


LONG = {
    "a sum": "regions: {a: {box: 0..2, grow: " + " + ".join(["0.001"] * 240) + "}}",
    "a difference of regions": "regions: {a: {box: 0..2}, b: {box: 0..2}}\nattributes: {A: "
    + " - b | ".join(["a"] * 100)
    + "}",
    "parameters that use each other": "parameters:\n  n0: 0.01\n"
    + "".join(f"  n{i}: {{value: n{i - 1} + 0.001, unit: {('px', 'iod')[i % 2]}}}\n" for i in range(1, 200))
    + "regions: {a: {box: 0..2, grow: n199}, b: {box: 0..2, space: face, grow: n198 / 1000}}",
}


@pytest.mark.parametrize("name", LONG)
def test_what_is_within_the_limits_is_drawn(name, faces):
    """Python's stack is not what ends it."""
    rules = compile_rules(HEAD + LONG[name], "my.yaml")
    assert rules.draw(faces[:3], (60, 50)).any()
    rules.lookup(rules.attribute_names).coverage(rules.draw(faces[:3], (60, 50)))


def test_a_chain_of_parameters_is_the_sum_of_it(faces):
    """Each parameter is the one above and 0.1, so the last is 1."""
    chain = "".join(f"  n{i}: n{i - 1} + 0.1\n" for i in range(1, 11))
    head = HEAD + "parameters:\n  n0: 0\n" + chain + "regions: {a: {box: 0..2, grow: "
    one, other = (
        compile_rules(head + text + "}}", "my.yaml").draw(faces[:3], (218, 178)) for text in ("10 * n10", "10")
    )
    assert (one == other).all()
