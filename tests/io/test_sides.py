"""Names of two sides, in the spellings that data sets have."""

from __future__ import annotations

import pytest

from wsegs.io.sides import find_sides


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("left_eye", "right_eye"),
        ("l_brow", "r_brow"),
        ("LeftEye", "RightEye"),
        ("EYE_LEFT", "EYE_RIGHT"),
        ("eyeL", "eyeR"),
        ("eye-l", "eye-r"),
        ("Looking_Left", "Looking_Right"),
        ("Wearing Left Earring", "Wearing Right Earring"),
        ("lefteye", "righteye"),
    ],
)
def test_names_of_two_sides_are_pairs_and_one_alone_has_no_partner(one, other) -> None:
    assert find_sides(("skin", other, "bright", one)).pairs == ((1, 3),)
    assert find_sides(("skin", other, one)).lone == ()
    if one != "lefteye":
        assert find_sides(("skin", one, "bright")).lone == (one,)
        assert find_sides((other,)).lone == (other,)


def test_celebamask_names_its_lower_lip_as_a_left_one() -> None:
    names = ("skin", "nose", "eye_g", "l_eye", "r_eye", "l_brow", "r_brow", "l_ear", "r_ear", "mouth", "u_lip", "l_lip")
    sides = find_sides((*names, "hair", "hat", "ear_r", "neck_l"))
    assert sides.pairs == ((3, 4), (5, 6), (7, 8))
    assert sides.lone == ()  # the earring and the necklace
    assert find_sides(("left_handed", "skin"), (("left_handed", "left_handed"),)).lone == ()


def test_names_that_only_look_like_sides() -> None:
    plain = (
        "Smiling",
        "bright",
        "copyright",
        "Male",
        "left_and_right",
        "No_Beard",
        "Big_Lips",
        "upper_lip",
        "lower_lip",
    )
    assert find_sides(plain).pairs == ()
    assert find_sides(plain).lone == ()


def test_pairs_that_are_written_down_come_first() -> None:
    names = ("a", "b", "left_x", "right_x")
    assert find_sides(names, (("a", "left_x"),)).pairs == ((0, 2),)
    assert find_sides(names, (("a", "left_x"),)).lone == ("right_x",)
    assert find_sides(("dexter", "sinister"), (), [("dexter", "sinister")]).pairs == ((0, 1),)
