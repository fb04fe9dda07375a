from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from wsegs.reports import contact_sheet as module
from wsegs.reports.canvas import Canvas, fit_text, text_width
from wsegs.reports.contact_sheet import attribute_sheet, contact_sheet, evenly_spaced
from wsegs.reports.overlay import MASK_COLOUR
from wsegs.reports.palette import region_colours


@pytest.fixture
def texts(monkeypatch):
    """Every text that is set on a sheet: what was set, and the box that it fills."""
    seen = []
    original = Canvas.text

    def text(self, text, x, y, *, size=14, bold=False, width=None, align="left", **kwargs):
        shown = text if width is None else fit_text(text, size, width, bold=bold)
        wide = text_width(shown, size, bold=bold)
        left = x - {"left": 0, "center": wide / 2, "right": wide}[align]
        seen.append((shown, left, y - size / 2, left + wide, y + size / 2, self.width, self.height))
        original(self, text, x, y, size=size, bold=bold, width=width, align=align, **kwargs)

    monkeypatch.setattr(Canvas, "text", text)
    return seen


def _assert_no_text_is_cut_or_overlaps(texts):
    for name, left, top, right, bottom, width, height in texts:
        assert 0 <= left < right <= width, name
        assert 0 <= top < bottom <= height, name
    for i, (one, *a) in enumerate(texts):
        for other, *b in texts[:i]:
            apart = a[2] <= b[0] or b[2] <= a[0] or a[3] <= b[1] or b[3] <= a[1]
            assert apart, f"{one} over {other}"


@pytest.mark.slow
@pytest.mark.parametrize("count", [1, 10, 16, 40, 64])
@pytest.mark.parametrize("faces", [1, 5])
def test_legend_has_every_name_beside_its_colour(face, texts, count, faces):
    names = [f"region number {i}" for i in range(count)]
    regions = face.regions.astype(np.uint64)
    sheet = contact_sheet([replace(face, regions=regions)] * faces, names, "title")
    _assert_no_text_is_cut_or_overlaps(texts)
    where = {name: (left, (top + bottom) / 2) for name, left, top, _, bottom, *_ in texts}
    for name, colour in zip(names, region_colours(count), strict=True):
        x, y = where[name]
        assert np.array_equal(sheet[round(y), round(x) - 16], colour)


def test_tiles_are_face_landmarks_regions(face, region_names):
    sheet = contact_sheet([face], region_names)
    plain, dots, regions = module._tiles(face, region_names, 300 / 218)
    height, width = plain.shape[:2]
    for column, tile in enumerate((plain, dots, regions)):
        left = 20 + column * (width + 8)
        top = sheet.shape[0] - 20 - 8 - height
        assert np.array_equal(sheet[top : top + height, left : left + width], tile)


def test_image_without_a_face_is_shown_as_such(face, region_names, texts):
    lost = replace(face, landmarks=None, regions=face.regions * 0, status="no face found")
    broken = replace(lost, image=None, status="truncated JPEG")
    contact_sheet([face, lost, broken], region_names)
    _assert_no_text_is_cut_or_overlaps(texts)
    shown = [text for text, *_ in texts]
    assert shown.count("no face found") == 2  # in the caption, and large in place of the regions
    assert shown.count("truncated JPEG") == 2


@pytest.mark.parametrize("name", ["x" * 300, "a/b/$x^2$.jpg", "名前.jpg", "\udcff.jpg"])
def test_any_file_name(face, region_names, texts, name):
    contact_sheet([replace(face, name=name, status="a reason that is rather long " * 9)], region_names, name)
    _assert_no_text_is_cut_or_overlaps(texts)


@pytest.mark.slow
@pytest.mark.parametrize("count", [1, 2, 10, 16, 40, 100])
def test_attribute_sheet_of_any_number(face, texts, count):
    names = [f"An_Attribute_{i}" for i in range(count)]
    labels = (np.arange(count) % 3 - 1).astype(np.int8)
    masks = np.stack([face.regions >> (i % 5) & 1 == 1 for i in range(count)])
    sheet = attribute_sheet(face, names, labels, masks, labels == 1)
    _assert_no_text_is_cut_or_overlaps(texts)
    shown = [text for text, *_ in texts]
    assert set(names) <= set(shown)
    for label, word in ((1, "present"), (0, "absent"), (-1, "unknown")):
        assert shown.count(word) == (labels == label).sum()
    assert (sheet == MASK_COLOUR).all(axis=2).sum() > 20 * count


def test_empty_mask_is_said(face, texts):
    empty = np.zeros((1, *face.regions.shape), bool)
    attribute_sheet(face, ["Wearing_Hat"], np.array([1], np.int8), empty, np.array([True]))
    assert "present · empty mask" in [text for text, *_ in texts]


def test_spread_takes_both_ends_and_no_row_twice():
    rows = np.arange(100, 1100)
    assert evenly_spaced(rows, 5).tolist() == [100, 350, 600, 849, 1099]
    assert evenly_spaced(rows, 1).tolist() == [100]
    assert evenly_spaced(rows[:3], 5).tolist() == [100, 101, 102]
    assert len(set(evenly_spaced(rows, 999).tolist())) == 999
