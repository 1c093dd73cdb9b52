"""``report``: the pictures of a run, and the page that shows them."""

from __future__ import annotations

import argparse
import importlib.util
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import tinygrad_hw as torch
from tinygrad_hw import nn
from tinygrad_hw.autograd.engine import grad
from tinygrad_hw.autograd.grad_mode import no_grad
from tinygrad_hw.cli.data import Part, load_parts
from tinygrad_hw.cli.errors import Failure
from tinygrad_hw.cli.folder import Run, open_run
from tinygrad_hw.cli.help import add_command
from tinygrad_hw.cli.settings import Settings
from tinygrad_hw.nn import functional as F
from tinygrad_hw.summary import summary
from tinygrad_hw.tensor import Tensor
from tinygrad_hw.train import History

__all__ = ["add", "run", "scores_of", "write"]

WITHOUT_MATPLOTLIB = 'no pictures and no report.html: they need matplotlib: pip install "tinygrad-hw[plot]"'
#: Images whose loss is drawn as a graph, and whose gradients as a flow.
GRAPH_BATCH = 32


def add(commands: Any) -> None:
    """Add the command."""
    parser = add_command(
        commands,
        "report",
        "draw the pictures and write the page of a run again",
        """Draw the pictures of a run anew, and write report.html: one page that needs no network, with the learning
        curves, the confusion matrix, the worst mistakes, filters, activations, weights, gradients and settings. A run
        that is still going, or was stopped, is shown as of its last checkpoint.""",
        """
        tinygrad-hw report runs/first
        tinygrad-hw report runs/first --weights best
        """,
    )
    parser.add_argument("folder", metavar="RUN", help="folder of the run")
    parser.add_argument("--data", metavar="FOLDER", help="folder of the data set (default: as in training)")
    parser.add_argument("--weights", choices=["last", "best"], help="which weights (default: those of the end)")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Write the report."""
    place = open_run(args.folder)
    model, settings, _ = place.load_model(args.weights)
    if args.data is not None:
        settings = replace(settings, data=args.data)
    parts = load_parts(settings, ("train", "test"))
    if not write(place, settings, model, parts["train"], parts["test"]):
        raise Failure(WITHOUT_MATPLOTLIB)
    return 0


def scores_of(model: nn.Module, part: Part) -> Tensor:
    """Return a model's scores of all images, in eval mode and without gradients."""
    training = model.training
    model.eval()
    try:
        with no_grad():
            return torch.cat([model(images) for images, _ in part.loader()])
    finally:
        model.train(training)


def write(place: Run, settings: Settings, model: nn.Module, train: Part, test: Part) -> bool:
    """Write pictures and page, and say so; return whether there is matplotlib to do it."""
    if importlib.util.find_spec("matplotlib") is None:
        print(WITHOUT_MATPLOTLIB)
        return False
    from tinygrad_hw import viz

    model.eval()
    classes = test.form.classes
    history = History.read_csv(place.metrics) if place.metrics.exists() else None
    scores = scores_of(model, test)
    few = train.take(slice(0, GRAPH_BATCH)).tensors()
    loss = F.cross_entropy(model(few.tensors[0]), few.tensors[1])
    named = [(n, p) for n, p in model.named_parameters() if p.requires_grad]
    found = grad(loss, [p for _, p in named], retain_graph=True)
    gradients = dict(zip([n for n, _ in named], found, strict=True))
    image = test.take(slice(0, 1)).tensors().tensors[0][0]
    pixels = test.pixels[:, 0] if test.form.channels == 1 else test.pixels
    shape = (1, test.form.channels, test.form.height, test.form.width)
    text = str(summary(model, shape, verbose=0))

    from tinygrad_hw.train import confusion_matrix

    matrix = confusion_matrix(scores, test.labels, len(classes))
    figures: dict[str, Callable[[], Any]] = {
        "confusion_matrix": lambda: viz.confusion_matrix(matrix, classes),
        "filters": lambda: viz.filters(model),
        "activations": lambda: viz.activations(model, image),
        "weights": lambda: viz.weight_histograms(model),
        "gradient_flow": lambda: viz.gradient_flow(gradients),
    }
    if history:
        figures["learning_curves"] = lambda: viz.learning_curves(history)
    if (scores.argmax(1).array != test.labels).any():
        figures["worst_mistakes"] = lambda: viz.worst_mistakes(pixels, test.labels, scores, classes)
    place.pictures.mkdir(exist_ok=True)
    for name, make in figures.items():
        try:
            figure = make()
        except ValueError as error:
            # Kernels of many channels are no pictures, for one.
            print(f"not drawn: {name}: {error}")
            continue
        viz.save(figure, place.pictures / f"{name}.png")
    material = viz.RunMaterial(
        title=f"{place.path.resolve().name}: {settings.model} on {settings.dataset}",
        history=history if history else None,
        model=model,
        class_names=classes,
        images=pixels,
        targets=test.labels,
        scores=scores,
        image=image,
        loss=loss,
        gradients=gradients,
        summary=text,
    )
    page = viz.write_report(place.path, material, path=place.report)
    print(f"wrote {page} and {len(list(place.pictures.glob('*.png')))} pictures in {place.pictures}")
    return True
