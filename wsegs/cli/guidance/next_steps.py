"""The next step after a command, as a line that works when it is typed as it stands."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wsegs.cli.options import RULES_OF_SCHEME

if TYPE_CHECKING:
    from wsegs.landmarks.table import LandmarkTable
    from wsegs.store import MaskStore
    from wsegs.training.plan import TrainingPlan


def after_landmarks(table: LandmarkTable, output: Path, data: Path, scheme: str | None) -> str:
    """Return how masks are drawn: by the shipped rules if they have the attributes, else by rules of one's own.

    Parameters
    ----------
    table, output
        The landmarks, and their file.
    data
        The data set.
    scheme
        As the user named it; None for the default.
    """
    import numpy as np

    if not table.found.any():
        return ""
    frame = "" if len(np.unique(table.image_size[table.found], axis=0)) == 1 else " --frame face"
    rules = RULES_OF_SCHEME.get(table.scheme.name)
    flag = None if rules is None else _shared_flag(rules, table.attribute_names)
    if flag is not None:
        return f"wsegs masks {_quoted(output)} --rules {rules}{flag}{frame}"
    own = _free(Path("rules.yaml"))
    named = f" --scheme {shlex.quote(scheme)}" if scheme else ""
    where = f" --data {_quoted(data)}" if table.attribute_names else ""
    if rules is None and not table.scheme.average:  # its faces are all that says what one looks like
        named += f" --landmarks {_quoted(output)}"
    return (
        f"wsegs rules new{where}{named} -o {_quoted(own)}; wsegs masks {_quoted(output)} --rules {_quoted(own)}{frame}"
    )


def _shared_flag(rules: str, names: tuple[str, ...]) -> str | None:
    """Return the flag that shipped rules need for these attributes; None if they have none of them."""
    from wsegs.rules import load_rules

    ours, theirs = {_plain(name) for name in names}, {_plain(name) for name in load_rules(rules).attribute_names}
    if not ours or ours == theirs:
        return ""
    return " --shared-attributes-only" if ours & theirs else None


def _plain(name: str) -> str:
    return "_".join(name.lower().replace("-", " ").replace("_", " ").split())


def after_masks(store: MaskStore, data: Path | None) -> str:
    """Return how a mask store is looked at, and trained on where it has images and labels to train and validate."""
    import numpy as np

    moved = "" if data is None else f" --data {_quoted(data)}"
    steps = [f"wsegs preview {_quoted(store.path)}{moved}{'' if not Path('preview.png').exists() else ' --force'}"]
    rows = (store.split == 0) & (store.status != 0)
    validation = store.split == 1
    known = store.attributes >= 0
    if known[rows].any() and (known[validation].any() if validation.any() else rows.sum() > 1):
        enough = known[rows].sum(axis=0).max() > 1 and (np.ptp(store.attributes[rows], axis=0) > 0).any()
        recipe = "region-probe" if enough and _has_backbone() else "attparsenet"
        run = Path("runs") / recipe
        output = f" -o {_quoted(_free(run))}" if run.exists() else ""
        steps.append(f"wsegs train {recipe} {_quoted(store.path)}{moved}{output}")
    return "; ".join(steps)


def _has_backbone() -> bool:
    """Return whether the weights that region-probe reads are installed."""
    from wsegs.errors import WsegsError
    from wsegs.nets.backbones import find_weights

    try:
        find_weights("efficientnet-lite0", None)
    except WsegsError:
        return False
    return True


def after_training(plan: TrainingPlan, run: Path, splits: Mapping[str, int]) -> str:
    """Return how a run is measured; where nothing can measure it, how it is looked at.

    Parameters
    ----------
    plan, run
        Of the training.
    splits
        Numbers of images of its data set.
    """
    report = f"wsegs report {_quoted(run)}"
    source = plan.main
    if plan.network.name == "lnet" and plan.task("attributes") is not None and source.frame.kind == "letterbox":
        where = f" --data {_quoted(source.path)}"
        where += "".join(
            f" --{key} {shlex.quote(str(source.opened[key]))}" for key in ("images",) if key in source.opened
        )
        return f"wsegs locate {_quoted(run)}{where} -o head-shoulders.csv; {report}"
    if plan.network.name == "anet" and plan.task("identity") is not None:
        data = f" --data {_quoted(plan.main.path)}" if plan.main.kind == "data" else ""
        return f"wsegs train anet --trunk {_quoted(run)}{data}; {report} --neurons"
    task, regions = plan.task("parsing"), plan.regions
    if not plan.network.heads and task is not None and plan.sources[task.source].kind != "store":
        return report  # parsing is measured on a mask store
    if regions is not None and regions.source in ("store", "masks") and regions.parser is None:
        return report  # nothing draws the regions of new images
    split = next((name for name in ("test", "validation") if splits.get(name)), None)
    if split is None:
        return report
    return f"wsegs evaluate {_quoted(run)}{'' if split == 'test' else f' --split {split}'}; {report}"


def after_locating(boxes: Path, data: Path, labels: Mapping[str, Any], runs: Sequence[Path]) -> str:
    """Return what boxes are for: those of heads and shoulders to train LNet_s on, those of faces to find landmarks.

    Parameters
    ----------
    boxes, data
        The table, and the data set.
    labels
        Options that the data set was opened with.
    runs
        LNet_o, and LNet_s where there is one.
    """
    where = f" --data {_quoted(data)}"
    for option in ("images", "labels"):
        if labels.get(option):
            where += f" --{option} {shlex.quote(str(labels[option]))}"
    if len(runs) == 1:
        free = Path("runs/lnet-s")
        output = f" -o {_quoted(_free(free))}" if free.exists() else ""
        return f"wsegs train lnet-s{where} --boxes {_quoted(boxes)}{_as_begun(runs[0])}{output}"
    return f"wsegs landmarks{where} --boxes {_quoted(boxes)} -o {_quoted(_free(Path('landmarks.h5')))}"


def _as_begun(run: Path) -> str:
    """Return the options by which an LNet begins as that of a run did: its width, its filters, its pre-training."""
    from wsegs.training.plan import read_plan
    from wsegs.training.run_folder import PLAN

    network = read_plan(run / PLAN).network
    options = "".join(
        f" --{name} {shlex.quote(str(network.options[name]))}"
        for name, usual in (("width", 1.0), ("layers", "paper"))
        if network.options.get(name, usual) != usual
    )
    if network.size != (227, 227):
        options += f" --size {network.size[0]}x{network.size[1]}"
    trunks = [trunk.source for trunk in network.trunks]
    if not trunks:
        return f"{options} --no-trunks"
    begins = "--trunk" if trunks[0].is_dir() else "--init-from"
    return options if trunks[0] == Path("runs/lnet-objects") else f"{options} {begins} {_quoted(trunks[0])}"


def after_features(recipe: str, masks: Path, features: str, more: str) -> str:
    """Return how heads are fitted on the features that were read; both texts are further options."""
    run = Path("runs") / Path(recipe).stem
    free = f" -o {_quoted(_free(run))}" if run.exists() else ""
    return f"wsegs train {shlex.quote(recipe)} {_quoted(masks)}{features}{more}{free}"


def after_classes(folder: Path, side: int) -> str:
    """Return how a folder of faces and others is trained on: from what has seen objects, where that is there."""
    objects = Path("runs") / "objectnet"
    first = "" if (objects / "best.ckpt").exists() else f" --no-trunks --size {side}x{side}"
    run = Path("runs") / "facenet0"
    output = f" -o {_quoted(_free(run))}" if run.exists() else ""
    return f"wsegs train facenet0 --data {_quoted(folder)}{first}{output}"


def after_shard(output: Path, number: int, of: int) -> str:
    """Return how all shards are joined, once they are drawn."""
    middle = f".{number}-of-{of}"
    if not output.stem.endswith(middle):
        return "wsegs store merge SHARD..."
    whole = output.with_name(output.stem.removesuffix(middle))
    pattern = f"{_quoted(whole)}.*-of-{of}{shlex.quote(output.suffix)}"
    return f"wsegs store merge {pattern} -o {_quoted(_free(whole.with_name(whole.name + output.suffix)))}"


def _quoted(path: Path) -> str:
    return shlex.quote(str(path))


def _free(path: Path) -> Path:
    """Return a path, or one with a number behind its stem, where nothing is yet."""
    number, found = 2, path
    while found.exists():
        found, number = path.with_name(f"{path.stem}-{number}{path.suffix}"), number + 1
    return found
