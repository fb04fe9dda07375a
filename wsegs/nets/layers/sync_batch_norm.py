"""Batch normalisation over the batch of all processes, on any device.

torch's own ``SyncBatchNorm`` is for GPUs only. This one is written with differentiable sums, so that it runs wherever
the processes can add up tensors; on a GPU torch's is faster.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from wsegs.nets.process_group import ProcessGroup

_GROUP = ProcessGroup()


class SharedBatchNorm2d(nn.BatchNorm2d):
    """Batch normalisation whose mean and variance are those of the images of all processes.

    Has the parameters and buffers of ``nn.BatchNorm2d``. In evaluation, and where there is one process only, it is the
    same.
    """

    def forward(self, maps: Tensor) -> Tensor:
        """Return normalised maps (B, C, h, w); B may differ between processes."""
        if not self.training or _GROUP.size == 1:
            return super().forward(maps)
        values = maps.float()
        here = values.new_tensor([values.numel() / values.shape[1]])
        sums = _GROUP.sum_with_gradient(torch.cat([values.sum(dim=(0, 2, 3)), here]))
        count = sums[-1].detach()
        mean = sums[:-1] / count
        # From the deviations, not from the mean of the squares: that loses the variance of a large mean.
        centred = values - mean.view(1, -1, 1, 1)
        variance = _GROUP.sum_with_gradient(centred.square().sum(dim=(0, 2, 3))) / count
        self._remember(mean.detach(), variance.detach() * count / (count - 1))
        scale = torch.rsqrt(variance + self.eps) * self.weight
        normalised = torch.addcmul(self.bias.view(1, -1, 1, 1), centred, scale.view(1, -1, 1, 1))
        return normalised.to(maps.dtype)

    def _remember(self, mean: Tensor, variance: Tensor) -> None:
        """Let the running estimates follow, as ``nn.BatchNorm2d`` does."""
        assert self.running_mean is not None
        assert self.running_var is not None
        assert self.num_batches_tracked is not None
        self.num_batches_tracked.add_(1)
        factor = 1 / float(self.num_batches_tracked) if self.momentum is None else self.momentum
        self.running_mean.lerp_(mean, factor)
        self.running_var.lerp_(variance, factor)


def share_batch_norm(network: nn.Module) -> nn.Module:
    """Replace every ``nn.BatchNorm2d`` of a network by :class:`SharedBatchNorm2d`, with its weights; return it."""
    for module in network.modules():
        if type(module) is nn.BatchNorm2d:
            module.__class__ = SharedBatchNorm2d  # it has the same fields
    return network
