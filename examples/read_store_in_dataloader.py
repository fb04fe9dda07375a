"""A mask store in a PyTorch DataLoader with worker processes: images and masks in one frame, ready to train on.

python examples/read_store_in_dataloader.py [OUTPUT_FOLDER]
"""

import sys
import tempfile
from pathlib import Path

import torch
from torch.utils.data import DataLoader

import wsegs


def mirror_half(image: torch.Tensor, masks: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Flip every other face, and its masks with it."""
    return (image.flip(-1), masks.flip(-1)) if torch.rand(()) < 0.5 else (image, masks)


def main(output: Path) -> None:
    """Make a store of the example faces and read it in batches."""
    # What `wsegs landmarks` and `wsegs masks --frame face` do.
    table = wsegs.find_landmarks(Path(__file__).parent / "faces", output / "landmarks.h5", jobs=1)
    store = wsegs.build_store(table, "attparsenet-2020", output / "masks.h5", frame="face", jobs=1)

    # A store pickles as its path and opens once a process, so that workers may be forked or spawned.
    faces = wsegs.MaskDataset(store, size=(96, 76), transform=mirror_half)
    for batch in DataLoader(faces, batch_size=2, num_workers=2, multiprocessing_context="spawn"):
        images, masks, labels = batch["image"], batch["masks"], batch["labels"]
        print(f"images {tuple(images.shape)}, labels {tuple(labels.shape)}, masks {tuple(masks.shape)} {masks.dtype}")
        print(f"{masks.any(dim=(2, 3)).sum()} masks are drawn, for {(labels == 1).sum()} present attributes")


if __name__ == "__main__":  # worker processes import this file
    main(Path(sys.argv[1] if len(sys.argv) > 1 else tempfile.mkdtemp(prefix="wsegs-")))
