"""``export``: a trained model for other programs."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import tinygrad_hw as torch
from tinygrad_hw.cli.errors import Failure, UsageError
from tinygrad_hw.cli.folder import open_run
from tinygrad_hw.cli.help import add_command

__all__ = ["add", "run"]

WEIGHTS = {".safetensors": "safetensors", ".npz": "npz", ".h5": "hdf5", ".hdf5": "hdf5", ".pt": "pt", ".pth": "pt"}
EXTRAS = {"safetensors": "safetensors", "hdf5": "hdf5", "onnx": "onnx"}


def add(commands: Any) -> None:
    """Add the command."""
    parser = add_command(
        commands,
        "export",
        "write a trained model as ONNX, safetensors, npz, HDF5 or .pt",
        """Write a trained model for other programs; the suffix of the file chooses the format. An .onnx file holds the
        whole model, for images of any number at a time, scaled as config.toml says: (pixel / 255 - mean) / std. The
        others hold the weights under PyTorch's names; torch.load reads the .pt file.""",
        """
        tinygrad-hw export runs/first model.onnx
        tinygrad-hw export runs/first model.safetensors --weights best
        """,
    )
    parser.add_argument("folder", metavar="RUN", help="folder of the run")
    parser.add_argument(
        "file", metavar="FILE", type=Path, help="where to; ends in .onnx, .safetensors, .npz, .h5 or .pt"
    )
    parser.add_argument("--weights", choices=["last", "best"], help="which weights (default: those of the end)")
    parser.add_argument("--opset", type=int, metavar="N", help="version of ONNX's operators (default: 18)")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Write the file."""
    suffix = args.file.suffix.lower()
    if suffix != ".onnx" and suffix not in WEIGHTS:
        known = ", ".join([".onnx", *WEIGHTS])
        raise UsageError(f"{args.file}: its suffix should say the format: {known}")
    if args.opset is not None and suffix != ".onnx":
        raise UsageError("--opset belongs to .onnx files")
    if not args.file.parent.is_dir():
        raise Failure(f"there is no folder {args.file.parent} for {args.file.name}")
    model, _, form = open_run(args.folder).load_model(args.weights)
    kind = WEIGHTS.get(suffix, "onnx")
    try:
        if kind == "onnx":
            from tinygrad_hw import onnx

            sample = torch.zeros(2, form.channels, form.height, form.width)
            names = {"input_names": ["images"], "output_names": ["scores"], "dynamic_axes": {"images": {0: "batch"}}}
            onnx.export(model, (sample,), args.file, opset_version=args.opset, **names)  # type: ignore[arg-type]
        else:
            torch.save(model.state_dict(), args.file, format=kind)
    except ImportError as error:
        if kind not in EXTRAS:
            raise
        library = {"hdf5": "h5py"}.get(kind, kind)
        extra = EXTRAS[kind]
        raise Failure(f'{suffix} files need {library}: pip install "tinygrad-hw[{extra}]"') from error
    size = args.file.stat().st_size
    print(f"wrote {args.file}: {sum(p.numel() for p in model.parameters()):,} parameters, {size:,} bytes")
    return 0
