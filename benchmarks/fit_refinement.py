"""Fit a refinement file to human parsing masks: how rules/refine/celeba.yaml was made.

    python benchmarks/fit_refinement.py FOLDER > celeba.yaml

FOLDER is that of benchmarks/region_iou.py. A multinomial logistic regression from the distances to the rules' regions
to the class of a pixel, on pixels drawn at random from the faces of the fold called first; no pixel's colour is looked
at. Fit it again when the shapes of rules/celeba.yaml change.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from scipy.optimize import minimize
from scipy.special import log_softmax

from wsegs.geometry.matrices import resize_affine
from wsegs.geometry.warp import warp_classes
from wsegs.human_masks.parsed_faces import load_parsed_faces
from wsegs.refine.place import features
from wsegs.refine.refine import WORKING_DISTANCE
from wsegs.rules import load_rules

REGIONS = ("top_of_head", "below_chin", "ears", "face", "chin", "forehead")
# Name, the region that it refines, the classes of CelebAMask-HQ. All else is the class without a name.
CLASSES = (
    ("skin", None, (1, 2, 3, 4, 5, 6, 7, 10, 11, 12)),
    ("hair", "top_of_head", (13, 14)),
    ("neck", "below_chin", (17,)),
    ("ears", "ears", (8, 9, 15)),
    ("clothes", None, (16, 18)),
)
PIXELS_A_FACE = 1000
PENALTY = 1e-4
OUTSIDE = 65535


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--rules", default="celeba")
    arguments = parser.parse_args()

    rules = load_rules(arguments.rules)
    places, classes = sample_pixels(rules, load_parsed_faces(arguments.folder, fold="first"))
    weights = fit(places, classes)
    print(f"version: 1\nscheme: {rules.scheme.name}\nregions: [{', '.join(REGIONS)}]\nthreshold: 0.4\nclasses:")
    for (name, refined, _), row in zip(CLASSES, weights, strict=True):
        print(f"  {name}:")
        if refined:
            print(f"    refines: {refined}")
        print(f"    bias: {row[0]:.2f}")
        for key, part in (("near", row[1 : 1 + len(REGIONS)]), ("far", row[1 + len(REGIONS) :])):
            print(f"    {key}: [{', '.join(f'{weight:.2f}' for weight in part)}]")


def sample_pixels(rules, faces):
    """Return features (N, F) and class numbers (N,) of pixels drawn at random, 0 for all else."""
    rng = np.random.default_rng(0)
    landmarks = faces.landmarks_of(rules.scheme)
    units = rules.scheme.inter_ocular_distance(landmarks)
    of_class = np.zeros(OUTSIDE + 1, np.intp)
    for number, (_, _, human) in enumerate(CLASSES, 1):
        of_class[list(human)] = number
    places, classes = [], []
    for rows, masks in faces.batches("sample"):
        for mask, points, unit in zip(masks, landmarks[rows], units[rows], strict=True):
            scale = min(1.0, WORKING_DISTANCE / unit)
            small = max(1, round(faces.size[0] * scale)), max(1, round(faces.size[1] * scale))
            (affine,) = resize_affine(np.array([faces.size]), small).astype(float)
            (drawn,) = rules.draw(points[None] @ affine[:, :2] + affine[:, 2], small)
            planes = [(drawn >> rules.region_names.index(name) & 1).astype(np.uint8) for name in REGIONS]
            human = warp_classes(mask, affine, faces.size, small, OUTSIDE).ravel()
            chosen = rng.choice(np.flatnonzero(human != OUTSIDE), PIXELS_A_FACE)
            columns = features(np.stack(planes), unit * scale)
            places.append(columns.reshape(len(columns), -1)[:, chosen].T)
            classes.append(of_class[human[chosen]])
    return np.concatenate(places).astype(float), np.concatenate(classes)


def fit(places, classes):
    """Return the weights (K, F) of the most likely classes, with a small penalty on large ones."""
    rows = np.arange(len(classes))
    shape = len(CLASSES), places.shape[1]

    def loss(flat):
        weights = flat.reshape(shape)
        scores = np.concatenate([np.zeros((len(places), 1)), places @ weights.T], axis=1)
        log_likelihood = log_softmax(scores, axis=1)
        error = np.exp(log_likelihood)
        error[rows, classes] -= 1
        gradient = error[:, 1:].T @ places / len(places) + 2 * PENALTY * weights
        return -log_likelihood[rows, classes].mean() + PENALTY * (weights**2).sum(), gradient.ravel()

    return minimize(loss, np.zeros(np.prod(shape)), jac=True, method="L-BFGS-B", options={"maxiter": 500}).x.reshape(
        shape
    )


if __name__ == "__main__":
    main()
