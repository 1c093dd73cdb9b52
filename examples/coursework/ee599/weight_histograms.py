"""Exercise: what regularisation does to the weights. 45 seconds on 2 cores.

    python examples/coursework/ee599/weight_histograms.py --data data --out out

Two networks learn Fashion-MNIST for 40 epochs: one of 128 hidden units and nothing else, one of 48 with dropout 0.3 and
an L2 penalty of 1e-4. A histogram of each layer's weights shows where they ended up.
"""

from __future__ import annotations

import sys
from pathlib import Path

from tinygrad_hw import viz

sys.path.insert(0, str(Path(__file__).parents[1]))
import common
import fashion

NETWORKS = {"128 plain": (128, 0.0, 0.0), "48 regularised": (48, 0.3, 1e-4)}


def main(argv=None) -> dict[str, list[float]]:
    args = common.parse_arguments(__doc__, argv)
    data, test, _ = fashion.load(args)
    epochs = 3 if args.quick else 40
    layers, scores, spread, weights = [], [], {}, {}
    for name, settings in NETWORKS.items():
        trainer = fashion.train(*settings, data, test, epochs, args.seed)
        last = trainer.history[-1]
        # Dropout is on while the training accuracy is counted, so measure it again without.
        train_accuracy = trainer.evaluate([data])["accuracy"]
        scores.append((name, f"{train_accuracy:.2%}", f"{last.validation_accuracy:.2%}", f"{last.validation_loss:.3f}"))
        spread[name] = []
        for layer, place in (("hidden", 0), ("output", 3)):
            weight = trainer.model[place].weight.detach()
            weights[f"{name}, {layer}"] = weight
            small = float((weight.abs() < 0.01).float().mean())
            layers.append(
                (name, layer, f"{float(weight.std()):.3f}", f"{float(weight.abs().max()):.2f}", f"{small:.1%}")
            )
            spread[name].append(float(weight.std()))
    print(f"after {epochs} epochs\n")
    print(common.markdown_table(["network", "train accuracy", "test accuracy", "test loss"], scores), end="\n\n")
    print(common.markdown_table(["network", "layer", "std of weights", "largest", "smaller than 0.01"], layers))
    title = f"Weights after {epochs} epochs"
    common.save_figure(
        lambda: viz.weight_histograms(weights, bins=200, title=title), args.out / "ee599_weight_histograms.png"
    )
    return spread


if __name__ == "__main__":
    main()
