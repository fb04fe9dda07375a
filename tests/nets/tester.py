"""What every network must do: its test class inherits this one and names the network."""

from __future__ import annotations

import inspect
from typing import Any, ClassVar

import pytest
import torch
from torch import Tensor, nn

from wsegs.errors import OptionError
from wsegs.nets import build_network, signature_of

REGIONS = ("background", "hair", "eyes")


class NetworkTester:
    """Contract of a network.

    A test class sets ``name`` and ``parameters``, the number of parameters of the published network, and where the
    defaults do not fit the other attributes. A network is tested for what it asks for: attributes, regions, classes.
    """

    name: str
    parameters: int
    full: ClassVar[dict[str, Any]] = {
        "heads": {"attributes": 40},
        "size": (218, 178),
        "classes": 7,
        "regions": ("background", "hair", "face_skin", "eyes", "eyebrows", "mouth", "nose"),
    }
    """Options of the published network."""
    small: ClassVar[dict[str, Any]] = {
        "heads": {"attributes": 3},
        "size": (40, 36),
        "classes": 5,
        "regions": REGIONS,
        "width": 0.05,
    }
    """Options of a network that is small enough to be tested in no time."""
    odd_sizes = ((41, 36), (40, 37), (45, 39))
    too_small = (8, 8)

    def options(self, **options: Any) -> dict[str, Any]:
        """The small network's options, and what a network without heads is not given."""
        given = {**self.small, **options}
        if not signature_of(self.name).has_heads:
            del given["heads"]
        return given

    def build(self, **options) -> nn.Module:
        torch.manual_seed(0)
        return build_network(self.name, **self.options(**options))

    def wants(self, argument: str) -> bool:
        return signature_of(self.name).wants(argument)

    def images(self, size: tuple[int, int] | None = None, batch: int = 2) -> Tensor:
        return torch.rand(batch, 3, *(size or self.small["size"]), generator=torch.Generator().manual_seed(1)) * 2 - 1

    def regions(self, network: nn.Module, batch: int = 2) -> Tensor:
        """Regions in which every pixel's values sum to 1, as a parser gives them."""
        count = len(self.small["regions"])
        values = torch.randn(batch, count, *network.region_size, generator=torch.Generator().manual_seed(2))
        return values.softmax(dim=1)

    def run(self, network: nn.Module, images: Tensor) -> dict[str, Tensor]:
        """Everything that a network says of images, by name."""
        outputs = {}
        if self.wants("heads") or self.wants("attributes"):
            given = (self.regions(network, len(images)),) if self.wants("regions") else ()
            output = network(images, *given)
            outputs["logits"] = output.logits
            if output.maps is not None:
                outputs["maps"] = output.maps
        if self.wants("classes"):
            outputs |= {f"scores {scale}": scores for scale, scores in enumerate(network.parse(images))}
        return outputs

    def expected_shapes(self, network: nn.Module, size: tuple[int, int]) -> dict[str, tuple[int, ...]]:
        shapes: dict[str, tuple[int, ...]] = {}
        if signature_of(self.name).has_heads:
            shapes["logits"] = (2, 3)
        if network.map_size is not None:
            shapes["maps"] = (2, 3, *network.map_size)
        if self.wants("classes"):
            height, width = size
            for scale in range(4):
                shapes[f"scores {scale}"] = (2, 5, -(-height // 2**scale), -(-width // 2**scale))
        return shapes

    def test_number_of_parameters(self) -> None:
        with torch.device("meta"):  # shapes without memory
            heads = {} if signature_of(self.name).has_heads else {"heads": None}
            network = build_network(self.name, **{**self.full, **heads})
        assert sum(parameter.numel() for parameter in network.parameters()) == self.parameters

    def test_forward_gives_the_shapes_that_it_promises(self) -> None:
        network = self.build()
        outputs = self.run(network, self.images())
        assert {name: tuple(output.shape) for name, output in outputs.items()} == self.expected_shapes(
            network, self.small["size"]
        )
        assert all(output.isfinite().all() for output in outputs.values())

    def test_backward_reaches_every_parameter(self) -> None:
        network = self.build()
        sum(output.square().sum() for output in self.run(network, self.images()).values()).backward()
        for name, parameter in network.named_parameters():
            assert parameter.grad is not None, name
            assert parameter.grad.isfinite().all(), name

    def test_odd_sizes(self) -> None:
        for size in self.odd_sizes:
            network = self.build(size=size)
            outputs = self.run(network, self.images(size))
            shapes = {name: tuple(output.shape) for name, output in outputs.items()}
            assert shapes == self.expected_shapes(network, size)

    def test_too_small_images_are_refused(self) -> None:
        with pytest.raises(OptionError, match=rf"'{self.name}'.*at least .*8x8"):
            self.build(size=self.too_small)

    def test_a_width_of_nothing_is_refused(self) -> None:
        with pytest.raises(OptionError, match="width above 0 and below 100, got 0"):
            self.build(width=0)

    def test_an_image_alone_gives_what_it_gives_in_a_batch(self) -> None:
        network = self.build().eval()
        images = self.images(batch=3)
        with torch.inference_mode():
            together, alone = self.run(network, images), self.run(network, images[:1])
        for name, output in alone.items():
            torch.testing.assert_close(output[0], together[name][0], rtol=1e-4, atol=1e-5)

    def test_logits_are_float32_under_mixed_precision(self) -> None:
        """Scores are ranked: in bfloat16 many faces would share a value."""
        network = self.build().eval()
        with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16):
            outputs = self.run(network, self.images())
        if "logits" in outputs:
            assert outputs["logits"].dtype == torch.float32

    def test_evaluation_is_deterministic_and_changes_nothing(self) -> None:
        network = self.build().eval()
        before = {name: value.clone() for name, value in network.state_dict().items()}
        with torch.inference_mode():
            first, second = self.run(network, self.images()), self.run(network, self.images())
        for name, output in first.items():
            assert torch.equal(output, second[name]), name
        for name, value in network.state_dict().items():
            assert torch.equal(value, before[name]), name

    def test_saved_weights_bring_the_network_back(self, tmp_path) -> None:
        network = self.build()
        self.run(network, self.images())  # moves the running means of batch normalisation
        torch.save(network.state_dict(), tmp_path / "weights.pt")
        torch.manual_seed(1)
        again = build_network(self.name, **self.options())
        again.load_state_dict(torch.load(tmp_path / "weights.pt", weights_only=True))
        with torch.inference_mode():
            before, after = self.run(network.eval(), self.images()), self.run(again.eval(), self.images())
        for name, output in before.items():
            assert torch.equal(after[name], output), name

    def test_what_it_asks_for_must_be_there(self) -> None:
        for argument in ("heads", "attributes", "classes", "regions"):
            if self.wants(argument):
                missing = "heads" if argument == "attributes" else argument
                with pytest.raises(OptionError, match=f"'{self.name}' needs {argument}, and the recipe has none"):
                    self.build(**{missing: None})

    def test_its_signature_is_known_without_torch(self) -> None:
        network = type(self.build())
        assert signature_of(self.name).arguments == tuple(inspect.signature(network).parameters)
        assert signature_of(self.name).draws_maps == (self.build().map_size is not None)

    def test_a_head_for_each_task(self) -> None:
        signature = signature_of(self.name)
        if signature.wants("heads"):
            network = self.build(heads={"attributes": 3, "age": 1})
            given = (self.regions(network),) if signature.wants("regions") else ()
            output = network(self.images(), *given)
            assert {name: tuple(values.shape) for name, values in output.heads.items()} == {
                "attributes": (2, 3),
                "age": (2, 1),
            }
            assert output.features.shape[0] == 2
        else:
            with pytest.raises(OptionError, match="has no output for 'age'"):
                build_network(self.name, **{**self.small, "heads": {"age": 1}})

    @pytest.mark.slow
    def test_exporters_leave_the_number_of_images_free(self) -> None:
        """What ``wsegs export-model`` builds on."""
        network = self.build().eval()
        if getattr(network, "reads_on_cpu", False):
            pytest.skip("scikit-image computes its features")
        tester = self

        class Whole(nn.Module):
            def __init__(self) -> None:
                super().__init__()
                self.network = network

            def forward(self, images: Tensor, regions: Tensor | None = None) -> list[Tensor]:
                if not tester.wants("heads") and not tester.wants("attributes"):
                    return list(network.parse(images))
                output = network(images) if regions is None else network(images, regions)
                return list(output.heads.values())

        def inputs(count: int) -> tuple[Tensor, ...]:
            regions = (self.regions(network, count),) if self.wants("regions") else ()
            return (self.images(batch=count), *regions)

        whole, batch = Whole().eval(), torch.export.Dim("batch")
        program = torch.export.export(whole, inputs(2), dynamic_shapes=tuple({0: batch} for _ in inputs(2)))
        for count in (1, 5):
            for ours, theirs in zip(whole(*inputs(count)), program.module()(*inputs(count)), strict=True):
                torch.testing.assert_close(theirs, ours, rtol=1e-3, atol=1e-4)
