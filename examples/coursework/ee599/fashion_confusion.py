"""Exercise: which clothes a network takes for which. 15 seconds on 2 cores.

    python examples/coursework/ee599/fashion_confusion.py --data data --out out

100 hidden units, dropout 0.3 and an L2 penalty of 1e-4 learn Fashion-MNIST in 20 epochs. The confusion matrix of the
10,000 test images has a row for each true class and a column for each predicted one.
"""

from __future__ import annotations

import sys
from pathlib import Path

from tinygrad_hw import viz
from tinygrad_hw.train import confusion_matrix
from tinygrad_hw.utils.data import DataLoader, TensorDataset

sys.path.insert(0, str(Path(__file__).parents[1]))
import common
import fashion


def main(argv=None) -> dict:
    args = common.parse_arguments(__doc__, argv)
    data, test, names = fashion.load(args)
    trainer = fashion.train(100, 0.3, 1e-4, data, test, 3 if args.quick else 20, args.seed)
    scores = trainer.predict(DataLoader(TensorDataset(*test), batch_size=1000))
    matrix = confusion_matrix(scores, test[1], num_classes=10)
    right = matrix.diag() / matrix.sum(1)

    print(
        common.markdown_table(
            ["true class", *names], [[n, *row] for n, row in zip(names, matrix.tolist(), strict=True)]
        )
    )
    print(f"\ntest accuracy {float(matrix.trace() / matrix.sum()):.2%}\n")
    rows = [(c.true, c.predicted, c.times, f"{c.share:.1%}") for c in viz.most_confused(matrix, names, count=5)]
    print(common.markdown_table(["most confused: true class", "taken for", "times", "share of its class"], rows))
    hardest = int(right.argmin())
    print(f"\nhardest class: {names[hardest]}, {float(right[hardest]):.1%} of which are found")
    common.save_figure(lambda: viz.confusion_matrix(matrix, names), args.out / "ee599_fashion_confusion.png")
    return {"matrix": matrix, "names": names, "accuracy": float(matrix.trace() / matrix.sum())}


if __name__ == "__main__":
    main()
