"""Fitting the free numbers of rule files: known answers, limits, and the text that is written back."""

import re
from pathlib import Path

import numpy as np
import pytest

from wsegs.errors import RuleError
from wsegs.rules import compile_rules
from wsegs.rules.tuning.class_map import parse_classes
from wsegs.rules.tuning.fit import RuleFit
from wsegs.rules.tuning.score import score_regions

SIZE = (218, 178)
CLASSES = "regions: {brows: 1, mouth: 2}"
RULES = """# Two regions   that share nothing.
version: 1
scheme: ibug68
space: face
parameters:
  turn: x30     # not fitted
  thick: {value: 0.1, unit: iod, fit: [0.02, 0.3], description: "a brow's 0.1"}
regions:
  brows: {line: {points: 17..21, thickness: thick}, mirror: true}   # 1

  mouth:
    polygon:
      - 48
      - {points: 51, offset: [0, 0.02 - 0.2 * turn], fit: 0.2}  # 0.02
      - 54
      - {points: 57, offset: [0.00, +0.10], fit: 0.2}
"""
TRUE = RULES.replace("value: 0.1", "value: 0.16").replace("0.02 - 0.2 *", "-0.08 + 0.3 *").replace("+0.10", "0.21")


def masks_of(text, faces):
    """What people would have drawn, if they drew by these rules."""
    drawn = compile_rules(text, "true.yaml").draw(faces, SIZE)
    return np.where(drawn & 2, 2, np.where(drawn & 1, 1, 0)).astype(np.uint16)


def fit(text, faces, masks, classes=CLASSES, source="r.yaml", folder=None):
    rule_fit = RuleFit(text, source, folder, parse_classes(classes, "c.yaml"))
    return rule_fit.fit([rule_fit.overlap(faces, masks)])


@pytest.fixture(scope="module")
def upright(astronaut_landmarks):
    """Sixty-four heads, turned to the sides by the jitter of the tip of the nose."""
    generator = np.random.default_rng(3)
    points = astronaut_landmarks.astype(float) - [136, 20]
    points = points + generator.normal(0, 1, (64, 68, 2))
    points[:, 30, 0] += generator.uniform(-20, 20, 64)
    return points


def test_a_known_answer_is_found_and_only_numbers_change(upright):
    masks = masks_of(TRUE, upright)
    fitted = fit(RULES, upright, masks)
    values = re.search(
        r"value: (\S+),.*51, offset: \[(\S+), (\S+) ([-+]) (\S+) \*.*57, offset: \[(\S+), (\S+)\]", fitted.text, re.S
    )
    thick, x51, y51, sign, y51_turn, x57, y57 = (v if v in "+-" else float(v) for v in values.groups())
    assert thick == pytest.approx(0.16, abs=0.02)
    assert (x51, x57) == (pytest.approx(0, abs=0.05), pytest.approx(0, abs=0.05))
    assert (y51, y57) == (pytest.approx(-0.08, abs=0.02), pytest.approx(0.21, abs=0.02))
    assert (sign, y51_turn) == ("+", pytest.approx(0.3, abs=0.1))
    assert fitted.numbers == 6
    # The text but for numbers, and the signs that an operator took over.
    number = re.compile(r"(?<=value: )\S+(?=,)|(?<=offset: \[)[^\]]*(?=\])")
    assert number.sub("#", fitted.text) == number.sub("#", RULES)
    before, after = (
        score_regions(rules, upright, masks, parse_classes(CLASSES, "c")).iou.mean()
        for rules in (compile_rules(RULES, "r"), fitted.rules)
    )
    assert before < 0.75 < 0.93 < after


def test_what_is_right_stays_as_it_is_to_the_byte(upright):
    text = RULES.replace("\n", "\r\n")
    assert fit(text, upright, masks_of(text, upright)).text == text


def test_rules_are_as_they_were_after_a_fit(upright):
    rule_fit = RuleFit(RULES, "r.yaml", None, parse_classes(CLASSES, "c"))
    expected = rule_fit.rules.draw(upright, SIZE)
    view = rule_fit.overlap(upright, masks_of(TRUE, upright))
    once = rule_fit.fit([view]).text
    np.testing.assert_array_equal(rule_fit.rules.draw(upright, SIZE), expected)
    assert rule_fit.fit([view]).text == once


def test_bounds_hold(upright):
    far = RULES.replace("value: 0.1", "value: 0.29").replace("+0.10", "+0.90")
    near = RULES.replace("[0.02, 0.3]", "[0.05, 0.13]").replace("fit: 0.2", "fit: 0.06")
    fitted = fit(near, upright, masks_of(far, upright))
    assert "value: 0.13," in fitted.text
    assert "57, offset: [0, 0.16]" in re.sub(r"57, offset: \[\S+,", "57, offset: [0,", fitted.text)


def test_a_shared_parameter_is_fitted_to_all_its_regions(upright):
    text = """version: 1
scheme: ibug68
space: face
parameters: {side: {value: 0.3, fit: [0.1, 1]}, half: side / 2}
regions:
  brows: {circle: {center: 27, radius: half}}
  mouth: {shapes: [{circle: {center: 66, radius: side}}], minus: brows}
"""
    rule_fit = RuleFit(text, "r.yaml", None, parse_classes(CLASSES, "c"))
    view = rule_fit.overlap(upright, masks_of(text.replace("0.3", "0.6"), upright))
    assert len(rule_fit._groups(view)) == 1
    fitted = rule_fit.fit([view]).text
    assert float(re.search(r"value: (\S+),", fitted)[1]) == pytest.approx(0.6, abs=0.03)


@pytest.mark.slow
def test_few_masks_do_no_harm_to_numbers_that_are_right(upright):
    """People draw each mask by numbers of their own, about those that are written."""
    generator = np.random.default_rng(0)
    masks = []
    for face in upright:
        thick, up, down = 0.1 + generator.normal(0, [0.02, 0.06, 0.06])
        own = RULES.replace("value: 0.1,", f"value: {np.clip(thick, 0.05, 0.2):.3f},")
        own = own.replace("[0, 0.02", f"[0, {up - 0.08:.3f}").replace("+0.10", f"{down:.3f}")
        masks.append(masks_of(own, face[None])[0])
    rule_fit = RuleFit(RULES, "r.yaml", None, parse_classes(CLASSES, "c"))
    view = rule_fit.overlap(upright, np.stack(masks))
    before = [iou.mean() for iou in view.iou(rule_fit.rules.program, [0, 1]).values()]
    after = []
    for _ in range(4):
        rows = generator.permutation(len(upright))
        fitted = rule_fit.fit([view.select(rows[:10])]).rules
        after.append([iou.mean() for iou in view.select(rows[10:]).iou(fitted.program, [0, 1]).values()])
    assert np.mean(after) > np.mean(before) - 0.004


CUT = RULES.replace("mouth:\n    polygon:", "mouth:\n    minus: brows\n    shapes:\n    - polygon:")


@pytest.mark.parametrize("text", [RULES, CUT], ids=["fast", "with minus"])
def test_overlap_counts_what_scoring_counts(text, faces):
    """With pixels of which nobody knows, and faces on which a region does not count."""
    classes = parse_classes(CLASSES, "c.yaml")
    rule_fit = RuleFit(text, "r.yaml", None, classes)
    masks = np.random.default_rng(1).integers(0, 4, (len(faces), *SIZE)).astype(np.uint16)
    masks[3:9, 40:120] = 255
    masks[4] = 0
    overlap = rule_fit.overlap(faces, masks)
    expected = score_regions(rule_fit.rules, faces, masks, classes).iou
    got = overlap.iou(rule_fit.rules.program, [0, 1])
    for bit in (0, 1):
        counts = np.isfinite(expected[:, bit])
        assert 0 < counts.sum() < len(faces)
        np.testing.assert_allclose(got[bit], expected[counts, bit])
    rows = [30, 4, 5]
    some = overlap.select(rows).iou(rule_fit.rules.program, [1])[1]
    np.testing.assert_allclose(some, expected[[30, 5], 1])


def test_nothing_marked_is_one_line(upright):
    with pytest.raises(RuleError, match=r"^r.yaml: expected numbers marked 'fit:'.* got none\..*$"):
        fit(re.sub(r",? ?fit: (\[.*?\]|0.2)", "", RULES), upright, masks_of(RULES, upright))
    with pytest.raises(RuleError, match="has none of the regions"):
        fit(RULES, upright, masks_of(RULES, upright), classes="regions: {nose: 1}")


def test_numbers_of_an_extended_file_stay(upright, tmp_path):
    (tmp_path / "base.yaml").write_text(RULES)
    text = "extends: base.yaml\nparameters: {thick: {value: 0.1, unit: iod, fit: [0.02, 0.3]}}\n"
    fitted = fit(text, upright, masks_of(TRUE, upright), folder=tmp_path)
    assert re.fullmatch(text.replace("0.1,", r"0.1\d+,").replace("{", r"\{").replace("[", r"\["), fitted.text)
    with pytest.raises(RuleError, match="numbers of a file that it extends"):
        fit("extends: base.yaml\n", upright, masks_of(TRUE, upright), folder=tmp_path)


def test_an_alias_is_one_number(upright):
    text = RULES.replace(
        "{points: 51, offset: [0, 0.02 - 0.2 * turn], fit: 0.2}", "&up {points: 51, offset: [0, 0.02], fit: 0.2}"
    )
    text = text.replace("      - 54\n", "      - *up\n      - 54\n")
    rule_fit = RuleFit(text, "r.yaml", None, parse_classes(CLASSES, "c"))
    view = rule_fit.overlap(upright, masks_of(text.replace("0.02]", "-0.07]"), upright))
    fitted = rule_fit.fit([view])
    assert fitted.numbers == 5
    assert len(rule_fit.free) == 7  # two of them read twice
    assert float(re.search(r"51, offset: \[\S+, (\S+)\]", fitted.text)[1]) == pytest.approx(-0.07, abs=0.02)


def test_numbers_in_a_text_of_two_lines_are_refused(upright):
    text = RULES.replace("[0, 0.02 - 0.2 * turn]", '[0, "0.02\n          - 0.2 * turn"]')
    with pytest.raises(RuleError, match=r"r.yaml:14:\d+: expected the numbers that a fit may change on one line"):
        fit(text, upright, masks_of(RULES, upright))


def test_a_file_in_the_image_s_space(upright):
    text = """version: 1
scheme: ibug68
regions:
  mouth: {polygon: [48, {points: 51, offset: [0, 2], fit: 12}, 54, {points: 57, offset: [0, 0], fit: 12}]}
"""
    rule_fit = RuleFit(text, "r.yaml", None, parse_classes(CLASSES, "c"))
    assert not rule_fit.turns_with_face
    true = compile_rules(text.replace("[0, 2]", "[0, -6]"), "t").draw(upright, SIZE) * 2
    fitted = rule_fit.fit([rule_fit.overlap(upright, true.astype(np.uint16))])
    assert float(re.search(r"51, offset: \[\S+, (\S+)\]", fitted.text)[1]) == pytest.approx(-6, abs=1)


@pytest.mark.slow
def test_twenty_masks_help_on_other_faces(shared_data, tmp_path):
    """by_hand.yaml was written without a look at a mask."""
    from wsegs.human_masks.fitting import compare_before_after, read_views
    from wsegs.human_masks.parsed_faces import load_parsed_faces
    from wsegs.rules.tuning.class_map import load_classes

    for kind, ending in (("images", "jpg"), ("masks", "png")):
        (tmp_path / kind).mkdir()
        for path in sorted((shared_data / "celebamask" / kind).glob(f"*.{ending}"))[:70]:
            (tmp_path / kind / path.name).symlink_to(path)
    faces = load_parsed_faces(tmp_path, jobs=1)
    text = Path(__file__).parents[1].joinpath("by_hand.yaml").read_text()
    rule_fit = RuleFit(text, "by_hand.yaml", None, load_classes("celebamask"))
    fitted = rule_fit.fit(read_views(rule_fit, faces.select(range(20)), 20))
    before, after = compare_before_after(rule_fit, fitted.rules, faces.select(range(20, len(faces)))).means
    assert after > before + 0.03
