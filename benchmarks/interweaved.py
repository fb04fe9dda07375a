"""How long a picture of 300x300 takes: LNets, ANet by the interweaved operation, and by patches (section 3.2).

    python benchmarks/interweaved.py -o docs/anet.md

The networks have the paper's sizes and weights of chance, which take as long as others. Each turn measures all ways one
after another, so that what else the machine does falls on all alike; the least time of the turns is told.
"""

from __future__ import annotations

import argparse
import platform
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import torch
from sections import write_section
from torch import Tensor

from wsegs.evaluation.localise import locate
from wsegs.nets import build_network
from wsegs.nets.anet import ANet, ANetViews
from wsegs.nets.layers.interweave import best_patch, patch_responses, patch_responses_densely, views_about
from wsegs.training.precision import describe_device

SIDE = 300
_PATCHES = 256
BORDERS = (4, 16, 32)


def interweaved(network: ANetViews, images: Tensor) -> Tensor:
    """Return the features of the best patch and its neighbours, all patches by the interweaved operation."""
    return _features(network, patch_responses(network, images))


def by_patches(network: ANetViews, images: Tensor) -> Tensor:
    """Return the same, each patch cut and read by itself."""
    return _features(network, patch_responses_densely(network, images))


def in_one_batch(network: ANetViews, images: Tensor) -> Tensor:
    """Return the same, the patches cut and read together, which a processor likes better."""
    height, width = network.patch
    patches = images.unfold(2, height, 4).unfold(3, width, 4)
    rows, columns = patches.shape[2:4]
    batch = patches.permute(0, 2, 3, 1, 4, 5).reshape(-1, images.shape[1], height, width)
    # Some hundred at a time: their maps take 300 KB each.
    fourth = torch.cat([network.layers(part)["fourth"] for part in batch.split(_PATCHES)])
    return _features(network, fourth.view(len(images), rows, columns, *fourth.shape[1:]))


def _features(network: ANetViews, responses: Tensor) -> Tensor:
    views = views_about(responses, best_patch(responses), network.views)
    return torch.cat([network.features_of(view) for view in views], dim=1)


def least_seconds(ways: dict[str, Callable[[], object]], turns: int) -> dict[str, float]:
    """Return the least time of each way, all of them measured in turn."""
    device = torch.cuda.synchronize if torch.cuda.is_available() else lambda: None
    least = dict.fromkeys(ways, float("inf"))
    for _ in range(turns):
        for name, way in ways.items():
            device()
            began = time.perf_counter()
            way()
            device()
            least[name] = min(least[name], time.perf_counter() - began)
    return least


def section(turns: int) -> Iterator[str]:
    """Yield the Markdown of the section."""
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    torch.manual_seed(0)
    lnet = build_network("lnet", heads={"attributes": 40}, size=(227, 227)).eval()
    picture = np.random.default_rng(0).integers(0, 256, (SIDE, SIDE, 3)).astype(np.uint8)
    networks, images = {}, {}
    for border in BORDERS:
        size = (55 + 2 * border, 47 + 2 * border)
        networks[border] = build_network("anet-views", heads={"attributes": 40}, size=size, border=border).eval()
        images[border] = torch.rand(1, 3, *size, device=device) * 2 - 1
    network = networks[BORDERS[0]].to(device)
    assert isinstance(network, ANet)
    whole = torch.rand(1, 3, SIDE, SIDE, device=device) * 2 - 1
    with torch.inference_mode():
        ways: dict[str, Callable[[], object]] = {
            f"LNet, a picture of {SIDE}x{SIDE}": lambda: locate(lnet, picture, longest_side=SIDE, threshold=0.5)
        }
        for border in BORDERS:
            for title, way in WAYS.items():
                ours, given = networks[border].to(device), images[border]
                offsets = (border // 2 + 1) ** 2
                ways[f"{title}, {given.shape[2]}x{given.shape[3]} ({offsets} patches)"] = (
                    lambda way=way, ours=ours, given=given: way(ours, given)
                )
            first, second = interweaved(ours, given), by_patches(ours, given)
            assert torch.allclose(first, second, rtol=1e-3, atol=1e-4), "the two ways differ"
        patches = (SIDE - 55) // 4 + 1, (SIDE - 47) // 4 + 1
        for title, way in list(WAYS.items())[:2]:  # one by one they take a minute
            ways[f"{title}, the whole picture ({patches[0] * patches[1]} patches)"] = lambda way=way: way(
                network, whole
            )
        least = least_seconds(ways, turns)
    yield "| what | ms | interweaved is faster by |"
    yield "|---|---|---|"
    for name, seconds in least.items():
        title, _, rest = name.partition(", ")
        quick = least.get(f"interweaved, {rest}")
        ratio = "" if quick is None or title == "interweaved" else f"{seconds / quick:.1f}"
        yield f"| {name} | {1000 * seconds:.1f} | {ratio} |"
    yield ""
    threads = f"{torch.get_num_threads()} threads, {platform.processor() or platform.machine()}"
    yield (
        f"Least of {turns} turns, one picture at a time, weights of chance; {describe_device(device.type)}, {threads}."
        " Decoding a picture is not counted. LNet runs twice on each picture (LNet_o, LNet_s), and here on the CPU. The"
        " paper: 35 ms to find the face, 14 ms to read it, 300x300, on a GPU of 2014."
    )


WAYS: dict[str, Callable[[ANetViews, Tensor], Tensor]] = {
    "interweaved": interweaved,
    "patches in one batch": in_one_batch,
    "patch by patch": by_patches,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-o", "--output", type=Path, default=Path("docs/anet.md"))
    parser.add_argument("--turns", type=int, default=10)
    arguments = parser.parse_args()
    text = "\n".join(section(arguments.turns))
    write_section(arguments.output, "interweaved", text, "benchmarks/interweaved.py")


if __name__ == "__main__":
    main()
