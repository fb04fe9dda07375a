"""What ``wsegs masks --refine`` gains and costs: intersection over union with human masks, and time, with and without.

    python benchmarks/refine.py FOLDER [--fold first|second|all]

FOLDER is that of benchmarks/region_iou.py. Once on whole images of 218x218, twice on crops about the
face of 218x178 as ``wsegs masks --frame face`` makes them: as large as in aligned CelebA images (``--zoom 1``), and by
default (``--zoom 1.25``), where less of the background is seen. Times are of one processor, of drawing and refining
alone; the images are in memory. The gain's interval is of the mean over faces, 95 %, by resampling faces.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import cv2
import numpy as np
from tqdm import tqdm

from wsegs.datasets.parsing import read_parsing
from wsegs.geometry.frame import Frame
from wsegs.geometry.matrices import transform_points
from wsegs.geometry.warp import covered_by_source, warp_classes, warp_image
from wsegs.human_masks.parsed_faces import load_parsed_faces
from wsegs.refine import load_refinement, refine_regions
from wsegs.rules import load_rules
from wsegs.rules.tuning.class_map import OUTSIDE, load_classes


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--fold", choices=["first", "second", "all"], default="second")
    parser.add_argument("--rules", default="celeba")
    parser.add_argument("--refinement", default="celeba")
    arguments = parser.parse_args()
    cv2.setNumThreads(1)

    rules, refinement = load_rules(arguments.rules), load_refinement(arguments.refinement)
    refinement.check(rules)
    classes = load_classes("celebamask")
    faces = load_parsed_faces(arguments.folder, fold=arguments.fold)
    landmarks = faces.landmarks_of(rules.scheme)
    sizes = np.tile(faces.size[::-1], (len(faces), 1))
    frames = (Frame("image", faces.size, zoom=1.0), Frame("face", (218, 178), zoom=1.0), Frame("face", (218, 178)))
    for frame in frames:
        affine = frame.affine(rules.scheme.five_points(landmarks), sizes)
        points = transform_points(landmarks, affine)
        start = time.process_time()
        drawn = rules.draw(points, frame.size)
        draw_seconds = time.process_time() - start
        seconds, scores = 0.0, []
        for row in tqdm(range(len(faces)), unit="face", desc=frame.kind, disable=None):
            image = warp_image(faces.image(row), affine[row], frame.size)
            covered = covered_by_source(affine[row], faces.size, frame.size)
            human = warp_classes(
                read_parsing(faces.files[row].mask), affine[row].astype(float), faces.size, frame.size, OUTSIDE
            )
            start = time.process_time()
            refined = refine_regions(drawn[row], image, points[row], rules, refinement, covered)
            seconds += time.process_time() - start
            scores.append([score(regions, human, rules, classes) for regions in (drawn[row], refined)])
        milliseconds = np.array([draw_seconds, seconds]) / len(faces) * 1e3
        report(frame, list(classes.regions), np.array(scores), milliseconds)


def score(regions, human, rules, classes):
    """Return the intersection over union of each region of the class map, nan where people drew too little."""
    values = []
    known = classes.known(human)
    for name in classes.regions:
        people = classes.region_bits(human, [name]) != 0
        ours = (regions >> rules.region_names.index(name) & 1 != 0) & known
        enough = people.sum() >= classes.least_pixels
        values.append((people & ours).sum() / (people | ours).sum() if enough else np.nan)
    return values


def report(frame, names, scores, milliseconds):
    """Print a table of one frame; ``scores`` is (faces, 2, regions)."""
    rng = np.random.default_rng(0)
    means = np.nanmean(scores, axis=0)
    print(f"\n{len(scores)} faces, {frame.kind} {frame.size[0]}x{frame.size[1]}, zoom {frame.zoom}\n")
    print("| region | rules | refined | gain | 95 % | worse on |\n|---|---|---|---|---|---|")
    for column, name in enumerate(names):
        gains = scores[:, 1, column] - scores[:, 0, column]
        gains = gains[np.isfinite(gains)]
        low, high = np.percentile(rng.choice(gains, (2000, len(gains))).mean(axis=1), [2.5, 97.5])
        before, after = means[:, column]
        interval, worse = f"{low:+.3f} to {high:+.3f}", np.mean(gains < 0)
        print(f"| {name} | {before:.3f} | {after:.3f} | {gains.mean():+.3f} | {interval} | {worse:.0%} |")
    rule_mean, refined_mean = means.mean(axis=1)
    print(f"| mean | {rule_mean:.3f} | {refined_mean:.3f} | {refined_mean - rule_mean:+.3f} | | |")
    draw, refine = milliseconds
    print(f"\n{draw:.2f} ms an image to draw, {refine:.1f} ms more to refine: {refine / draw:.0f} times as long")


if __name__ == "__main__":
    main()
