"""Identity classification: softmax cross entropy, and centre or similarity loss on the features."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torchmetrics.functional.classification import binary_auroc

from wsegs.errors import OptionError
from wsegs.nets import NetworkOutput
from wsegs.nets.process_group import ProcessGroup
from wsegs.tasks.batch import Batch, SampleFields
from wsegs.tasks.losses import LossTerms, of_whole_batch, over_known
from wsegs.tasks.scores import Predictions
from wsegs.tasks.task import Task

_COMPARED = 2000  # images whose pairs say how well features tell people apart


class Identity(Task):
    """Classification among the people of the training images; ``outputs`` are their numbers.

    The centre loss (Wang, Su & Zhao, section III; Wen et al., "A discriminative feature learning approach for deep face
    recognition", equations 2 to 4) is half the squared distance of the features to the centre of their person. Centres
    follow the features at a rate of their own and are part of every checkpoint.

    The similarity loss (Liu, Luo, Wang & Tang, section 3.2) is the squared distance of the features of two images of
    one person. The paper adds up all pairs of a mini-batch; here it is their mean, which does not grow with it.

    Parameters
    ----------
    name, outputs
        See :class:`wsegs.tasks.task.Task`.
    centre_weight, centre_rate, similarity_weight
        See :class:`wsegs.tasks.options.IdentityOptions`.
    """

    people: Tensor
    centres: Tensor

    def __init__(
        self,
        name: str,
        outputs: tuple[str, ...],
        centre_weight: float = 0.0,
        centre_rate: float = 0.5,
        similarity_weight: float = 0.0,
    ) -> None:
        super().__init__(name, outputs)
        self.centre_weight = centre_weight
        self.centre_rate = centre_rate
        self.similarity_weight = similarity_weight
        self.register_buffer("people", torch.tensor(sorted(map(int, outputs))), persistent=False)
        self.register_buffer("centres", torch.zeros(0, 0))
        self._predictions = Predictions()
        self._features = Predictions()

    def attach(self, network: nn.Module) -> None:
        """Make a centre for each person, as long as the features of the network."""
        features = getattr(getattr(network, "heads", None), "feature_size", None)
        for option in ("centre_weight", "similarity_weight"):
            if getattr(self, option) and features is None:
                raise OptionError(f"task '{self.name}': {option} needs a network with features, this one has none")
        if self.centre_weight and features is not None:
            self.centres = torch.zeros(len(self.people), features)

    def fields(self, network: nn.Module, size: tuple[int, int]) -> SampleFields:
        """Return that it needs the identity."""
        return SampleFields(frozenset({"identity"}))

    def losses(self, output: NetworkOutput, batch: Batch, group: ProcessGroup) -> dict[str, LossTerms]:
        """Return the softmax cross entropy of the images of known people, with the weighted losses of features."""
        target = self._targets(batch)
        known = target >= 0
        error = F.cross_entropy(output.heads[self.name].float(), target, ignore_index=-1, reduction="none")
        errors = [error]
        if self.centre_weight:
            assert output.features is not None
            features = output.features.float()
            errors.append(0.5 * self.centre_weight * (features - self.centres[target]).square().sum(dim=1))
            if self.training:
                self._move_centres(group.gather(features.detach()), group.gather(target))
        terms = [over_known(error, known) for error in errors]
        if self.similarity_weight:
            assert output.features is not None
            pairs = similarity_loss(group.gather(output.features.float()), group.gather(target))
            terms.append(of_whole_batch(self.similarity_weight * pairs))
        return {self.name: LossTerms(torch.cat([t.sums for t in terms]), torch.cat([t.counts for t in terms]))}

    def update(self, output: NetworkOutput, batch: Batch) -> None:
        """Keep logits, features and people."""
        self._predictions.update(output.heads[self.name], self._targets(batch))
        if output.features is not None:
            self._features.update(output.features, batch.labels["identity"])

    def scores(self) -> dict[str, float]:
        """Return the accuracy on people of the training, and how well features tell same from different people.

        ``verification_auc`` is the area under the ROC curve of the cosine similarity of all pairs of images (of the
        first 2,000), which needs no person to be known from the training; nan where no person occurs twice.
        """
        logits, target = self._predictions.collected()
        self._predictions.reset()
        known = target >= 0
        right = (logits.argmax(dim=1) == target)[known].double()
        return {"accuracy": float(right.mean()), "verification_auc": self._verification_auc()}

    def decode(self, output: NetworkOutput) -> dict[str, Any]:
        """Return number and probability of the most probable person of each image."""
        probabilities, most = torch.softmax(output.heads[self.name].float(), dim=1).max(dim=1)
        people = self.people[most].tolist()
        pairs = zip(people, probabilities.tolist(), strict=True)
        return {self.name: [{"identity": person, "probability": probability} for person, probability in pairs]}

    def _targets(self, batch: Batch) -> Tensor:
        """Return the class of each person, int64 (B,), -1 of those that the training images do not show."""
        identity = batch.labels["identity"]
        position = torch.searchsorted(self.people, identity).clamp(max=len(self.people) - 1)
        return torch.where(self.people[position] == identity, position, -1)

    def _move_centres(self, features: Tensor, target: Tensor) -> None:
        """Move centres towards the features of the mini-batch of all processes (Wen et al., equation 4)."""
        known = target >= 0
        features, target = features[known], target[known]
        away = torch.zeros_like(self.centres).index_add_(0, target, self.centres[target] - features)
        counts = torch.bincount(target, minlength=len(self.centres))
        self.centres -= self.centre_rate * away / (1 + counts)[:, None]

    def _verification_auc(self) -> float:
        if not self._features.logits:
            return float("nan")
        features, identity = (values.cpu()[:_COMPARED] for values in self._features.collected())
        self._features.reset()
        known = identity >= 0
        directions, identity = F.normalize(features[known].double(), dim=1), identity[known]
        first, second = torch.triu_indices(len(identity), len(identity), offset=1)
        same = identity[first] == identity[second]
        if not same.any() or same.all():
            return float("nan")
        similarity = (directions @ directions.T)[first, second]
        return float(binary_auroc((similarity + 1) / 2, same.long()))


def similarity_loss(features: Tensor, people: Tensor) -> Tensor:
    """Return the mean squared distance of the features of two images of one person, a scalar; 0 without a pair.

    Parameters
    ----------
    features
        float (B, F).
    people
        int64 (B,); below 0 unknown.
    """
    first, second = torch.triu_indices(len(people), len(people), offset=1, device=people.device)
    same = (people[first] == people[second]) & (people[first] >= 0)
    apart = (features[first[same]] - features[second[same]]).square().sum(dim=1)
    return apart.sum() / same.sum().clamp(min=1)
