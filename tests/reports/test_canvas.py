from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wsegs.errors import DataError
from wsegs.reports.canvas import Canvas, fit_text, plain_text, text_width, write_png


@settings(max_examples=40, deadline=None)
@given(st.text(st.characters(codec="utf-8", exclude_categories=["C"]), max_size=60), st.integers(20, 200))
def test_fitted_text_is_never_wider_than_asked(text, width):
    fitted = fit_text(text, 14, width)
    assert text_width(fitted, 14) <= width
    assert fitted == text or "…" in fitted


def test_text_that_no_font_can_draw():
    assert plain_text("a\nb\udcff名.jpg") == "a?b?名.jpg"


def test_fitted_text_keeps_both_ends():
    fitted = fit_text("a_long_folder/a_long_name_of_image_000123.jpg", 14, 150)
    assert fitted.startswith("a_l")
    assert fitted.endswith(".jpg")


def test_pasted_pixels_are_exact():
    picture = np.random.default_rng(0).integers(0, 256, (20, 30, 3)).astype(np.uint8)
    sheet = Canvas(100, 80)
    sheet.paste(picture, 7, 50)
    drawn = sheet.render()
    assert drawn.shape == (80, 100, 3)
    assert np.array_equal(drawn[50:70, 7:37], picture)
    assert (np.delete(drawn, np.s_[50:70], axis=0) == 255).all()


@pytest.mark.parametrize("align", ["left", "center", "right"])
def test_text_lies_where_it_is_put(align):
    sheet = Canvas(300, 100)
    sheet.text("Eyeglasses $5$ 名", 150, 40, size=16, align=align)
    rows, columns = np.nonzero(sheet.render().min(axis=2) < 128)
    assert 28 <= rows.min() < 40 < rows.max() <= 52
    width = text_width("Eyeglasses $5$ 名", 16)
    left = {"left": 150, "center": 150 - width / 2, "right": 150 - width}[align]
    assert columns.min() == pytest.approx(left, abs=3)
    assert columns.max() == pytest.approx(left + width, abs=3)


def test_png_round_trip(tmp_path):
    picture = np.random.default_rng(0).integers(0, 256, (20, 30, 3)).astype(np.uint8)
    path = tmp_path / "ö" / "a picture.png"
    write_png(picture, path)
    assert np.array_equal(cv2.imdecode(np.fromfile(path, np.uint8), cv2.IMREAD_COLOR)[..., ::-1], picture)
    assert [entry.name for entry in path.parent.iterdir()] == ["a picture.png"]


def test_only_png(tmp_path):
    with pytest.raises(DataError, match=r"x\.gif: expected a name that ends in \.png"):
        write_png(np.zeros((2, 2, 3), np.uint8), tmp_path / "x.gif")
