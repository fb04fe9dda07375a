"""Models of timm as backbones: their own maps, from files of weights, without a download."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from wsegs.errors import DataError, MissingError, OptionError
from wsegs.nets.backbones import build_backbone, check_backbone, find_weights, load_backbone_weights

timm = pytest.importorskip("timm", reason="the extra timm is not installed", exc_type=ImportError)

# timm's makers of maps are of four kinds, each with other names of weights; two kinds lay out maps otherwise.
MODELS = {
    "resnet18": (4, 8, 16),
    "mobilenetv3_large_100": (2, 8, 32),
    "convnext_atto": (4, 16),
    "vit_tiny_patch16_224": (16,),
    "swin_tiny_patch4_window7_224": (4, 8),
}


@pytest.fixture(autouse=True)
def _no_network(monkeypatch) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("a connection was opened")

    monkeypatch.setattr(socket.socket, "connect", refuse)


@pytest.fixture(scope="module")
def resnet() -> nn.Module:
    """A small model, its weights and its statistics left to chance."""
    return _whole("test_resnet")


def _whole(model: str, **options: object) -> nn.Module:
    torch.manual_seed(0)
    whole = timm.create_model(model, **options)
    with torch.no_grad():
        whole.train()(torch.randn(2, *whole.default_cfg["input_size"]))  # so that batch norms are not the identity
    return whole.eval()


def _images(whole: nn.Module) -> Tensor:
    return torch.rand(2, *whole.default_cfg["input_size"], generator=torch.Generator().manual_seed(1)) * 2 - 1


def _loaded(model: str, strides: tuple[int, ...], file: Path) -> nn.Module:
    torch.manual_seed(9)
    backbone = build_backbone(f"timm:{model}", strides).eval()
    load_backbone_weights(backbone, f"timm:{model}", find_weights(f"timm:{model}", file))
    return backbone


def _maps_of(whole: nn.Module, indices: tuple[int, ...]) -> list[Tensor]:
    """Return the maps of a whole model, of images that are normalised as it wants them."""
    mean, std = (torch.tensor(whole.default_cfg[key]).reshape(1, 3, 1, 1) for key in ("mean", "std"))
    images = ((_images(whole) + 1) / 2 - mean) / std
    maps: list[Tensor] = whole.forward_intermediates(images, indices=list(indices), intermediates_only=True)
    return maps


@pytest.mark.slow
@pytest.mark.parametrize("model", MODELS)
def test_maps_are_those_of_the_whole_model(model, tmp_path) -> None:
    whole = _whole(model)
    torch.save(whole.state_dict(), tmp_path / "w.pth")
    backbone = _loaded(model, MODELS[model], tmp_path / "w.pth")
    with torch.no_grad():
        got, expected = backbone(_images(whole)), _maps_of(whole, backbone.indices)
    assert tuple(got) == MODELS[model]
    for (stride, maps), theirs in zip(got.items(), expected, strict=True):
        assert maps.shape[1] == backbone.channels[stride]
        assert torch.allclose(maps, theirs, atol=1e-4, rtol=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["safetensors", "wrapped", "prefixed", "other classes", "no classes"])
def test_weights_may_be_kept_in_several_ways(kind, resnet, tmp_path) -> None:
    weights, whole, file = resnet.state_dict(), resnet, tmp_path / "w.pth"
    if kind == "safetensors":
        from safetensors.torch import save_file

        file = tmp_path / "w.safetensors"
        save_file(weights, file)
    elif kind == "wrapped":
        torch.save({"epoch": 3, "state_dict": weights}, file)
    elif kind == "prefixed":
        torch.save({f"module.{name}": value for name, value in weights.items()}, file)
    else:
        whole = _whole("test_resnet", num_classes=7 if kind == "other classes" else 0)
        torch.save(whole.state_dict(), file)
    backbone = _loaded("test_resnet", (8,), file)
    with torch.no_grad():
        assert torch.allclose(backbone(_images(whole))[8], _maps_of(whole, backbone.indices)[0], atol=1e-5)


@pytest.mark.slow
def test_weights_of_other_models_are_refused(resnet, tmp_path) -> None:
    file = tmp_path / "w.pth"
    weights = resnet.state_dict()

    def load() -> None:
        _loaded("test_resnet", (4,), file)

    torch.save({name: value for name, value in weights.items() if name != "layer1.0.conv1.weight"}, file)
    with pytest.raises(OptionError, match=r'w.pth holds other weights: .* Missing key\(s\) .*"layer1.0.conv1.weight"'):
        load()
    torch.save(weights | {"layer1.0.conv1.weight": torch.zeros(1, 2, 3, 3)}, file)
    with pytest.raises(OptionError, match=r"size mismatch for layer1.0.conv1.weight"):
        load()
    torch.save(weights | {"other": torch.zeros(1)}, file)
    with pytest.raises(OptionError, match=r'Unexpected key\(s\) in state_dict: "other"'):
        load()
    torch.save({"epoch": 3}, file)
    with pytest.raises(DataError, match="expected weights by name, got epoch"):
        load()
    torch.save({}, file)
    with pytest.raises(DataError, match="expected weights by name, got nothing"):
        load()


@pytest.mark.slow
def test_files_that_are_damaged_or_changed_are_refused(resnet, tmp_path) -> None:
    file = tmp_path / "w.safetensors"
    file.write_bytes(b"no such format")
    with pytest.raises(DataError, match=r"w.safetensors: damaged, or not a file of safetensors \("):
        _loaded("test_resnet", (4,), file)
    found = find_weights("timm:test_resnet", file)
    file.write_bytes(b"changed")
    backbone = build_backbone("timm:test_resnet", (4,))
    with pytest.raises(DataError, match="damaged, or another file: expected sha256"):
        load_backbone_weights(backbone, "timm:test_resnet", found)
    file.unlink()
    with pytest.raises(MissingError, match="no such file of weights"):
        load_backbone_weights(backbone, "timm:test_resnet", found)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "stride", "message"),
    [
        ("timm:resnet81", 4, "timm:resnet81: timm [0-9.]+ has no such model; did you mean 'resnet"),
        ("timm:resnet18.none", 4, "resnet18.none: timm [0-9.]+ has no such model; did you mean 'resnet18"),
        ("timm:hf-hub:timm/resnet18", 4, "has no such model"),
        ("timm:test_resnet", 64, "timm:test_resnet: has no maps of stride 64: expected some of 2, 4, 8, 16, 32"),
        ("timm:test_vit", 8, "test_vit: has no maps of stride 8: expected some of 16"),
        ("timm:inception_next_atto", 2, "has no maps of stride 2: expected some of 4, 8, 16, 32"),
    ],
)
def test_mistakes_are_named(name, stride, message) -> None:
    with pytest.raises(OptionError, match=message):
        check_backbone(name, (stride,))


def test_a_model_without_maps_says_so(monkeypatch) -> None:
    def refuse(model: str, **_: object) -> None:
        raise RuntimeError(f"features_only not implemented for {model}.\nSorry.")

    for create in (refuse, lambda model, **_: nn.Identity()):
        monkeypatch.setattr(timm, "create_model", create)
        with pytest.raises(OptionError, match=r"timm:test_convnext2: has no feature maps \(.*\)$"):
            check_backbone("timm:test_convnext2", (8,))


@pytest.mark.slow
def test_a_model_of_one_size_says_so() -> None:
    backbone = build_backbone("timm:test_vit", (16,))
    with pytest.raises(OptionError, match=r"timm:test_vit: takes images of 160x160 only, got 96x64"):
        backbone(torch.zeros(1, 3, 96, 64))


@pytest.mark.slow
def test_building_draws_the_same_random_numbers_again() -> None:
    def first_weight() -> Tensor:
        torch.manual_seed(5)
        return next(build_backbone("timm:test_vit2", (16,)).parameters())

    assert torch.equal(first_weight(), first_weight())
