"""A mask store in a PyTorch DataLoader with worker processes: images and masks in one frame, ready to train on.

python examples/read_store_in_dataloader.py [OUTPUT_FOLDER]
"""

import sys
import tempfile
from pathlib import Path

import torch
from torch.utils.data import DataLoader, Dataset

from wsegs.datasets import open_dataset
from wsegs.geometry.frame import Frame, warp_image
from wsegs.io.images import read_image
from wsegs.landmarks.find import find_landmarks
from wsegs.rules import load_rules
from wsegs.store import MaskStore
from wsegs.store.writing.build import build_store


class Faces(Dataset):
    """Image, labels and masks of a store's rows. A store pickles as its path and opens once a process."""

    def __init__(self, store: MaskStore, map_size: tuple[int, int]) -> None:
        self.store = store
        self.map_size = map_size

    def __len__(self) -> int:
        return len(self.store)

    def __getitem__(self, row: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        # The store keeps how the source image becomes the frame, so that image and masks cannot drift apart.
        image = read_image(self.store.data_root / self.store.images[row])
        image = warp_image(image, self.store.affine[row], self.store.size)
        masks = self.store.masks([row], size=self.map_size)[0]
        pixels = torch.from_numpy(image.copy()).permute(2, 0, 1).float() / 255
        return pixels, torch.from_numpy(self.store.attributes[row]), torch.from_numpy(masks)


def main(output: Path) -> None:
    """Make a store of the example faces and read it in batches."""
    # What `wsegs landmarks` and `wsegs masks --frame face` do.
    dataset = open_dataset(Path(__file__).parent / "faces")
    table = find_landmarks(dataset, output / "landmarks.h5", jobs=1)
    frame = Frame("face", (218, 178))
    build_store(table, load_rules("attparsenet-2020"), frame, output / "masks.h5", jobs=1)

    faces = Faces(MaskStore(output / "masks.h5"), map_size=(96, 76))
    for images, labels, masks in DataLoader(faces, batch_size=2, num_workers=2, multiprocessing_context="spawn"):
        print(f"images {tuple(images.shape)}, labels {tuple(labels.shape)}, masks {tuple(masks.shape)} {masks.dtype}")
        print(f"{masks.any(dim=(2, 3)).sum()} masks are drawn, for {(labels == 1).sum()} present attributes")


if __name__ == "__main__":  # worker processes import this file
    main(Path(sys.argv[1] if len(sys.argv) > 1 else tempfile.mkdtemp(prefix="wsegs-")))
