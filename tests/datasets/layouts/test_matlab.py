"""MATLAB files that SciPy crashes on."""

from __future__ import annotations

import base64

import numpy as np
import pytest
from scipy.io import savemat

from wsegs.datasets.layouts.matlab import read_arrays
from wsegs.errors import DataError

# Found by fuzzing: SciPy 1.17 ends the process with a segmentation fault.
CRASHES = base64.b64decode(
    """
    TUFUTEFCIDUuMCBNQVQtZmlsZSBQbGF0Zm9ybTogcG9zaXgsIENyZWF0ZWQgb246IFdlZCBOb3YgMjUgMDQ6MjM6NTMgMjAyNgAA
    AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAABSU0OAAAASAEAAAYAAAAIAAAACQAAAAAA
    AAAFAAAACAAAAAQAAAABAAAAAQAEAG5hbWUOAAAAQAAAAAYAAAAIAAAABAAAAAAAAAAFAAAACAAAAAEAAAAQAAAAAQAAAAAAAAAQ
    AAAAEAAAAEFfQlxBX0JfMDAwMC5qcGcOAAAAQAAAAAYAAAAIAAAABAAAAAAAAAAFAAAACAAAAAEAAAAQAAAAAQAAAAAAAAAQAAAA
    EAAAAEFfQlxBX0JfMDAwMS5qcGcOAAAAQAAAAAYAAAAIAAAABAAAAAAAAAAFAAAACAAAAAEAAAAQAAAAAQAAAAAAAAAQAAAAEAAA
    AEFfQlxBX0JfMDAwMi5qcGcOAAAAQAAAAAYAAAAIAAAABAAAAAAAAAAFAAAACAAAAAEAAAAQAAAAAQAAAAAAAAAQAAAAEAAAAEFf
    QlxBX0JfMDAwMy5qcGcOAAAAsAAAAAYAAAAIAAAAAQAAAAAA
    """
)


@pytest.mark.slow
def test_a_file_that_scipy_crashes_on_is_refused_in_one_line(tmp_path):
    (tmp_path / "lfw_att_40.mat").write_bytes(CRASHES)
    with pytest.raises(DataError, match=r"lfw_att_40\.mat: expected a MATLAB file, cannot be read: ") as caught:
        read_arrays(tmp_path / "lfw_att_40.mat", ("name", "label", "AttrName"))
    assert "\n" not in str(caught.value)


@pytest.mark.slow
def test_objects_that_are_no_numbers_or_texts_are_refused(tmp_path):
    savemat(tmp_path / "f.mat", {"label": np.array([{"a": 1}], object)})
    with pytest.raises(DataError, match=r"f\.mat: expected a MATLAB file, cannot be read: expected a string"):
        read_arrays(tmp_path / "f.mat", ("label",))
