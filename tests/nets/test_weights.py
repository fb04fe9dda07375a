"""Weights from elsewhere: matched by name, frozen, never run."""

from __future__ import annotations

import pytest
import torch

from wsegs.errors import DataError, MissingError, OptionError
from wsegs.io.files import sha256_of
from wsegs.nets import build_network
from wsegs.nets.weights import copy_layers, freeze, frozen_modules, read_weights
from wsegs.training.plan import TrunkPlan


def _network(seed: int, **options):
    torch.manual_seed(seed)
    return build_network("basic", size=(32, 28), heads={"attributes": 3}, **{"width": 0.05, **options})


def test_layers_are_copied_by_name_and_others_stay() -> None:
    ours, theirs = _network(0), _network(1)
    head = ours.heads["attributes"].weight.clone()
    copy_layers(ours, theirs.state_dict(), {"features.conv_11": "features.conv_11"}, "file")
    assert torch.equal(ours.features.conv_11[0].weight, theirs.features.conv_11[0].weight)
    assert not torch.equal(ours.features.conv_12[0].weight, theirs.features.conv_12[0].weight)
    assert torch.equal(ours.heads["attributes"].weight, head)


def test_layers_may_have_another_name_in_the_file() -> None:
    ours, theirs = _network(0), _network(1)
    renamed = {name.replace("features.", "trunk."): value for name, value in theirs.state_dict().items()}
    copy_layers(ours, renamed, {"features": "trunk"}, "file")
    for name, value in ours.features.state_dict().items():
        assert torch.equal(value, theirs.features.state_dict()[name])


@pytest.mark.parametrize(
    ("layers", "options", "message"),
    [
        ({"featurs": "features"}, {}, "no layer 'featurs': expected one of features, heads"),
        ({"features": "trunk"}, {}, "file has no weight 'trunk"),
        ({"features": "features"}, {"width": 0.1}, r"expected 'features.conv_11.0.weight' of shape .*, got"),
    ],
)
def test_what_does_not_fit_is_named(layers, options, message) -> None:
    with pytest.raises(OptionError, match=message):
        copy_layers(_network(0), _network(1, **options).state_dict(), layers, "file")


def test_frozen_layers_are_not_trained() -> None:
    network = _network(0)
    trunk = TrunkPlan("file", {"features.conv_11": "features.conv_11"}, frozen=True)
    freeze(network, [trunk])
    (frozen,) = frozen_modules(network, [trunk])
    assert frozen is network.features.conv_11
    assert not any(parameter.requires_grad for parameter in frozen.parameters())
    assert network.features.conv_12[0].weight.requires_grad


def test_files_of_weights_are_read_and_never_run(tmp_path) -> None:
    torch.save({"a": torch.ones(2)}, tmp_path / "w.pth")
    assert torch.equal(read_weights(tmp_path / "w.pth")["a"], torch.ones(2))
    with pytest.raises(MissingError, match=r"none.pth: no such file of weights"):
        read_weights(tmp_path / "none.pth")
    torch.save([1, 2], tmp_path / "list.pth")
    with pytest.raises(DataError, match="expected weights by name, got list"):
        read_weights(tmp_path / "list.pth")
    torch.save({"a": print}, tmp_path / "code.pth")
    with pytest.raises(DataError, match="damaged, or not a checkpoint"):
        read_weights(tmp_path / "code.pth")


def test_older_formats_are_read_where_the_sha256_is_known(tmp_path) -> None:
    file = tmp_path / "w.pth"
    torch.save({"a": torch.ones(2)}, file, _use_new_zipfile_serialization=False)
    with pytest.raises(DataError, match="damaged, or not a checkpoint \\(no ZIP archive\\)"):
        read_weights(file)
    assert torch.equal(read_weights(file, sha256_of(file))["a"], torch.ones(2))
    with pytest.raises(DataError, match=r"another file: expected sha256 00, got [0-9a-f]{64}$"):
        read_weights(file, "00")
    torch.save({"a": print}, file, _use_new_zipfile_serialization=False)
    with pytest.raises(DataError, match="damaged, or not a checkpoint"):
        read_weights(file, sha256_of(file))
