"""Relation of attributes as a loss: the online batch relation of Wang, Su & Zhao, section II-C.

Attributes that go together in the labels are to be predicted alike, and attributes that do not are to be predicted
unlike. What goes together is learnt from the mini-batches as they come.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from wsegs.nets import NetworkOutput
from wsegs.nets.process_group import ProcessGroup
from wsegs.tasks.batch import Batch, SampleFields
from wsegs.tasks.labelled import Labelled
from wsegs.tasks.losses import LossTerms, over_known
from wsegs.tasks.task import Task


class Relation(Task):
    """The loss of pairs of attributes, beside the task ``attributes``, whose head and labels it reads.

    Each training step the matrix of correlation coefficients of the mini-batch's labels joins a moving average before
    the loss is computed (equation 1). A pair is on either side of two thresholds by that average, through which no
    gradient passes. The paper's divisor S is one number; here each pair has its own, since an attribute that does not
    vary in a mini-batch has no correlation there: its pairs then keep what they had. Where all is defined this is the
    paper's. A pair that never had a correlation is in neither term.

    Several processes add up their labels' sums, so that each has the matrix of the whole mini-batch.

    Parameters
    ----------
    name, outputs
        See :class:`wsegs.tasks.task.Task`; ``outputs`` are the names of the A attributes.
    decay, positive_threshold, negative_threshold, scale
        See :class:`wsegs.tasks.options.RelationOptions`.

    Attributes
    ----------
    sums, counts : Tensor
        (A, A): R_sb and S of equation 1.
    whole : Tensor
        (A, A): the correlations of the labels of all training images, for comparison; nan where there is none.
    """

    sums: Tensor
    counts: Tensor
    whole: Tensor

    def __init__(
        self,
        name: str,
        outputs: tuple[str, ...],
        decay: float = 0.99,
        positive_threshold: float = 0.8,
        negative_threshold: float = 0.2,
        scale: str = "sum",
    ) -> None:
        super().__init__(name, outputs)
        self.decay = decay
        self.positive_threshold = positive_threshold
        self.negative_threshold = negative_threshold
        self.scale = scale
        size = (len(outputs), len(outputs))
        self.register_buffer("sums", torch.zeros(size))
        self.register_buffer("counts", torch.zeros(size))
        self.register_buffer("whole", torch.full(size, float("nan")))

    def begin(self, labelled: Labelled, rows: Any) -> None:
        """Correlate the labels of all training images."""
        labels = torch.from_numpy(labelled.attributes[rows])
        self.whole.copy_(correlations(labels.double(), labels >= 0))

    def fields(self, network: nn.Module, size: tuple[int, int]) -> SampleFields:
        """Return that it needs the attributes."""
        return SampleFields(frozenset({"attributes"}))

    def head_size(self) -> int | None:
        """Return None: it reads the head of the task ``attributes``."""
        return None

    def losses(self, output: NetworkOutput, batch: Batch, group: ProcessGroup) -> dict[str, LossTerms]:
        """Return the loss of equation 2, in training after the mini-batch has joined the moving average."""
        labels = batch.labels["attributes"]
        if self.training:
            self._join(labels, group)
        positive, negative = self.related()
        probabilities = output.heads["attributes"].float().sigmoid()
        terms = relation_loss(probabilities, labels >= 0, positive, negative)
        if self.scale == "sum":
            terms = LossTerms(terms.sums / len(self.outputs), terms.counts)
        return {self.name: terms}

    def matrix(self) -> Tensor:
        """Return R_g of equation 1, (A, A); nan where a pair has had no correlation so far."""
        return torch.where(self.counts > 0, self.sums / self.counts.clamp(min=1), float("nan"))

    def related(self) -> tuple[Tensor, Tensor]:
        """Return which pairs are in the positive and in the negative term, bool (A, A) each (equation 3)."""
        matrix = self.matrix()
        return matrix >= self.positive_threshold, matrix <= self.negative_threshold

    def trace(self) -> dict[str, Tensor]:
        """Return what a step's row says of it.

        ``distance`` is the mean absolute difference to the correlations of all training images, over the pairs that
        have both; ``positive_pairs`` and ``negative_pairs`` are how many pairs each term touches, each pair once.
        """
        positive, negative = (pairs.triu(1).sum().float() for pairs in self.related())
        apart = (self.matrix() - self.whole).abs()
        known = apart.isfinite().triu(1)
        distance = torch.where(known, apart, 0).sum() / known.sum()
        return {"distance": distance, "positive_pairs": positive, "negative_pairs": negative}

    def decode(self, output: NetworkOutput) -> dict[str, Any]:
        """Return nothing: it says nothing of single images."""
        return {}

    @torch.no_grad()
    def _join(self, labels: Tensor, group: ProcessGroup) -> None:
        """Add the correlations of the mini-batch of all processes to the moving average."""
        known = labels >= 0
        now = _coefficients(group.sum(_pair_sums(labels.float(), known)))
        defined = now.isfinite()
        self.sums.copy_(torch.where(defined, self.decay * self.sums + now, self.sums))
        self.counts.copy_(torch.where(defined, self.decay * self.counts + 1, self.counts))


def relation_loss(probabilities: Tensor, known: Tensor, positive: Tensor, negative: Tensor) -> LossTerms:
    """Return the online batch relation loss of probabilities (equation 2), over pairs of known labels.

    Where all K x M labels are known this is 1 / (2 K M^2) times the sum over ordered pairs.

    Parameters
    ----------
    probabilities
        float (B, A).
    known
        bool (B, A): which labels are known. With none, the loss is 0.
    positive, negative
        bool (A, A): the pairs whose probabilities are to be alike, and unlike.
    """
    apart = (probabilities[:, :, None] - probabilities[:, None, :]).square()
    error = positive * apart + negative * (1 - apart).square()
    return over_known(error / 2, known[:, :, None] & known[:, None, :])


def correlations(values: Tensor, known: Tensor) -> Tensor:
    """Return the correlation coefficients of columns, (A, A), each over the rows that know both; nan where undefined.

    Parameters
    ----------
    values
        float (N, A); for more than some thousand rows in double precision.
    known
        bool (N, A).
    """
    return _coefficients(_pair_sums(values, known))


def _pair_sums(values: Tensor, known: Tensor) -> Tensor:
    """Return four sums over the rows that know both columns i and j, (4, A, A).

    How many they are, the values of i, their squares, and the products of i and j. Of labels they are whole numbers, so
    that it is no matter in which order and by which process they are added up.
    """
    here = known.to(values.dtype)
    values = torch.where(known, values, 0)
    with torch.autocast(values.device.type, enabled=False):
        return torch.stack([here.T @ here, values.T @ here, values.square().T @ here, values.T @ values])


def _coefficients(sums: Tensor) -> Tensor:
    """Return the correlation coefficients of :func:`_pair_sums`; nan where one of the two does not vary."""
    count, first, squares, products = sums
    spread = count * squares - first.square()  # of i, where j is known
    both = spread * spread.T
    covariance = count * products - first * first.T
    return torch.where(both > 0, covariance / torch.where(both > 0, both, 1).sqrt(), float("nan")).clamp(-1, 1)
