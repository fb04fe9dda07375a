"""``wsegs export-model``."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import click
import cloup

from wsegs.cli.options import argument, checkpoint_option, output_options, print_json
from wsegs.errors import OptionError

_ENDINGS = {"onnx": ".onnx", "safetensors": ".safetensors", "torch": ".pt2"}


@cloup.command()
@argument("run_folder", "Folder that wsegs train made.", metavar="RUN")
@cloup.option_group(
    "File",
    cloup.option(
        "--format",
        "file_format",
        type=click.Choice(list(_ENDINGS)),
        default="onnx",
        show_default=True,
        help="Kind of file: onnx, which onnxruntime and many others run; safetensors, the weights alone with a card in"
        " JSON; torch, a program of torch.export, which needs no code of wsegs.",
    ),
    checkpoint_option,
    cloup.option(
        "--int8",
        type=click.IntRange(min=1),
        metavar="N",
        help="Quantise convolutions to eight bits, with the ranges that N training images show; 100 will do. ONNX only."
        " Measure what it costs with wsegs evaluate.  [default: float32]",
    ),
)
@output_options(None, "The file to write.  [default: the run's name, .onnx, .safetensors or .pt2 behind it]")
def export_model(
    run_folder: Path,
    file_format: Literal["onnx", "safetensors", "torch"],
    checkpoint: Literal["best", "last", "trained"],
    int8: int | None,
    output: Path | None,
    force: bool,
    as_json: bool,
) -> None:
    """Write a trained network as a file of another program.

    It takes pixels from 0 to 255, any number of images at a time, and says what the run says. What lies between is
    inside: a parser, ten patches, the unit of numbers. A card says size, crop, order and thresholds of the attributes,
    and licences: in the file, or beside it. An ONNX file is compared with torch before it is written; wsegs predict and
    evaluate take it in place of a run.
    """
    from wsegs.io.files import check_output
    from wsegs.training.run_folder import check_run

    check_run(run_folder, checkpoint)
    if int8 is not None and file_format != "onnx":
        raise OptionError(f"--int8: expected --format onnx, got {file_format}")
    output = output or Path(f"{run_folder.resolve().name}{_ENDINGS[file_format]}")
    check_output(output, force=force)
    if file_format == "safetensors":
        check_output(output.with_suffix(".json"), force=force)
    # torch takes seconds to import, so mistakes are reported first.
    from wsegs.model_export.export import export_model as export

    summary = export(run_folder, output, format=file_format, checkpoint=checkpoint, int8=int8, force=force)
    if as_json:
        print_json(summary)
        return
    click.echo(f"{output}: {summary['bytes'] / 1e6:.1f} MB" + _checked(summary))
    for entry in (*summary["inputs"], *summary["outputs"]):
        click.echo(f"  {entry['name']}: {' x '.join(map(str, entry['shape']))}, {entry['meaning']}")


def _checked(summary: dict[str, Any]) -> str:
    if "difference" in summary:
        return f", ONNX opset {summary['opset']}, differs from torch by {summary['difference']:.1g} at most"
    if "calibrated_on" in summary:
        return f", ONNX opset {summary['opset']}, int8, ranges of {summary['calibrated_on']} images"
    return ""
