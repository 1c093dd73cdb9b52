"""The command line: ``tinygrad-hw`` or ``python -m tinygrad_hw``."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import tinygrad_hw as torch
from tinygrad_hw import nn, optim
from tinygrad_hw.kernels import runtime
from tinygrad_hw.serialization import save_npz
from tinygrad_hw.train import Trainer
from tinygrad_hw.utils.data import DataLoader, TensorDataset
from tinygrad_hw.vision import datasets
from tinygrad_hw.vision.models import MLP, LeNet

__all__ = ["main"]

OPTIMIZERS: dict[str, Any] = {
    "adam": optim.Adam,
    "adamw": optim.AdamW,
    "sgd": optim.SGD,
    "rmsprop": optim.RMSprop,
    "adagrad": optim.Adagrad,
}
#: Epochs and learning rate with which the default model and optimizer do well.
DEFAULTS = {"digits": (30, 3e-3), "mnist": (2, 2e-3), "fashion-mnist": (5, 1e-3)}


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="tinygrad-hw", description="Train and inspect small neural networks on the CPU."
    )
    parser.add_argument("--version", action="version", version=f"tinygrad_hw {torch.__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="command")
    train = commands.add_parser(
        "train",
        help="train a classifier of images and print its test accuracy",
        description=(
            "Train a classifier of images, with progress on screen, and print its test accuracy. The digits "
            "(1,797 images of 8x8 pixels) come with the package; MNIST and Fashion-MNIST are read from --data."
        ),
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    train.add_argument(
        "dataset",
        nargs="?",
        choices=list(DEFAULTS),
        default="digits",
        help="what to train on",
    )
    train.add_argument(
        "--model",
        choices=["mlp", "lenet"],
        default="lenet",
        help="a multilayer perceptron or a convolutional network",
    )
    train.add_argument("--hidden", default="128", help="sizes of the mlp's hidden layers, by comma")
    train.add_argument("--dropout", type=float, default=0.0, help="dropout of the mlp's hidden units")
    train.add_argument(
        "--epochs",
        type=int,
        help="passes over the training set (default: "
        + ", ".join(f"{v[0]} for {k}" for k, v in DEFAULTS.items())
        + ")",
        default=argparse.SUPPRESS,
    )
    train.add_argument("--batch-size", type=int, default=32, help="images per step")
    train.add_argument(
        "--lr",
        type=float,
        help="learning rate (default: " + ", ".join(f"{v[1]:g} for {k}" for k, v in DEFAULTS.items()) + ")",
        default=argparse.SUPPRESS,
    )
    train.add_argument("--optimizer", choices=list(OPTIMIZERS), default="adam", help="update rule")
    train.add_argument(
        "--schedule",
        choices=["cosine", "none"],
        default="cosine",
        help="how the learning rate falls: by half a cosine to 0, batch by batch, or not at all",
    )
    train.add_argument("--seed", type=int, default=0, help="seed of the random numbers")
    train.add_argument("--data", type=Path, default=Path("data"), help="folder of the MNIST or Fashion-MNIST files")
    train.add_argument("--download", action="store_true", help="download missing files into --data first")
    train.add_argument(
        "--out",
        type=Path,
        default=argparse.SUPPRESS,
        help="folder for metrics.csv and the checkpoint model.npz (default: nothing is written)",
    )
    train.set_defaults(run=_train)
    warmup = commands.add_parser(
        "warmup",
        help="compile all kernels, so that nothing waits for them later",
        description=(
            "Compile every kernel for this CPU, on one thread and on several, and keep the code on disk. Kernels that "
            "were compiled before are not compiled again."
        ),
    )
    warmup.add_argument("--float64", action="store_true", help="for float64 too, not for float32 only")
    warmup.add_argument("--quiet", action="store_true", help="show no progress")
    warmup.set_defaults(run=_warmup)
    config = commands.add_parser(
        "show-config",
        help="tell CPU, threads, libraries, and what is switched off and why",
        description="Tell CPU, threads, libraries, where compiled kernels are kept, and what is switched off and why.",
    )
    config.set_defaults(run=_show_config)
    return parser


def _load(args: argparse.Namespace, train: bool) -> TensorDataset:
    """Return images scaled to mean 0 and deviation 1 (by the training set's), and labels."""
    if args.dataset == "digits":
        source: Any = datasets.Digits(train=train)
        mean, std = 0.3053, 0.3760
    elif args.dataset == "mnist":
        source = datasets.MNIST(args.data, train=train, download=args.download)
        mean, std = 0.1307, 0.3081
    else:
        source = datasets.FashionMNIST(args.data, train=train, download=args.download)
        mean, std = 0.2860, 0.3530
    images = torch.as_tensor(source.data).float().div_(255).sub_(mean).div_(std).unsqueeze(1)
    return TensorDataset(images, torch.as_tensor(source.targets).long())


def _model(args: argparse.Namespace, image_size: int) -> nn.Module:
    if args.model == "lenet":
        return LeNet(image_size=image_size)
    hidden = [int(n) for n in args.hidden.split(",") if n]
    return MLP(image_size * image_size, hidden, dropout=args.dropout)


def _train(args: argparse.Namespace) -> int:
    out: Path | None = getattr(args, "out", None)
    epochs = getattr(args, "epochs", DEFAULTS[args.dataset][0])
    lr = getattr(args, "lr", DEFAULTS[args.dataset][1])
    torch.manual_seed(args.seed)
    train, test = _load(args, True), _load(args, False)
    if out is not None:
        out.mkdir(parents=True, exist_ok=True)
    model = _model(args, train.tensors[0].shape[-1])
    count = sum(p.numel() for p in model.parameters())
    print(
        f"{args.dataset}: {len(train)} images to train on, {len(test)} to test on; "
        f"{args.model} with {count:,} parameters"
    )
    loader: DataLoader[Any] = DataLoader(train, batch_size=args.batch_size, shuffle=True)
    optimizer = OPTIMIZERS[args.optimizer](model.parameters(), lr=lr)
    scheduler = None
    if args.schedule == "cosine" and epochs > 0:
        scheduler = optim.lr_scheduler.CosineAnnealingLR(optimizer, len(loader) * epochs)
    trainer = Trainer(model, optimizer, scheduler=scheduler)
    trainer.fit(loader, DataLoader(test, batch_size=1000), epochs)
    if trainer.interrupted:
        print(f"stopped after {len(trainer.history)} of {epochs} epochs; the weights are kept as they are")
    if trainer.history:
        print(trainer.history.table())
    if out is not None:
        trainer.history.write_csv(out / "metrics.csv")
        save_npz(model.state_dict(), out / "model.npz")
        print(f"wrote {out / 'metrics.csv'} and {out / 'model.npz'}")
    result = trainer.evaluate(DataLoader(test, batch_size=1000))
    print(f"test accuracy {result['accuracy']:.2%} (loss {result['loss']:.4f})")
    return 130 if trainer.interrupted else 0


def _warmup(args: argparse.Namespace) -> int:
    from tinygrad_hw.warmup import warm_up

    warm_up((torch.float32, torch.float64) if args.float64 else (torch.float32,), progress=not args.quiet)
    print(f"compiled kernels are in {runtime.config()['cache_folder']}")
    return 0


def _show_config(args: argparse.Namespace) -> int:
    print(torch.show_config())
    return 0


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit code.

    Args:
        argv: the arguments; those of the process if None.
    """
    args = _parser().parse_args(argv)
    try:
        code: int = args.run(args)
        return code
    except (OSError, RuntimeError, ValueError) as error:
        print(f"tinygrad-hw: {error}", file=sys.stderr)
        return 1
