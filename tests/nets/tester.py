"""What every network must do: its test class inherits this one and names the network."""

from __future__ import annotations

from typing import Any, ClassVar

import pytest
import torch
from torch import Tensor, nn

from wsegs.errors import OptionError
from wsegs.nets import build_network


class NetworkTester:
    """Contract of a network.

    A test class sets ``name`` and ``parameters``, the number of parameters of the published network, and where the
    defaults do not fit the other attributes.
    """

    name: str
    parameters: int
    full: ClassVar[dict[str, Any]] = {"attributes": 40, "size": (218, 178)}
    """Options of the published network."""
    small: ClassVar[dict[str, Any]] = {"attributes": 3, "size": (40, 36)}
    """Options of a network that is small enough to be tested in no time."""
    odd_sizes = ((41, 36), (40, 37), (45, 39))
    too_small = (8, 8)

    def build(self, **options) -> nn.Module:
        torch.manual_seed(0)
        return build_network(self.name, **{**self.small, **options})

    def images(self, size: tuple[int, int] | None = None, batch: int = 2) -> Tensor:
        return torch.rand(batch, 3, *(size or self.small["size"]), generator=torch.Generator().manual_seed(1)) * 2 - 1

    def test_number_of_parameters(self) -> None:
        with torch.device("meta"):  # shapes without memory
            network = build_network(self.name, **self.full)
        assert sum(parameter.numel() for parameter in network.parameters()) == self.parameters

    def test_forward_gives_the_shapes_that_it_promises(self) -> None:
        network = self.build()
        logits, maps = network(self.images())
        assert logits.shape == (2, 3)
        assert logits.isfinite().all()
        if network.map_size is None:
            assert maps is None
        else:
            assert maps.shape == (2, 3, *network.map_size)

    def test_backward_reaches_every_parameter(self) -> None:
        network = self.build()
        logits, maps = network(self.images())
        (logits.square().sum() + (0 if maps is None else maps.square().sum())).backward()
        for name, parameter in network.named_parameters():
            assert parameter.grad is not None, name
            assert parameter.grad.isfinite().all(), name

    def test_odd_sizes(self) -> None:
        for size in self.odd_sizes:
            network = self.build(size=size)
            logits, maps = network(self.images(size))
            assert logits.shape == (2, 3)
            assert maps is None or maps.shape[2:] == network.map_size

    def test_too_small_images_are_refused(self) -> None:
        with pytest.raises(OptionError, match=rf"'{self.name}'.*at least .*8x8"):
            self.build(size=self.too_small)

    def test_an_image_alone_gives_what_it_gives_in_a_batch(self) -> None:
        network = self.build().eval()
        images = self.images(batch=3)
        with torch.inference_mode():
            together, alone = network(images).logits, network(images[1:2]).logits
        torch.testing.assert_close(alone[0], together[1], rtol=1e-4, atol=1e-5)

    def test_evaluation_is_deterministic_and_changes_nothing(self) -> None:
        network = self.build().eval()
        before = {name: value.clone() for name, value in network.state_dict().items()}
        with torch.inference_mode():
            first, second = network(self.images()), network(self.images())
        assert torch.equal(first.logits, second.logits)
        for name, value in network.state_dict().items():
            assert torch.equal(value, before[name]), name

    def test_saved_weights_bring_the_network_back(self, tmp_path) -> None:
        network = self.build()
        network(self.images())  # moves the running means of batch normalisation
        torch.save(network.state_dict(), tmp_path / "weights.pt")
        torch.manual_seed(1)
        again = build_network(self.name, **self.small)
        again.load_state_dict(torch.load(tmp_path / "weights.pt", weights_only=True))
        with torch.inference_mode():
            assert torch.equal(again.eval()(self.images()).logits, network.eval()(self.images()).logits)
