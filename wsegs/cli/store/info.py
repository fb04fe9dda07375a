"""``wsegs store info``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
import cloup

from wsegs.cli.options import argument, json_option, print_json


@cloup.command()
@argument("path", "Mask store that wsegs masks made.", metavar="[MASKS]", default=Path("masks.h5"))
@cloup.option_group(
    "Output",
    cloup.option(
        "--sample",
        metavar="N",
        type=click.IntRange(min=0),
        default=2000,
        help="Measure coverage on N faces, evenly spaced in the store; 0 measures it on all.",
    ),
    json_option,
)
def info(path: Path, sample: int, as_json: bool) -> None:
    """Show what a mask store holds: coverage of regions and masks, labels, provenance."""
    from wsegs.store import MaskStore
    from wsegs.store.summary import describe_store

    with MaskStore(path) as masks:
        summary = describe_store(masks, sample or None)
    if as_json:
        print_json(summary)
    else:
        _print_summary(summary)


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
