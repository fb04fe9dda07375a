"""Faces a second of ``wsegs landmarks`` against a bare loop of the same calls in as many plain processes.

    python benchmarks/landmarks_throughput.py FOLDER [--jobs 2] [--limit 1000] [--rounds 3]

The bare side is what one would write by hand: each process takes every N-th image, reads it grey, finds the face with
dlib's HOG, places dlib's 68 points, turns the face upright and places them again where it is tilted, and asks MTCNN
where HOG finds nothing. It writes nothing. Both sides run by turns, once over all images and once over two, which tells
how long they take to start; the faces a second are those after the start. The landmarks are compared, too.

"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

THREADS = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")

BARE = """
import sys
import cv2, dlib, numpy as np
from wsegs.landmarks.detectors.dlib_detector import DlibPredictor, find_predictor
from wsegs.landmarks.detectors.mtcnn_detector import MtcnnDetector
from wsegs.landmarks.choose import choose_face

cv2.setNumThreads(1)
listing, part, parts, output = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4]
files = open(listing).read().split("\\n")[part::parts]
hog, mtcnn, predictor = dlib.get_frontal_face_detector(), MtcnnDetector(), DlibPredictor(find_predictor(None))
landmarks = np.full((len(files), 68, 2), np.nan, np.float32)
for i, file in enumerate(files):
    grey = cv2.imread(file, cv2.IMREAD_GRAYSCALE)
    boxes = np.array([(b.left(), b.top(), b.width(), b.height()) for b in hog(grey, 0)], np.float32).reshape(-1, 4)
    points = None
    if not len(boxes):
        faces = mtcnn.detect(cv2.cvtColor(cv2.imread(file), cv2.COLOR_BGR2RGB))
        boxes, points = faces.boxes, faces.points
    if len(boxes):
        best = choose_face(boxes, grey.shape)
        landmarks[i] = predictor.predict(grey, boxes[best], None if points is None else points[best])
np.save(output, landmarks)
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, help="a folder of images with faces")
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), help="processes of either side")
    parser.add_argument("--limit", type=int, default=1000, help="images")
    parser.add_argument("--rounds", type=int, default=3, help="how often both sides run")
    arguments = parser.parse_args()

    with tempfile.TemporaryDirectory() as name:
        files = sorted(file.absolute() for file in arguments.folder.iterdir() if file.is_file())[: arguments.limit]
        many, few = Path(name) / "many", Path(name) / "few"
        for folder, some in ((many, files), (few, files[: arguments.jobs])):
            (folder / "images").mkdir(parents=True)
            for file in some:
                (folder / "images" / file.name).symlink_to(file)
        sides = {"bare loop": run_bare, "wsegs landmarks": run_command}
        seconds: dict[str, list[tuple[float, float]]] = {side: [] for side in sides}
        for _ in range(arguments.rounds):
            for side, run in sides.items():
                seconds[side].append((timed(run, few, arguments.jobs), timed(run, many, arguments.jobs)))
        print(f"{len(files)} images, {arguments.jobs} processes, {arguments.rounds} rounds, medians\n")
        print("| side | seconds to start | seconds | faces a second after the start | of the bare loop |")
        print("|---|---|---|---|---|")
        rates = {}
        for side, times in seconds.items():
            start, whole = (statistics.median(column) for column in zip(*times, strict=True))
            rates[side] = (len(files) - arguments.jobs) / (whole - start)
            share = rates[side] / rates["bare loop"]
            print(f"| {side} | {start:.2f} | {whole:.2f} | {rates[side]:.0f} | {share:.3f} |")
        compare(many, arguments.jobs)


def timed(run: Callable[[Path, int], None], folder: Path, jobs: int) -> float:
    start = time.perf_counter()
    run(folder, jobs)
    return time.perf_counter() - start


def run_bare(folder: Path, jobs: int) -> None:
    listing = folder / "listing"
    listing.write_text("\n".join(str(file) for file in sorted((folder / "images").iterdir())))
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", BARE, str(listing), str(part), str(jobs), str(folder / f"{part}.npy")],
            env=os.environ | THREADS,
        )
        for part in range(jobs)
    ]
    codes = [process.wait() for process in processes]
    if any(codes):
        sys.exit("the bare loop failed")


def run_command(folder: Path, jobs: int) -> None:
    output = ["-o", str(folder / "landmarks.h5"), "-j", str(jobs), "--force", "--json"]
    command = [sys.executable, "-m", "wsegs.cli.main", "landmarks", "--data", str(folder / "images"), *output]
    subprocess.run(command, check=True, capture_output=True)


def compare(folder: Path, jobs: int) -> None:
    """Say whether both sides did the same work."""
    import numpy as np

    from wsegs.landmarks.table import read_landmarks

    table = read_landmarks(folder / "landmarks.h5")
    bare = np.empty_like(table.landmarks)
    for part in range(jobs):
        bare[part::jobs] = np.load(folder / f"{part}.npy")
    same = np.isclose(bare, table.landmarks, atol=1e-3, equal_nan=True).all(axis=(1, 2))
    print(f"\nThe landmarks of {same.sum()} of {len(same)} images are the same on both sides.")


if __name__ == "__main__":
    main()
