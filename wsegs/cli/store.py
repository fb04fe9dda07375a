"""``wsegs store``."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from wsegs.cli.options import force_option, json_option, output_option, print_json

if TYPE_CHECKING:
    from wsegs.store.findings import Findings

_MOST_LINES = 20


@click.group()
def store() -> None:
    """Look inside a mask store, verify it, or join its shards."""


@store.command()
@click.argument("path", metavar="[MASKS]", type=click.Path(path_type=Path), default=Path("masks.h5"))
@click.option("--sample", type=click.IntRange(min=0), default=2000, help="Faces to measure coverage on; 0 for all.")
@json_option
def info(path: Path, sample: int, as_json: bool) -> None:
    """Print what MASKS (masks.h5) holds: coverage, labels, provenance."""
    from wsegs.store import MaskStore
    from wsegs.store.summary import describe_store

    with MaskStore(path) as masks:
        summary = describe_store(masks, sample or None)
    if as_json:
        print_json(summary)
    else:
        _print_summary(summary)


@store.command()
@click.argument("shards", nargs=-1, required=True, type=click.Path(path_type=Path))
@output_option("masks.h5", "The mask store.")
@force_option
@json_option
def merge(shards: tuple[Path, ...], output: Path, force: bool, as_json: bool) -> None:
    """Join SHARDS, all that wsegs masks --shard wrote, to one store: as if one run had written it."""
    from wsegs.store.writing.merge import merge_shards

    summary = merge_shards(shards, output, force=force)
    if as_json:
        print_json(summary)
    else:
        click.echo(
            f"{output}: {summary['images']} images of {summary['shards']} shards, {summary['bytes'] / 1e6:.1f} MB"
        )


@store.command()
@click.argument("path", metavar="[FILE]", type=click.Path(path_type=Path), default=Path("masks.h5"))
@click.option("--rules", help="Rule file that the masks should have been drawn by, by path or by shipped name.")
@click.option(
    "--landmarks", type=click.Path(path_type=Path), help="Landmark table that the masks should have been drawn from."
)
@click.option("--data", type=click.Path(path_type=Path), help="Data set whose images it should be of.")
@click.option(
    "--redraw",
    type=click.IntRange(min=-1),
    default=100,
    help="Images to draw again and compare; -1 for all, 0 for none.",
)
@json_option
def verify(
    path: Path, rules: str | None, landmarks: Path | None, data: Path | None, redraw: int, as_json: bool
) -> None:
    """Find damage in FILE (masks.h5, or a landmark table), and in which image it is.

    Any changed byte is found, and whatever does not agree with the rules, landmarks and images that are named. The exit
    code is 1 if something is wrong.
    """
    from wsegs.rules import load_rules
    from wsegs.store.verify import verify_file

    findings = verify_file(
        path,
        rules=None if rules is None else load_rules(rules),
        landmarks=landmarks,
        data=data,
        redraw=None if redraw == -1 else redraw,
    )
    if as_json:
        print_json(findings.as_json())
    else:
        _print_findings(findings)
    if findings.lines:
        sys.exit(1)


def _print_findings(findings: Findings) -> None:
    for line in findings.lines[:_MOST_LINES]:
        click.echo(f"{findings.path}: {line}")
    if len(findings.lines) > _MOST_LINES:
        click.echo(f"{findings.path}: and {len(findings.lines) - _MOST_LINES} more; --json lists all")
    checked = findings.checked
    if checked["sha256"] == "none" and checked.get("checksums") == "none":
        click.echo(f"{findings.path}: written without sha256 and checksums, so not every changed byte can be found")
    what = ", ".join(f"{name}: {value}" for name, value in checked.items())
    result = f"{len(findings.lines)} findings" if findings.lines else "nothing wrong"
    click.echo(f"{findings.path}: a {findings.kind}, {result} ({what})")


def _print_summary(summary: dict[str, Any]) -> None:
    height, width = summary["size"]
    click.echo(
        f"{summary['store']}: {summary['images']} images of {height}x{width} in the {summary['frame']['kind']} frame,"
        f" {summary['bytes'] / 1e6:.1f} MB"
    )
    if summary["crops"]:
        crops = summary["crops"]
        click.echo(
            f"images inside: {crops['images']}, {crops['bytes'] / 1e6:.1f} MB"
            f" ({crops['bytes'] / max(1, crops['images']) / 1e3:.2f} KB an image)"
        )
    click.echo("splits: " + ", ".join(f"{count} {name}" for name, count in summary["splits"].items()))
    click.echo(
        f"landmarks ({summary['scheme']}): "
        + ", ".join(f"{count} {name}" for name, count in summary["landmarks"].items() if count)
    )
    click.echo(f"\ncoverage, measured on {summary['coverage_measured_on']} faces")
    click.echo(f"{'region':<24}{'on faces':>10}{'of frame':>10}")
    for region in summary["regions"]:
        click.echo(f"{region['name']:<24}{region['faces']:>10.1%}{region['area']:>10.2%}")
    click.echo(f"\n{'attribute':<24}{'present':>10}{'absent':>10}{'unknown':>10}{'of frame':>10}")
    for attribute in summary["attributes"]:
        counts = "".join(f"{attribute[key]:>10}" for key in ("present", "absent", "unknown"))
        click.echo(f"{attribute['name']:<24}{counts}{attribute['area']:>10.2%}")
    click.echo(f"\nrules: {summary['rules']['source']}, sha256 {summary['rules']['sha256']}")
    click.echo(f"made by wsegs {summary['wsegs']}")
    data = summary["provenance"].get("data", {})
    click.echo(f"data set: {data.get('name', 'unknown')}, {data.get('root', 'unknown')}")
    refined = summary["provenance"].get("refined")
    if refined:
        click.echo(
            f"refined by pixels: {', '.join(refined['regions'])}, by {refined['refinement']}, sha256"
            f" {refined['sha256']}, method {refined['method']}; {refined['unrefined_faces']} faces were not"
        )
    for detector in summary["provenance"].get("detectors", []):
        click.echo("detector: " + ", ".join(f"{key} {value}" for key, value in detector.items()))
