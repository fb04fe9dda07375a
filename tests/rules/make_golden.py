"""Write golden.npz anew: what the shipped rule files draw on the faces of conftest.py.

    python tests/rules/make_golden.py

For use after a wanted change of rules/celeba*.yaml. The pixels of attparsenet-2020 must never change.
"""

from pathlib import Path

import numpy as np
import pytest

from wsegs.rules import load_rules

NAMES = ("attparsenet-2020", "celeba", "celeba-5points", "celeba-478points")


def test_write(faces_of):
    rules = {name: load_rules(name) for name in NAMES}
    drawn = {name: rules[name].draw(faces_of[rules[name].scheme.name], (218, 178)) for name in NAMES}
    np.savez_compressed(Path(__file__).with_name("golden.npz"), **drawn)


if __name__ == "__main__":
    pytest.main([__file__, "-q"])
