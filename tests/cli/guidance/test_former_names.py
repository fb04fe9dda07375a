from __future__ import annotations

from wsegs.cli.guidance.former_names import with_present_names


def test_former_names_are_taken_and_the_present_ones_said(capsys) -> None:
    line = ["masks", "l.h5", "--only-common", "--truth=masks", "-o", "--truthful", "a=--keep"]
    expected = ["masks", "l.h5", "--shared-attributes-only", "--parsing-masks=masks", "-o", "--truthful", "a=--keep"]
    assert with_present_names(line) == expected
    assert capsys.readouterr().err.splitlines() == [
        "Note: --only-common is called --shared-attributes-only now",
        "Note: --truth is called --parsing-masks now",
    ]


def test_a_line_of_today_is_left_alone(capsys) -> None:
    line = ["train", "attparsenet", "--init-from", "run", ""]
    assert with_present_names(line) == line
    assert not capsys.readouterr().err
