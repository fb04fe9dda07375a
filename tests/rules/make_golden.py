"""Write golden.npz anew: what the shipped rule files draw on the faces of conftest.py.

    python tests/rules/make_golden.py

For use after a wanted change of rules/celeba.yaml. The pixels of attparsenet-2020 must never change.
"""

from pathlib import Path

import numpy as np
import pytest

from wsegs.rules import load_rules


def test_write(faces):
    drawn = {name: load_rules(name).draw(np.rint(faces), (218, 178)) for name in ("attparsenet-2020", "celeba")}
    np.savez_compressed(Path(__file__).with_name("golden.npz"), **drawn)


if __name__ == "__main__":
    pytest.main([__file__, "-q"])
