"""``wsegs demo``: from images to a trained network on the faces that come with wsegs."""

from __future__ import annotations

import csv
import time
from pathlib import Path
from typing import TYPE_CHECKING

import click
import cloup

from wsegs.cli.guidance.message_options import message_options
from wsegs.cli.options import jobs_options, output_options
from wsegs.errors import OptionError
from wsegs.io.files import shipped_folder

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from wsegs.store import MaskStore

SIZE = (218, 178)  # of the aligned images of CelebA
# Face of each shipped picture in its pixels: centre (x, y), and width from ear to ear.
_FACES = {"astronaut.jpg": ((161, 132), 92), "grace_hopper.jpg": ((266, 250), 178)}
# Variants of each picture; the network is tested on variants of the faces that it was trained on.
_SPLITS = ["train"] * 16 + ["validation"] * 4 + ["test"] * 4

_WHAT_NEXT = """\
Two faces teach a network nothing: the figures above only show that every step
works. The network was tested on the two people that it was trained on.

With CelebA under data/celeba (or any folder of images with a labels.csv, by --data DIR):

  wsegs landmarks                          # images            -> landmarks.h5
  wsegs masks --rules celeba               # landmarks + rules -> masks.h5
  wsegs preview                            # are the rules right?
  wsegs train attparsenet                  # masks + images    -> runs/attparsenet
  wsegs evaluate runs/attparsenet
  wsegs predict runs/attparsenet FACE.jpg --heatmaps heatmaps
"""


@cloup.command()
@jobs_options
@output_options("wsegs-demo", "Folder for everything that the demo makes.", summary=False)
@message_options
def demo(output: Path, jobs: int, force: bool) -> None:
    """Run every step on the two faces that come with wsegs, in about a minute.

    Finds landmarks, draws masks and pictures, trains a small network, evaluates it, and shows where it looks.
    """
    from wsegs.datasets import open_dataset
    from wsegs.geometry.frame import image_frame
    from wsegs.io.files import check_output
    from wsegs.io.lock import lock_output
    from wsegs.landmarks.chain import ChainOptions
    from wsegs.landmarks.find import find_landmarks
    from wsegs.reports.preview import preview_store
    from wsegs.rules import load_rules
    from wsegs.store import MaskStore
    from wsegs.store.writing.build import build_store

    if output.exists() and not output.is_dir():
        raise OptionError(f"--output: expected a folder, and {output} is a file")
    click.get_current_context().with_resource(lock_output(output))
    check_output(output, force=force)
    ChainOptions().describe()  # raises early if the landmark model is not installed
    faces, landmarks, masks = output / "faces", output / "landmarks.h5", output / "masks.h5"
    started = time.monotonic()

    _step("1. A data set", f"{len(_FACES)} photographs, each tilted, mirrored, scaled and lit in {len(_SPLITS)} ways")
    make_faces(faces)
    dataset = open_dataset(faces)
    click.echo(f"   {faces}: {len(dataset)} images, {len(dataset.attribute_names)} attributes in labels.csv")

    _step("2. Landmarks", f"wsegs landmarks --data {faces} -o {landmarks}")
    table = find_landmarks(dataset, landmarks, jobs=jobs, force=force)
    click.echo(f"   {landmarks}: 68 points on {table.found.sum()} of {len(table)} images")

    _step("3. Masks", f"wsegs masks {landmarks} --rules celeba -o {masks}")
    summary = build_store(table, load_rules("celeba"), image_frame(table.image_size), masks, jobs=1, force=force)
    kilobytes = summary["bytes"] / len(table) / 1e3
    click.echo(f"   {masks}: {summary['attributes']} masks an image from {summary['regions']} base regions,"
               f" {kilobytes:.1f} KB an image")  # fmt: skip

    _step("4. Pictures", f"wsegs preview {masks} -o {output / 'preview.png'}")
    with MaskStore(masks) as store:
        preview_store(store, output / "preview.png", force=force)
        preview_store(store, output / "attributes.png", attributes="all", force=force)
        click.echo(f"   {output / 'preview.png'}: faces, landmarks, base regions")
        click.echo(f"   {output / 'attributes.png'}: one face with the mask of every attribute")
        _train_and_measure(store, output, force)
    click.echo(f"\n{output}: done in {time.monotonic() - started:.0f} s.\n\n{_WHAT_NEXT}", nl=False)


def _train_and_measure(store: MaskStore, output: Path, force: bool) -> None:
    from wsegs.datasets import open_dataset
    from wsegs.evaluation.evaluate import evaluate
    from wsegs.evaluation.predict import Failure, predict
    from wsegs.evaluation.results import write_evaluation
    from wsegs.evaluation.runs import load_run
    from wsegs.landmarks.table import read_landmarks
    from wsegs.reports.heatmaps import draw_heatmaps
    from wsegs.reports.plots import plot_attribute_bars
    from wsegs.training.recipe import load_recipe
    from wsegs.training.train import train

    run_folder, faces, maps = output / "runs" / "attparsenet", output / "faces", output / "heatmaps"
    flags = "--width 0.1 --size 109x89 --batch-size 8 --max-steps 60 --schedule one-cycle"
    _step("5. A short training", f"wsegs train attparsenet {store.path} {flags} -o {run_folder}")
    overrides = {
        "network.width": 0.1,
        "size": "109x89",
        "batch_size": 8,
        "max_steps": 60,
        "schedule.name": "one-cycle",
    }
    training = train(load_recipe("attparsenet", overrides), store, run_folder, force=force)
    click.echo(f"   {run_folder}: {training['steps']} steps in {training['seconds']:.0f} s")
    click.echo(f"   {training['files']['curve']}: the learning curves")

    # With so few images many checkpoints tie for the best; the last was trained the longest.
    run = load_run(run_folder, "last")
    evaluated = output / "evaluation"
    options = f"--data {faces} --landmarks {output / 'landmarks.h5'} --checkpoint last -o {evaluated}"
    _step("6. An evaluation", f"wsegs evaluate {run_folder} {options}")
    evaluation = evaluate(run, open_dataset(faces), landmarks=read_landmarks(output / "landmarks.h5"))
    about = {"run": str(run_folder), "checkpoint": "last", "data": str(faces), "name": "folder", "split": "test"}
    summary = write_evaluation(evaluation, evaluated, about)
    plot_attribute_bars(summary["attributes"], evaluated / "attributes.png")
    mean = summary["mean"]
    click.echo(
        f"   {evaluated}: accuracy {mean['accuracy']:.1%} (majority class {mean['majority_rate']:.1%})"
        f" on {summary['images']} images"
    )

    pictures = [shipped_folder("faces") / name for name in _FACES]
    _step(
        "7. What it says, and where it looks",
        f"wsegs predict {run_folder} IMAGE... --checkpoint last --heatmaps {maps}",
    )
    for result in predict(run, pictures):
        assert not isinstance(result, Failure)
        assert result.maps is not None
        picture = maps / f"{result.path.stem}.png"
        names, title = result.attribute_names, result.path.name
        draw_heatmaps(result.crop, result.maps, names, result.probabilities, picture, title=title)
        likely = ", ".join(name for name, _ in result.ranked()[:5])
        click.echo(f"   {picture}: {likely}, ...")


def make_faces(folder: Path) -> None:
    """Write variants of the shipped pictures and ``labels.csv``; every call writes the same files.

    Each face is tilted, mirrored, scaled and lit in many ways, since two images are no data set.
    """
    import cv2
    import numpy as np

    from wsegs.io.files import atomic_write, write_table
    from wsegs.io.images import read_image

    shipped = shipped_folder("faces")
    with (shipped / "labels.csv").open(encoding="utf-8", newline="") as file:
        labels = {row["file"]: row for row in csv.DictReader(file)}
    generator = np.random.default_rng(0)
    rows = []
    for name in _FACES:
        image = read_image(shipped / name)
        for number, split in enumerate(_SPLITS):
            variant = f"{Path(name).stem}_{number:02d}.jpg"
            rows.append({**labels[name], "file": variant, "split": split})
            _, encoded = cv2.imencode(".jpg", _vary(image, name, generator)[..., ::-1])
            with atomic_write(folder / variant) as temporary:
                temporary.write_bytes(encoded.tobytes())
    write_table(folder / "labels.csv", list(rows[0]), ([row[name] for name in rows[0]] for row in rows))


def _vary(image: NDArray[np.uint8], name: str, generator: np.random.Generator) -> NDArray[np.uint8]:
    """Return a variant of a shipped picture, uint8 (218, 178, 3), cropped about the face as aligned CelebA images."""
    import cv2
    import numpy as np

    (x, y), face_width = _FACES[name]
    angle = generator.uniform(-12, 12)
    scale = 80 / face_width * generator.uniform(0.9, 1.1)
    matrix: NDArray[np.float64] = np.asarray(cv2.getRotationMatrix2D((x, y), angle, scale), np.float64)
    middle = np.array([SIZE[1] / 2, SIZE[0] * 0.57]) + generator.uniform(-4, 4, 2)
    matrix[:, 2] += np.subtract(middle, (x, y))
    varied = cv2.warpAffine(image, matrix, SIZE[::-1], flags=cv2.INTER_AREA, borderMode=cv2.BORDER_REPLICATE)
    if generator.random() < 0.5:
        varied = varied[:, ::-1]
    contrast, brightness = generator.uniform(0.8, 1.2), generator.uniform(-25, 25)
    changed: NDArray[np.uint8] = np.clip((varied - 128.0) * contrast + 128 + brightness, 0, 255).astype(np.uint8)
    return changed


def _step(title: str, command: str) -> None:
    click.echo(f"\n{click.style(title, bold=True)}   {command}")
