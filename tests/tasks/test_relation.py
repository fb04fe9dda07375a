"""The online batch relation: Wang, Su & Zhao, equations 1 to 3."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from torch import Tensor

from tests.tasks.tester import GROUP, TaskTester
from wsegs.nets import NetworkOutput
from wsegs.nets.process_group import ProcessGroup
from wsegs.tasks import build_task
from wsegs.tasks.attributes import attribute_loss
from wsegs.tasks.options import RelationOptions
from wsegs.tasks.relation import Relation, correlations, relation_loss

NAMES = ("a", "b", "c")
FIRST = torch.tensor([[1, 1, 0], [0, 0, 1], [1, 1, 1]], dtype=torch.int8)
SECOND = torch.tensor([[1, 0, 1], [0, 0, 0], [1, 0, 1]], dtype=torch.int8)  # b does not vary
PROBABILITIES = torch.tensor([[0.9, 0.6, 0.2], [0.3, 0.4, 0.7], [0.8, 0.5, 0.5]])


def _task(count: int = 3, **options) -> Relation:
    return build_task("relation", "relation", tuple("abcdefgh"[:count]), options)


def _batch(labels: Tensor):
    tester = TestRelation()
    return tester.batch({"attributes": labels})


class TestRelation(TaskTester):
    """The contract, in evaluation, where the matrix stays; a and b go together, c against both."""

    kind = "relation"
    outputs = NAMES
    options: ClassVar[dict[str, Any]] = {"negative_threshold": -0.2}

    def labels(self):
        return {"attributes": torch.tensor([[1, 0, 1], [0, 1, 1], [1, 1, 0], [-1, -1, -1]], dtype=torch.int8)}

    def build(self) -> Relation:
        task = super().build()
        task.sums.copy_(2 * torch.tensor([[1, 0.9, -0.9], [0.9, 1, -0.9], [-0.9, -0.9, 1]]))
        task.counts.fill_(2)
        return task.eval()

    def output(self, seed: int = 0) -> NetworkOutput:
        output = super().output(seed)
        return output._replace(heads={"attributes": output.heads["relation"]})

    def read(self, output: NetworkOutput) -> Tensor:
        return output.heads["attributes"]

    def part(self, output: NetworkOutput, rows: slice) -> NetworkOutput:
        return NetworkOutput({"attributes": output.heads["attributes"][rows]}, features=output.features[rows])

    def test_a_decoded_output_has_a_value_for_each_image(self) -> None:
        assert self.build().decode(self.output()) == {}  # it says nothing of single images


def test_the_matrix_by_hand() -> None:
    """Two mini-batches; in the second b does not vary, so that its pairs keep what they had."""
    task = _task()
    task.losses(NetworkOutput({"attributes": PROBABILITIES.logit()}), _batch(FIRST), GROUP)
    expected = torch.tensor([[1.0, 1.0, -0.5], [1.0, 1.0, -0.5], [-0.5, -0.5, 1.0]])
    torch.testing.assert_close(task.matrix(), expected)
    assert torch.equal(task.counts, torch.ones(3, 3))
    task.losses(NetworkOutput({"attributes": PROBABILITIES.logit()}), _batch(SECOND), GROUP)
    expected[0, 2] = expected[2, 0] = (0.99 * -0.5 + 1) / 1.99
    torch.testing.assert_close(task.matrix(), expected)
    torch.testing.assert_close(task.counts, torch.tensor([[1.99, 1, 1.99], [1, 1, 1], [1.99, 1, 1.99]]))


def test_the_loss_by_hand() -> None:
    logits = PROBABILITIES.double().logit().requires_grad_()
    task = _task(scale="mean")
    value = task.losses(NetworkOutput({"attributes": logits}), _batch(FIRST), GROUP)["relation"].value()
    assert value.item() == pytest.approx(0.167315, abs=1e-6)
    value.backward()
    assert logits.grad[0].tolist() == pytest.approx([-0.00276, -0.01728, 0.01643], abs=1e-5)
    value = task.losses(NetworkOutput({"attributes": logits}), _batch(SECOND), GROUP)["relation"].value()
    assert value.item() == pytest.approx(0.100878, abs=1e-6)


def test_the_weight_means_the_same_as_beside_a_sum_over_attributes() -> None:
    """L_E + alpha L_B of the paper is M times the mean cross entropy plus alpha times this loss, ``scale: sum``."""
    logits = PROBABILITIES.logit()
    ours = _task().losses(NetworkOutput({"attributes": logits}), _batch(FIRST), GROUP)["relation"].value()
    whole = attribute_loss(logits, FIRST).value() + 0.5 * ours
    assert 3 * whole.item() == pytest.approx(1.224314 + 0.5 * 0.167315, abs=1e-5)


def test_perfect_predictions_are_punished_for_pairs_that_are_unrelated() -> None:
    """What r_n = .2 costs as printed, and what -.2 does."""
    labels = torch.tensor([[1, 0, 0], [0, 1, 0], [1, 1, 1], [0, 0, 1]], dtype=torch.int8)  # none are related
    perfect = torch.where(labels > 0, 50.0, -50.0)
    values = []
    for threshold in (0.2, -0.2):
        task = _task(scale="mean", negative_threshold=threshold)
        values.append(task.losses(NetworkOutput({"attributes": perfect}), _batch(labels), GROUP)["relation"].value())
    assert values[0].item() == pytest.approx((labels[:, :, None] == labels[:, None, :]).sum().sub(12).item() / 72)
    assert values[1] == 0


def _loop(probabilities: np.ndarray, known: np.ndarray, matrix: np.ndarray, positive: float, negative: float):
    """Equation 2, as slowly as it is printed, over pairs whose labels are known."""
    total, pairs = 0.0, 0
    for k in range(len(probabilities)):
        for i in range(len(matrix)):
            for j in range(len(matrix)):
                if not (known[k, i] and known[k, j]):
                    continue
                pairs += 1
                apart = (probabilities[k, i] - probabilities[k, j]) ** 2
                if matrix[i, j] >= positive:  # nan is on neither side
                    total += apart / 2
                if matrix[i, j] <= negative:
                    total += (1 - apart) ** 2 / 2
    return total / max(pairs, 1)


def _slow_correlation(one: np.ndarray, other: np.ndarray) -> float:
    known = (one >= 0) & (other >= 0)
    one, other = one[known].astype(float), other[known].astype(float)
    if len(one) == 0 or one.std() == 0 or other.std() == 0:
        return float("nan")
    return float(((one - one.mean()) * (other - other.mean())).mean() / (one.std() * other.std()))


@given(
    seed=st.integers(0, 2**31 - 1),
    batches=st.integers(1, 4),
    size=st.integers(1, 7),
    count=st.integers(2, 5),
    unknown=st.sampled_from([0.0, 0.3, 0.9]),
    thresholds=st.sampled_from([(0.8, 0.2), (0.4, -0.2), (0.0, -0.5)]),
    decay=st.sampled_from([1.0, 0.99, 0.5]),
)
@settings(max_examples=60, deadline=None)
def test_it_is_what_a_triple_loop_gives(seed, batches, size, count, unknown, thresholds, decay) -> None:
    """Unknown labels, attributes that do not vary, pairs that never had a correlation."""
    rng = np.random.default_rng(seed)
    task = _task(count, decay=decay, positive_threshold=thresholds[0], negative_threshold=thresholds[1], scale="mean")
    sums, counts = np.zeros((count, count)), np.zeros((count, count))
    for _ in range(batches):
        labels = rng.integers(0, 2, (size, count)).astype(np.int8)
        labels[rng.random(labels.shape) < unknown] = -1
        logits = torch.from_numpy(rng.normal(0, 2, labels.shape))
        output = NetworkOutput({"attributes": logits})
        value = task.losses(output, _batch(torch.from_numpy(labels)), GROUP)["relation"].value()
        for i in range(count):
            for j in range(count):
                now = _slow_correlation(labels[:, i], labels[:, j])
                if not np.isnan(now):
                    sums[i, j] = decay * sums[i, j] + now
                    counts[i, j] = decay * counts[i, j] + 1
        with np.errstate(invalid="ignore"):
            matrix = sums / counts
        np.testing.assert_allclose(task.matrix().numpy(), matrix, atol=1e-5)
        if np.nanmin(np.abs(matrix[..., None] - thresholds), initial=1) < 1e-4:
            return  # on a threshold, where rounding decides
        probabilities = 1 / (1 + np.exp(-logits.numpy()))
        expected = _loop(probabilities, labels >= 0, matrix, *thresholds)
        assert value.item() == pytest.approx(expected, abs=1e-5)


def test_gradients_of_a_matrix_that_stays() -> None:
    generator = torch.Generator().manual_seed(3)
    logits = torch.randn(5, 4, dtype=torch.double, generator=generator, requires_grad=True)
    related = torch.randint(0, 3, (4, 4), generator=generator)
    related = related.triu() + related.triu(1).T
    known = torch.rand(5, 4, generator=generator) > 0.2

    def loss(values: Tensor) -> Tensor:
        return relation_loss(values.sigmoid(), known, related == 1, related == 2).value()

    assert torch.autograd.gradcheck(loss, (logits,))


def test_no_gradient_reaches_the_matrix_and_evaluation_leaves_it() -> None:
    task = _task()
    logits = PROBABILITIES.logit().requires_grad_()
    task.losses(NetworkOutput({"attributes": logits}), _batch(FIRST), GROUP)["relation"].value().backward()
    assert not task.matrix().requires_grad
    before = {name: value.clone() for name, value in task.state().items()}
    task.eval().losses(NetworkOutput({"attributes": logits}), _batch(SECOND), GROUP)
    for name, value in task.state().items():
        torch.testing.assert_close(value, before[name], rtol=0, atol=0, equal_nan=True)


def test_a_pair_that_never_varied_is_in_neither_term() -> None:
    task = _task(negative_threshold=0.2)
    still = torch.tensor([[1, 0, 0], [1, 1, 1], [1, 0, 1]], dtype=torch.int8)  # a is always there
    task.losses(NetworkOutput({"attributes": PROBABILITIES.logit()}), _batch(still), GROUP)
    positive, negative = task.related()
    assert task.matrix()[0].isnan().all()
    assert not positive[0].any()
    assert not negative[0].any()
    assert positive[1, 1]


def test_its_trace_counts_pairs_and_the_distance_to_all_training_images() -> None:
    task = _task(negative_threshold=-0.2)

    class Labelled:
        attributes = torch.cat([FIRST, SECOND, torch.full((1, 3), -1, dtype=torch.int8)]).numpy()

    task.begin(Labelled, np.arange(7))
    whole = np.corrcoef(Labelled.attributes[:6].T)
    np.testing.assert_allclose(task.whole.numpy(), whole, atol=1e-6)
    task.losses(NetworkOutput({"attributes": PROBABILITIES.logit()}), _batch(FIRST), GROUP)
    trace = {name: value.item() for name, value in task.trace().items()}
    upper = np.triu_indices(3, 1)
    distance = np.abs(np.array([1.0, -0.5, -0.5]) - whole[upper]).mean()
    assert trace == {"distance": pytest.approx(distance, abs=1e-6), "positive_pairs": 1, "negative_pairs": 2}
    assert np.isnan(_task().trace()["distance"].item())  # nothing is known yet


class _Other(ProcessGroup):
    """A group of two, of which the other has these sums."""

    def __init__(self) -> None:
        self.given: list[Tensor] = []

    def sum(self, values: Tensor) -> Tensor:
        self.given.append(values.clone())
        return values if len(self.given) == 1 else self.given[0] + values


@given(seed=st.integers(0, 2**31 - 1), first=st.integers(1, 20), second=st.integers(1, 20))
@settings(max_examples=30, deadline=None)
def test_processes_have_the_matrix_of_the_whole_mini_batch_to_the_last_bit(seed, first, second) -> None:
    generator = torch.Generator().manual_seed(seed)
    labels = torch.randint(-1, 2, (first + second, 4), dtype=torch.int8, generator=generator)
    whole, part, group = _task(4), _task(4), _Other()
    whole.losses(NetworkOutput({"attributes": torch.zeros(labels.shape)}), _batch(labels), GROUP)
    for task, rows in ((_task(4), labels[:first]), (part, labels[first:])):
        task.losses(NetworkOutput({"attributes": torch.zeros(rows.shape)}), _batch(rows), group)
    assert torch.equal(part.sums, whole.sums)
    assert torch.equal(part.counts, whole.counts)


def test_correlations_are_those_of_numpy() -> None:
    values = torch.randn(50, 6, dtype=torch.double, generator=torch.Generator().manual_seed(0))
    values[:, 5] = 2 - values[:, 0]
    found = correlations(values, torch.ones(50, 6, dtype=torch.bool))
    np.testing.assert_allclose(found.numpy(), np.corrcoef(values.numpy().T), atol=1e-12)


def test_labels_are_summed_in_full_under_mixed_precision() -> None:
    """In bfloat16 300 would be 300 +- 1."""
    labels = torch.randint(0, 2, (301, 3), dtype=torch.int8, generator=torch.Generator().manual_seed(0))
    plain, mixed = _task(), _task()
    output = NetworkOutput({"attributes": torch.zeros(301, 3)})
    plain.losses(output, _batch(labels), GROUP)
    with torch.autocast("cpu", torch.bfloat16):
        mixed.losses(output, _batch(labels), GROUP)
    assert torch.equal(mixed.sums, plain.sums)


def test_thresholds_must_be_in_order() -> None:
    with pytest.raises(ValidationError, match=r"negative_threshold below the positive_threshold, got 0.9 and 0.8"):
        RelationOptions(negative_threshold=0.9)
