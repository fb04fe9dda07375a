"""Regions of rule files against human parsing masks: the README's table, as it is, tilted, smaller and larger.

    python benchmarks/region_iou.py FOLDER [--rules attparsenet-2020 celeba] [--fold first|second|all]

FOLDER holds ``images/NAME.jpg`` and ``masks/NAME.png`` with the classes of rules/classes/celebamask.yaml. Images and
masks are scaled to 218x218; landmarks come from dlib. ``wsegs rules score`` and ``wsegs rules compare`` do one of these
rows and say more of it. The shipped rules/celeba.yaml was fitted on the fold called first.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from wsegs.human_masks.parsed_faces import load_parsed_faces
from wsegs.human_masks.scoring import score_faces
from wsegs.rules import load_rules
from wsegs.rules.tuning.class_map import load_classes
from wsegs.rules.tuning.score import mean_over_regions, summarise_scores

MOVES = {
    "as it is": {},
    "turned by 20°": {"turn": 20.0},
    "turned by 40°": {"turn": 40.0},
    "half the size": {"scale": 0.5},
    "double the size": {"scale": 2.0},
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--rules", nargs="+", default=["attparsenet-2020", "celeba"], help="names or paths")
    parser.add_argument("--fold", choices=["first", "second", "all"], default="second")
    arguments = parser.parse_args()

    rule_sets = [load_rules(name) for name in arguments.rules]
    classes = load_classes("celebamask")
    print("| rules | faces | " + " | ".join(classes.regions) + " | mean |")
    print("|---" * (len(classes.regions) + 3) + "|")
    for move, options in MOVES.items():
        faces = load_parsed_faces(arguments.folder, fold=arguments.fold, **options)
        for rules, scores in zip(rule_sets, score_faces(faces, rule_sets, classes), strict=True):
            summaries = {summary.region: summary for summary in summarise_scores(scores)}
            cells = [f"{summaries[name].iou:.3f}" if name in summaries else "" for name in classes.regions]
            mean = mean_over_regions(list(summaries.values()))["iou"]
            print(f"| `{rules.name}` | {move} | " + " | ".join(cells) + f" | {mean:.3f} |")


if __name__ == "__main__":
    main()
