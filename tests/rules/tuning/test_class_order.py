"""Class numbers that mean something else, and masks of which a class map knows no class."""

from __future__ import annotations

import numpy as np
import pytest

from wsegs.errors import DataError
from wsegs.io.files import shipped_folder
from wsegs.rules.tuning.class_map import load_classes, parse_classes
from wsegs.rules.tuning.class_order import class_order_doubt

NAMES = ("eyes", "eyebrows", "nose", "mouth", "top_of_head")
SHIPPED = sorted(path.stem for path in shipped_folder("rules/classes").glob("*.yaml"))


def faces(order: str) -> tuple[np.ndarray, np.ndarray]:
    """Return regions that are rows of pixels, and masks that agree with them by a shipped class map."""
    classes = load_classes(order)
    regions = np.zeros((2, 12, 8), np.uint8)
    masks = np.zeros((2, 12, 8), np.uint16)
    for bit, name in enumerate(NAMES):
        rows = slice(2 * bit, 2 * bit + 2)
        regions[:, rows] = 1 << bit
        masks[:, rows] = np.resize(classes.regions[name], (2, 8))
    return regions, masks


@pytest.mark.parametrize("order", ["celebamask", "face-parsing", "lapa"])
@pytest.mark.parametrize("said", ["celebamask", "face-parsing", "lapa", "helen"])
def test_the_order_that_fits_is_named(order, said):
    doubt = class_order_doubt(faces(order)[0], NAMES, faces(order)[1], load_classes(said))
    if load_classes(order).regions["nose"] == load_classes(said).regions["nose"]:
        assert doubt == ""
        return
    assert "never overlap the regions that the rules draw" in doubt
    assert f"--class-map {order}" in doubt
    assert "mean IoU 1.00 in place of 0." in doubt


def test_helen_and_lapa_have_one_order():
    regions, masks = faces("helen")
    assert "the order of lapa or helen would fit" in class_order_doubt(
        regions, NAMES, masks, load_classes("celebamask")
    )


def test_no_order_fits():
    regions, masks = faces("celebamask")
    doubt = class_order_doubt(np.roll(regions, 5, axis=1), NAMES, masks, load_classes("celebamask"))
    assert doubt.endswith("is this the class map of these masks?")
    assert "nose (2 nose)" in doubt


def test_one_region_that_misses_is_no_reason_for_doubt():
    regions, masks = faces("celebamask")
    regions[regions == 4] = 0
    assert class_order_doubt(regions, NAMES, masks, load_classes("celebamask")) == ""


def test_regions_that_no_rules_draw_are_not_compared():
    regions, masks = faces("celebamask")
    text = "classes: {background: 0, skin: 1, left: 4}\nregions: {background: background, left_eye: left}\n"
    own = parse_classes(text, "own.yaml")
    assert class_order_doubt(regions, NAMES, masks, own) == ""


@pytest.mark.parametrize("name", SHIPPED)
def test_shipped_class_maps(name):
    classes = load_classes(name)
    assert classes.names[0] == "background"
    assert len({*classes.names.values()}) == len(classes.names)
    numbers = [number for region in classes.regions.values() for number in region]
    assert len({*numbers}) == len(numbers)


@pytest.mark.parametrize(("name", "nose", "hair"), [("celebamask", 2, 13), ("face-parsing", 10, 17), ("lapa", 6, 10)])
def test_numbers_of_the_orders(name, nose, hair):
    names = load_classes(name).names
    assert (names[nose], names[hair], names[1]) == ("nose", "hair", "skin")


@pytest.mark.parametrize("values", [{0, 255}, {0, 128}, {0, 1}, {0}])
@pytest.mark.parametrize("name", ["celebamask", "celebamask-seven"])
def test_values_that_a_class_map_does_not_know(name, values):
    classes = load_classes(name)
    if values & classes.foreground:
        classes.require_known(values, "masks")
        return
    with pytest.raises(DataError) as caught:
        classes.require_known(values, "masks")
    message = str(caught.value)
    assert message.startswith("masks: the masks hold 0 background")
    assert f"the class map {name}: it knows " in message
    region = {"celebamask": "top_of_head", "celebamask-seven": "hair"}[name]
    assert f"with 'regions: {{{region}: {max(values) or 255}}}')" in message
    classes.require_known({*values, 2}, "masks")


def test_255_is_a_class_where_a_region_says_so():
    classes = parse_classes("regions: {hair: 255}", "mine.yaml")
    assert classes.known(np.array([0, 255], np.uint16)).all()
    classes.require_known({0, 255}, "masks")
    assert not parse_classes("regions: {hair: 1}", "mine.yaml").known(np.array([255], np.uint16)).any()
