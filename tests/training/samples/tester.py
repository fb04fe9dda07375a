"""What every source of samples must do: its test class inherits this one."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest
import torch

from wsegs.tasks.batch import SampleFields
from wsegs.training.samples.sampler import Moves
from wsegs.training.samples.sources import SampleSource

FIELDS = SampleFields(frozenset({"attributes", "identity"}))


class SampleSourceTester:
    """Contract of a source of samples.

    A test class says how to build one of 26 images, of which number 3 may have no face.
    """

    size = (32, 28)

    def build(self) -> SampleSource:
        raise NotImplementedError

    def test_a_batch_is_of_its_size_and_types(self) -> None:
        source = self.build()
        batch = source.read([2, 0], FIELDS)
        assert (batch.images.dtype, batch.images.shape) == (torch.uint8, (2, 3, *self.size))
        assert batch.images.is_contiguous(memory_format=torch.channels_last)
        assert batch.labels["attributes"].dtype == torch.int8
        assert batch.labels["identity"].dtype == torch.int64
        assert batch.labels["identity"].tolist() == [1, 0]
        assert batch.regions is None
        assert batch.classes is None
        assert (batch.points.shape, batch.matrix.shape) == ((2, 5, 2), (2, 2, 3))
        assert len(source) == 26

    def test_padding_is_black_and_knows_nothing(self) -> None:
        batch = self.build().read([-1, 0], FIELDS)
        assert not batch.images[0].any()
        assert batch.images[1].any()
        assert (batch.labels["attributes"][0] == -1).all()
        assert batch.labels["identity"][0] == -1
        assert not batch.has_face[0]
        assert batch.points[0].isnan().all()

    def test_moves_are_passed_on(self) -> None:
        flips = self.build().read([0, 1], FIELDS, Moves(np.array([True, False]))).flip
        assert flips.tolist() == [True, False]

    def test_points_lie_where_the_matrix_takes_them(self) -> None:
        source = self.build()
        rows = [0, 1, 2, 4, 5]
        batch = source.read(rows, FIELDS)
        for points, matrix, row in zip(batch.points, batch.matrix, rows, strict=True):
            inverse = np.linalg.inv(np.vstack([matrix.numpy(), [0, 0, 1]]))
            back = points.numpy() @ inverse[:2, :2].T + inverse[:2, 2]
            np.testing.assert_allclose(back, self.source_points(row), atol=1e-2)

    def source_points(self, row: int) -> np.ndarray:
        """The five points in the source image."""
        raise NotImplementedError

    def test_it_pickles_and_gives_the_same(self) -> None:
        source = self.build()
        before = source.read([4, 1], FIELDS)
        after = pickle.loads(pickle.dumps(source)).read([4, 1], FIELDS)
        for one, other in zip(before, after, strict=True):
            if one is not None:
                torch.testing.assert_close(one, other, rtol=0, atol=0, equal_nan=True)

    def test_what_is_kept_changes_nothing_and_is_read_once(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        source = self.build()
        plain = source.read([2, 5, -1], FIELDS)
        source.keep_rows(tmp_path, FIELDS)
        first = source.read([2, 5, -1], FIELDS)
        again = pickle.loads(pickle.dumps(source))
        monkeypatch.setattr(type(source), "crop", lambda *_: pytest.fail("an image was read twice"))
        for batch in (first, source.read([2, 5, -1], FIELDS), again.read([2, 5, -1], FIELDS)):
            for one, other in zip(plain, batch, strict=True):
                if one is not None:
                    torch.testing.assert_close(one, other, rtol=0, atol=0, equal_nan=True)

    def test_the_size_in_bytes_is_what_is_kept(self, tmp_path: Path) -> None:
        source = self.build()
        (tmp_path / "kept").mkdir()
        source.keep_rows(tmp_path / "kept", FIELDS)
        kept = sum(file.stat().st_size for file in (tmp_path / "kept").iterdir() if file.suffix != ".filled")
        assert kept == len(source) * source.bytes_a_row(FIELDS)
