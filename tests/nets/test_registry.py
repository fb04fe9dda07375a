from __future__ import annotations

import subprocess
import sys

import pytest

from wsegs.errors import OptionError
from wsegs.nets import build_network, network_names, register


def test_an_unknown_network_is_refused_with_the_nearest_name() -> None:
    with pytest.raises(OptionError, match=r"unknown network 'atparsenet'.*did you mean 'attparsenet'"):
        build_network("atparsenet", heads={"attributes": 40}, size=(218, 178))


def test_an_unknown_option_is_refused_with_the_nearest_name() -> None:
    with pytest.raises(OptionError, match=r"'attparsenet' has no option 'widht'.*did you mean 'width'"):
        build_network("attparsenet", heads={"attributes": 40}, size=(218, 178), widht=0.5)


def test_a_name_is_registered_once() -> None:
    assert "attparsenet" in network_names()
    build_network("attparsenet", heads={"attributes": 1}, size=(218, 178))  # which registers it
    with pytest.raises(ValueError, match="registered twice: AttParseNet, Other"):

        @register("attparsenet")
        class Other:
            pass


def test_the_registry_does_not_import_torch() -> None:
    code = "import sys, wsegs.nets; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
