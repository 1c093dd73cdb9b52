"""Exercise: did a human or a machine make up these 20 bits? 10 seconds on 2 cores.

    python examples/coursework/ee599/human_machine.py --out out

The data are made by a rule. A machine throws a fair coin 20 times. A human starts with a fair coin, then changes to the
other bit with probability 0.65, because long runs do not look random to people, and always after four equal bits.

A network 20-20-1 with ReLU and sigmoid learns which is which under binary cross-entropy. How well anyone could tell is
known: the likelihoods of all 2^20 sequences give the accuracy of the best possible guess.
"""

from __future__ import annotations

import sys
from pathlib import Path

import tinygrad_hw as torch
from tinygrad_hw import nn, viz
from tinygrad_hw.optim.lr_scheduler import CosineAnnealingLR
from tinygrad_hw.train import Trainer, binary_accuracy
from tinygrad_hw.utils.data import DataLoader, TensorDataset

sys.path.insert(0, str(Path(__file__).parents[1]))
import common

LENGTH, SWITCH, LONGEST_RUN = 20, 0.65, 4


def machine(count: int) -> torch.Tensor:
    return torch.randint(2, (count, LENGTH))


def human(count: int) -> torch.Tensor:
    bits, run = [torch.randint(2, (count,))], torch.ones(count)
    for _ in range(LENGTH - 1):
        switch = (torch.rand(count) < SWITCH) | (run == LONGEST_RUN)
        bits.append(torch.where(switch, 1 - bits[-1], bits[-1]))
        run = torch.where(switch, torch.ones(count), run + 1)
    return torch.stack(bits, 1)


def human_probability(bits: torch.Tensor) -> torch.Tensor:
    """Return the probability that a human makes up each row of bits."""
    probability, run = torch.full((len(bits),), 0.5, dtype=torch.float64), torch.ones(len(bits))
    for i in range(1, LENGTH):
        switched = bits[:, i] != bits[:, i - 1]
        chance = torch.where(run == LONGEST_RUN, 1.0, SWITCH).double()
        probability = probability * torch.where(switched, chance, 1 - chance)
        run = torch.where(switched, 1.0, run + 1)
    return probability


def best_accuracy() -> float:
    """Return the share that the best possible guess gets right: for each sequence, the likelier of the two."""
    every = torch.arange(2**LENGTH)
    bits = torch.stack([every >> i & 1 for i in range(LENGTH)], 1)
    return float(human_probability(bits).clamp(min=0.5**LENGTH).sum() / 2)


def make_data(count: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Return ``count`` sequences of each kind as rows of 0.0 and 1.0, and 1.0 for human, 0.0 for machine."""
    return torch.cat([human(count), machine(count)]).float(), torch.cat([torch.ones(count, 1), torch.zeros(count, 1)])


def draw_weights(weight: torch.Tensor):
    from matplotlib.figure import Figure

    figure = Figure(figsize=(4, 3.5), layout="constrained")
    ticks = range(0, LENGTH, 5)
    axes = figure.add_subplot(xlabel="bit", ylabel="hidden unit", xticks=ticks, yticks=ticks)
    axes.set_title("Weights of the hidden layer, 20 x 20", fontsize=9)
    limit = float(weight.abs().max())
    picture = axes.imshow(weight.numpy(), cmap="RdBu_r", vmin=-limit, vmax=limit)
    figure.colorbar(picture)
    return figure


def main(argv=None) -> dict[str, float]:
    args = common.parse_arguments(__doc__, argv)
    count, epochs = (1000, 5) if args.quick else (30_000, 40)
    data, test = make_data(count), make_data(count // 3)
    model = nn.Sequential(nn.Linear(LENGTH, 20), nn.ReLU(), nn.Linear(20, 1), nn.Sigmoid())
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    trainer = Trainer(
        model,
        optimizer,
        nn.BCELoss(),
        scheduler=CosineAnnealingLR(optimizer, epochs),
        step_scheduler="epoch",
        metrics={"accuracy": lambda p, y: binary_accuracy(p, y, threshold=0.5)},
        show_progress=False,
    )
    history = trainer.fit(
        DataLoader(TensorDataset(*data), batch_size=100, shuffle=True),
        DataLoader(TensorDataset(*test), batch_size=1000),
        epochs,
    )
    best, last = best_accuracy(), history[-1]
    rows = [
        ("guessing", "50.00%", ""),
        ("network 20-20-1, training", f"{last.train_accuracy:.2%}", f"{last.train_loss:.4f}"),
        ("network 20-20-1, test", f"{last.validation_accuracy:.2%}", f"{last.validation_loss:.4f}"),
        ("best possible", f"{best:.2%}", ""),
    ]
    print(common.markdown_table(["who tells human from machine", "accuracy", "BCE"], rows))

    weight = model[0].weight.detach()
    # Order the units by where their weights are largest, so that a pattern along the sequence can be seen.
    places = (weight.abs() * torch.arange(LENGTH)).sum(1) / weight.abs().sum(1)
    common.save_figure(lambda: draw_weights(weight[places.argsort()]), args.out / "ee599_human_machine_weights.png")
    common.save_figure(lambda: viz.learning_curves(history), args.out / "ee599_human_machine_curves.png")

    args.out.mkdir(parents=True, exist_ok=True)
    file = args.out / "human_machine.hdf5"
    torch.save(model.state_dict(), file)
    again = nn.Sequential(nn.Linear(LENGTH, 20), nn.ReLU(), nn.Linear(20, 1), nn.Sigmoid())
    again.load_state_dict(torch.load(file))
    with torch.no_grad():
        same = torch.equal(model(test[0]), again(test[0]))
    print(f"saved as {file}; a network that reads it {'gives the same results' if same else 'DIFFERS'}")
    return {"accuracy": last.validation_accuracy, "best": best, "same": same}


if __name__ == "__main__":
    main()
