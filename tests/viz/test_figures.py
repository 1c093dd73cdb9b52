"""The figures show what they were given."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.text import Text

import tinygrad_hw as torch
from tinygrad_hw import nn, viz
from tinygrad_hw.viz.canvas import BAD, COLORS, GOOD, short
from tinygrad_hw.viz.curves import columns_of
from tinygrad_hw.viz.pixels import displayable, mosaic, picture_of

RUN = {
    "epoch": [1, 2, 3, 4, 5, 6],
    "train_loss": [2.0, 1.5, 1.0, 0.8, 0.7, 0.6],
    "validation_loss": [2.1, 1.6, 1.2, 1.1, 1.15, 1.2],
    "train_accuracy": [0.3, 0.5, 0.6, 0.7, 0.75, 0.8],
    "validation_accuracy": [0.28, 0.45, 0.55, 0.61, 0.6, 0.59],
    "lr": [0.1, 0.1, 0.1, 0.05, 0.05, 0.05],
    "seconds": [1.0] * 6,
}


def curves(axes: Any) -> dict[str, list[float]]:
    """Return the y values of the lines that stand in the legend or belong to a run, by label."""
    return {line.get_label(): list(line.get_ydata()) for line in axes.get_lines() if line.get_gid() is None}


def marks(axes: Any) -> list[float]:
    return [float(line.get_xdata()[0]) for line in axes.get_lines() if line.get_gid() == "mark"]


def overlapping(figure: Figure) -> list[tuple[str, str]]:
    """Return pairs of texts that lie on each other, and texts that leave the sheet, once the figure is laid out."""
    # Lay out first; then note what is really drawn, which tick labels beyond the axes are not.
    figure.canvas.draw()
    drawn: list[Text] = []
    with pytest.MonkeyPatch.context() as patch:
        original = Text.draw
        patch.setattr(Text, "draw", lambda self, renderer: (drawn.append(self), original(self, renderer))[1])
        figure.canvas.draw()
    placed = [(t.get_text(), t.get_window_extent()) for t in drawn if t.get_text().strip() and t.get_visible()]
    assert placed
    width, height = figure.canvas.get_width_height()
    bad = [(s, "the sheet") for s, b in placed if b.x0 < -1 or b.y0 < -1 or b.x1 > width + 1 or b.y1 > height + 1]
    for i, (a, first) in enumerate(placed):
        for b, second in placed[i + 1 :]:
            # One pixel of overlap is the rounding of the boxes.
            across = min(first.x1, second.x1) - max(first.x0, second.x0)
            down = min(first.y1, second.y1) - max(first.y0, second.y0)
            if across > 2 and down > 2:
                bad.append((a, b))
    return bad


# -- curves ----------------------------------------------------------------------------------------


def test_curves_of_one_run_and_its_best_epoch() -> None:
    figure = viz.learning_curves(RUN)
    loss, accuracy = figure.axes
    assert curves(loss) == {
        "training": RUN["train_loss"],
        "validation, best 1.1 in epoch 4": RUN["validation_loss"],
    }
    assert list(curves(accuracy)) == ["training", "validation, best 61.00% in epoch 4"]
    (ring,) = [line for line in accuracy.get_lines() if line.get_gid() == "best"]
    assert (ring.get_xdata()[0], ring.get_ydata()[0]) == (4, 0.61)
    assert (loss.get_ylabel(), accuracy.get_ylabel(), accuracy.get_xlabel()) == ("loss", "accuracy", "epoch")


def test_a_step_of_the_learning_rate_is_marked_between_the_epochs() -> None:
    figure = viz.learning_curves(RUN)
    assert [marks(axes) for axes in figure.axes] == [[3.5], [3.5]]
    assert [t.get_text() for t in figure.axes[0].texts] == ["lr 0.05"]
    assert len(figure.axes[1].texts) == 0


def test_a_smooth_schedule_is_not_marked() -> None:
    assert marks(viz.learning_curves({**RUN, "lr": [0.1, 0.09, 0.07, 0.04, 0.02, 0.01]}).axes[0]) == []


def test_marks_given_by_hand() -> None:
    figure = viz.learning_curves(RUN, marks={2: "unfrozen"})
    assert marks(figure.axes[0]) == [2.5]
    assert figure.axes[0].texts[0].get_text() == "unfrozen"
    assert marks(viz.learning_curves(RUN, marks=[1, 4]).axes[0]) == [1.5, 4.5]
    assert marks(viz.learning_curves(RUN, marks=[]).axes[0]) == []


def test_a_history_says_itself_where_its_rate_changed() -> None:
    class History:
        columns = tuple(RUN)
        lr_changes = (2,)

        def __getitem__(self, name: str) -> Any:
            return RUN[name]

    figure = viz.learning_curves(History())
    assert marks(figure.axes[0]) == [2.5]
    assert curves(figure.axes[0])["training"] == RUN["train_loss"]
    assert list(curves(viz.learning_curves({"a": History(), "b": RUN}).axes[0])) == [
        f"{n} {s}" for n in "ab" for s in ("training", "validation")
    ]


def test_several_runs_differ_by_colour_and_splits_by_line() -> None:
    figure = viz.learning_curves({"ReLU": RUN, "tanh": {k: v[:4] for k, v in RUN.items()}}, metrics=("loss",))
    lines = {line.get_label(): line for line in figure.axes[0].get_lines()}
    assert {n: line.get_color() for n, line in lines.items() if line.get_gid() is None} == {
        "ReLU training": COLORS[0],
        "ReLU validation": COLORS[0],
        "tanh training": COLORS[1],
        "tanh validation": COLORS[1],
    }
    assert lines["ReLU training"].get_linestyle() != lines["ReLU validation"].get_linestyle()
    assert [t.get_text() for t in figure.legends[0].get_texts()] == ["ReLU", "tanh", "training", "validation"]
    assert len(lines["tanh training"].get_xdata()) == 4


def test_only_what_was_measured_is_drawn() -> None:
    figure = viz.learning_curves({"train_loss": [1.0, 0.5]}, metrics=("loss", "accuracy"))
    assert len(figure.axes) == 1
    assert curves(figure.axes[0]) == {"training": [1.0, 0.5]}
    assert list(figure.axes[0].get_lines()[0].get_xdata()) == [1, 2]
    other = viz.learning_curves({"validation_top5_error": [0.3, 0.4]}, metrics=("top5_error",))
    assert list(curves(other.axes[0])) == ["validation, best 0.3 in epoch 1"]
    # NaN: a validation that was not made.
    unvalidated = {"train_loss": [1.0, 0.5], "validation_loss": [float("nan")] * 2}
    assert list(curves(viz.learning_curves(unvalidated).axes[0])) == ["training"]


def test_a_loss_that_blew_up_is_named() -> None:
    broken = {"train_loss": [1.0, float("nan"), float("nan")], "validation_loss": [1.0, 2.0, float("inf")]}
    labels = list(curves(viz.learning_curves(broken).axes[0]))
    assert labels == ["training, not finite in epoch 2", "validation, not finite in epoch 3"]
    several = viz.learning_curves({"good": {"train_loss": [1.0, 0.5, 0.3]}, "bad": broken})
    assert several.axes[0].texts[-1].get_text() == "not finite: bad training, bad validation"


def test_one_wild_epoch_does_not_flatten_the_others() -> None:
    losses = [2.0, 1.5, 1e6, 1.2, 1.1, 1.0, 0.9, 0.8, 0.7, 0.6, 0.5, 0.45]
    assert viz.learning_curves({"train_loss": losses}).axes[0].get_ylim()[1] < 100


@pytest.mark.parametrize(
    ("runs", "error", "message"),
    [
        ({"loss": [1.0]}, ValueError, "no run has a column train_m"),
        ({"train_loss": []}, ValueError, "no epoch"),
        ({"train_loss": [1.0, 2.0], "lr": [0.1]}, ValueError, "different lengths"),
        (3, TypeError, "got int"),
    ],
)
def test_curves_say_what_is_wrong(runs: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        viz.learning_curves(runs)


def test_columns_of_rows_and_of_tensors() -> None:
    rows = [{"epoch": 1, "train_loss": 2.0}, {"epoch": 2, "train_loss": 1.0, "validation_loss": 1.5}]
    columns = columns_of(rows)
    assert columns["train_loss"] == [2.0, 1.0]
    assert np.isnan(columns["validation_loss"][0])
    assert columns_of({"train_loss": torch.tensor([1.0, 2.0])})["epoch"] == [1.0, 2.0]


# -- classes ---------------------------------------------------------------------------------------

MATRIX = np.array([[50, 0, 2], [1, 40, 9], [0, 3, 7]])


def test_confusion_matrix_writes_every_count_at_its_place() -> None:
    axes = viz.confusion_matrix(MATRIX, ["cat", "dog", "fox"]).axes[0]
    written = {(int(t.get_position()[1]), int(t.get_position()[0])): t.get_text() for t in axes.texts}
    assert written == {(i, j): str(n) for (i, j), n in np.ndenumerate(MATRIX) if n}
    assert [t.get_text() for t in axes.get_xticklabels()] == ["cat", "dog", "fox"]
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("predicted class", "true class")


def test_confusion_matrix_colours_go_by_the_share_of_the_row() -> None:
    axes = viz.confusion_matrix(MATRIX).axes[0]
    image = axes.get_images()[0].get_array()
    assert {to_hex(image[i, i, :3]) for i in range(3)} == {GOOD}
    assert to_hex(image[1, 2, :3]) == BAD
    strength = image[..., 3]
    # 3 of 10 weighs more than 9 of 50, and what never happened has no colour.
    assert strength[2, 1] > strength[1, 2] > strength[0, 2] > 0 == strength[0, 1]
    assert strength[0, 0] > strength[1, 1] > strength[2, 2]


def test_confusion_matrix_names_the_most_confused_pair() -> None:
    axes = viz.confusion_matrix(MATRIX, ["cat", "dog", "fox"]).axes[0]
    note = axes.get_title(loc="left").replace("\n", " ")
    assert note == "97 of 112 right (86.6 %). Most confused: dog taken for fox (9 times, 18 % of its class)."
    (frame,) = [p for p in axes.patches if p.get_gid() == "most_confused"]
    assert frame.get_xy() == (1.5, 0.5)


def test_confusion_matrix_in_percent() -> None:
    axes = viz.confusion_matrix(MATRIX, normalize=True).axes[0]
    assert {t.get_text() for t in axes.texts} == {"96", "3.8", "2.0", "80", "18", "30", "70"}


def test_confusion_matrix_of_many_classes_has_no_text() -> None:
    axes = viz.confusion_matrix(np.eye(100)).axes[0]
    assert len(axes.texts) == 0
    assert "Most confused" not in axes.get_title(loc="left")


def test_most_confused() -> None:
    assert viz.most_confused(MATRIX, count=2) == [(*"12", 9, 9 / 50), (*"21", 3, 3 / 10)]
    assert len(viz.most_confused(MATRIX, count=99)) == 4
    assert viz.most_confused(np.eye(3)) == []
    assert viz.most_confused(torch.tensor(MATRIX))[0].times == 9


@pytest.mark.parametrize("matrix", [np.ones((2, 3)), np.ones(3), np.zeros((0, 0)), [[1, -1], [0, 1]]])
def test_most_confused_checks_the_matrix(matrix: Any) -> None:
    with pytest.raises(ValueError, match="confusion matrix"):
        viz.most_confused(matrix)


def test_too_few_names() -> None:
    with pytest.raises(ValueError, match="2 names for 3 classes"):
        viz.confusion_matrix(MATRIX, ["cat", "dog"])


def test_worst_mistakes_are_sorted_by_loss() -> None:
    scores = torch.tensor([[5.0, 0.0], [0.0, 1.0], [3.0, 0.0], [0.0, 9.0]])
    targets = torch.tensor([1, 0, 1, 1])
    images = torch.arange(4.0).reshape(4, 1, 1, 1).expand(4, 1, 2, 2) / 4
    figure = viz.worst_mistakes(images, targets, scores, ["cat", "dog"])
    assert [axes.get_gid() for axes in figure.axes] == ["image 0", "image 2", "image 1"]
    assert [axes.get_title() for axes in figure.axes] == [
        "dog\n→ cat, 99 %",
        "dog\n→ cat, 95 %",
        "cat\n→ dog, 73 %",
    ]
    assert float(figure.axes[1].get_images()[0].get_array()[0, 0]) == 0.5
    assert "The 3 of 3 mistakes" in figure.get_supxlabel()
    assert len(viz.worst_mistakes(images, targets, scores, count=2).axes) == 2


def test_worst_mistakes_without_any() -> None:
    figure = viz.worst_mistakes(torch.rand(2, 1, 3, 3), torch.tensor([0, 1]), torch.eye(2))
    assert figure.axes[0].texts[0].get_text() == "None: all 2 images were classified rightly."


def test_worst_mistakes_of_huge_scores_stay_finite() -> None:
    scores = torch.tensor([[1e30, 0.0]], dtype=torch.float64)
    figure = viz.worst_mistakes(torch.rand(1, 3, 3), torch.tensor([1]), scores)
    assert figure.axes[0].get_title() == "1\n→ 0, 100 %"


def test_worst_mistakes_of_rows_are_squares() -> None:
    rows = np.arange(2 * 12.0).reshape(2, 12) / 24
    axes = viz.worst_mistakes(rows, torch.tensor([1, 1]), torch.tensor([[1.0, 0.0], [0.0, 1.0]])).axes[0]
    shown = axes.get_images()[0].get_array()
    assert np.allclose(shown, np.moveaxis(rows[0].reshape(3, 2, 2), 0, -1))
    other = viz.worst_mistakes(rows[:, :5], torch.tensor([1, 1]), torch.eye(2)).axes[0]
    assert np.allclose(other.get_images()[0].get_array(), rows[:1, :5])


def test_worst_mistakes_checks_shapes() -> None:
    with pytest.raises(ValueError, match=r"images \(2, 3, 3\), targets \(3,\)"):
        viz.worst_mistakes(torch.rand(2, 3, 3), torch.zeros(3), torch.rand(2, 4))
    with pytest.raises(ValueError, match="targets from 0 to 7"):
        viz.worst_mistakes(torch.rand(2, 3, 3), torch.tensor([0, 7]), torch.rand(2, 4))


# -- weights ---------------------------------------------------------------------------------------


def test_weight_histograms_count_every_weight() -> None:
    model = nn.Sequential(nn.Linear(20, 30), nn.BatchNorm1d(30), nn.Linear(30, 5))
    figure = viz.weight_histograms(model, bins=40)
    assert [axes.get_title(loc="left") for axes in figure.axes] == ["0.weight  (30, 20)", "2.weight  (5, 30)"]
    first, second = ([p.get_height() for p in axes.patches] for axes in figure.axes)
    assert (len(first), sum(first), sum(second)) == (40, 600, 150)
    limit = max(float(model[i].weight.abs().max()) for i in (0, 2))
    assert [axes.get_xlim() for axes in figure.axes] == [(-limit, limit)] * 2
    counts, _ = np.histogram(model[0].weight.detach().numpy(), bins=40, range=(-limit, limit))
    assert first == counts.tolist()
    assert figure.axes[0].get_title(loc="right").startswith("mean ")


def test_weight_histograms_of_very_different_layers_have_their_own_scales() -> None:
    figure = viz.weight_histograms({"a": np.full((2, 2), 0.01), "b": np.full((2, 2), 9.0)})
    assert [axes.get_xlim()[1] for axes in figure.axes] == [0.01, 9.0]


def test_weight_histograms_name_what_is_not_finite() -> None:
    figure = viz.weight_histograms({"a": np.array([[1.0, np.nan], [np.inf, 2.0]])})
    assert figure.axes[0].get_title(loc="right") == "2 not finite"
    assert sum(p.get_height() for p in figure.axes[0].patches) == 2
    with pytest.raises(ValueError, match="no parameters"):
        viz.weight_histograms(nn.ReLU())
    with pytest.raises(TypeError, match="got int"):
        viz.weight_histograms(3)


def test_filters_of_one_channel_are_scaled_each_to_itself() -> None:
    weight = np.zeros((3, 1, 14, 14))
    weight[0, 0, 2, 3], weight[1, 0, 5, 5], weight[1, 0, 6, 6] = 8.0, -0.5, 0.25
    image = viz.filters(weight, columns=2).axes[0].get_images()[0].get_array()
    assert image.shape == (29, 29)
    assert image[2, 3] == 1.0
    assert (image[5, 15 + 5], image[6, 15 + 6]) == (-1.0, 0.5)
    assert image.mask[14].all() and image.mask[15:, 15:].all()
    assert image[:14, :14].sum() == 1.0 and image[15:, :14].sum() == 0.0


def test_small_filters_are_enlarged_without_blur() -> None:
    weight = np.arange(9.0).reshape(1, 1, 3, 3)
    image = viz.filters(weight).axes[0].get_images()[0].get_array()
    assert np.array_equal(image, (weight[0, 0] / 8).repeat(5, axis=0).repeat(5, axis=1))


def test_filters_of_three_channels_are_colours_around_grey() -> None:
    weight = np.zeros((1, 3, 14, 14))
    weight[0, 1, 0, 0] = 2.0
    image = viz.filters(weight).axes[0].get_images()[0].get_array()
    assert image[0, 0].tolist() == [0.5, 1.0, 0.5]
    assert image[1, 1].tolist() == [0.5, 0.5, 0.5]


def test_filters_of_dense_layers_and_modules() -> None:
    dense = nn.Linear(784, 6)
    figure = viz.filters(nn.Sequential(nn.Flatten(), dense), columns=6)
    image = figure.axes[0].get_images()[0].get_array()
    row = dense.weight.detach().numpy()[1].reshape(28, 28)
    assert np.allclose(image[:, 30:58], row / np.abs(row).max())
    assert figure.get_suptitle() == "Filters of 1.weight: 6 of 28x28 pixels"
    assert viz.filters(nn.Linear(3 * 49, 2)).get_suptitle() == "Filters of weight: 2 of 7x7x3 pixels"


@pytest.mark.parametrize(
    ("weight", "message"),
    [
        (np.ones((4, 16, 3, 3)), "16 channels"),
        (np.ones((4, 15)), "length 15"),
        (np.ones(4), r"shape \(4,\)"),
        (nn.ReLU(), "no weight"),
    ],
)
def test_filters_say_what_cannot_be_drawn(weight: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        viz.filters(weight)


def test_gradient_flow_shows_mean_and_largest() -> None:
    model = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 1), nn.Linear(1, 1))
    model[:3](torch.ones(2, 3)).sum().backward()
    model[2].weight.grad.zero_()  # type: ignore[union-attr]
    axes = viz.gradient_flow(model).axes[0]
    lines = {line.get_label(): line for line in axes.get_lines()}
    size = np.abs(model[0].weight.grad.numpy())  # type: ignore[union-attr]
    assert list(lines["mean"].get_xdata()) == [pytest.approx(size.mean())]
    assert list(lines["largest"].get_xdata()) == [pytest.approx(size.max())]
    assert [t.get_text() for t in axes.get_yticklabels()] == ["0.weight", "2.weight", "3.weight"]
    assert {t.get_text(): t.get_position()[1] for t in axes.texts} == {"zero": 1, "no gradient": 2}
    bottom, top = axes.get_ylim()
    assert bottom > top, "the first layer is on top"
    assert axes.get_xscale() == "log"


def test_gradient_flow_needs_gradients() -> None:
    with pytest.raises(ValueError, match="backward"):
        viz.gradient_flow(nn.Linear(2, 2))
    figure = viz.gradient_flow({"w": np.array([[np.nan, 1.0]]), "v": np.ones((2, 2))})
    assert [t.get_text() for t in figure.axes[0].texts] == ["not finite"]


# -- layers, regions -------------------------------------------------------------------------------


class Net(nn.Module):
    """A small network with batch norm, dropout, and a layer that works in place."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(1, 4, 3)
        self.norm = nn.BatchNorm2d(4)
        self.relu = nn.ReLU(inplace=True)
        self.drop = nn.Dropout(0.9)
        self.fc = nn.Linear(144, 10)

    def forward(self, x: Any) -> Any:
        return self.fc(self.drop(self.relu(self.norm(self.conv(x)))).flatten(1))


def test_activations_are_what_the_layers_returned() -> None:
    model, image = Net(), torch.rand(1, 8, 8)
    before = {k: v.clone() for k, v in model.state_dict().items()}
    figure = viz.activations(model, image)
    titles = [axes.get_title(loc="left") for axes in figure.axes]
    assert [t.split("   ")[0] for t in titles] == [
        "image  8x8",
        "conv  Conv2d  4 maps of 6x6",
        "norm  BatchNorm2d  4 maps of 6x6",
        "relu  ReLU  4 maps of 6x6",
        "fc  Linear  10 scores",
    ]
    model.eval()
    with torch.no_grad():
        expected = model.norm(model.conv(image.unsqueeze(0)))
        scores = model(image.unsqueeze(0))[0].numpy()
    shown = figure.axes[2].get_images()[0].get_array()
    # The ReLU after it works in place; the picture shows what was before. Maps are enlarged twice.
    assert shown.min() < 0
    assert np.allclose(shown[:12:2, 13:25:2], expected[0, 1].numpy())
    assert figure.axes[3].get_images()[0].get_array().min() == 0
    bars = figure.axes[4].patches
    assert np.allclose([b.get_height() for b in bars], scores)
    assert [i for i, b in enumerate(bars) if to_hex(b.get_facecolor()) == BAD] == [int(scores.argmax())]
    assert np.allclose(figure.axes[0].get_images()[0].get_array(), image[0].numpy())
    assert all(torch.equal(v, before[k]) for k, v in model.state_dict().items())


def test_activations_leave_the_model_as_it_was() -> None:
    model = Net()
    model.norm.eval()
    viz.activations(model, torch.rand(8, 8))
    assert (model.training, model.drop.training, model.norm.training) == (True, True, False)
    with pytest.raises(RuntimeError):
        viz.activations(model, torch.rand(5, 9, 9))
    assert (model.training, model.norm.training) == (True, False)
    assert all(not m._forward_hooks for m in model.modules())


def test_activations_of_vectors_and_of_deep_models() -> None:
    mlp = nn.Sequential(nn.Linear(64, 300), nn.ReLU(), nn.Linear(300, 30))
    figure = viz.activations(mlp, torch.rand(64))
    assert figure.axes[0].get_title(loc="left") == "image  8x8"
    folded = figure.axes[1].get_images()[0].get_array()
    assert folded.shape == (3, 100)
    deep = nn.Sequential(*[nn.Linear(4, 4) for _ in range(40)])
    figure = viz.activations(deep, torch.rand(4))
    assert len(figure.axes) == 15
    assert figure.axes[1].get_title(loc="left").startswith("0  ")
    assert figure.axes[-1].get_title(loc="left").startswith("39  ")
    assert figure.get_supxlabel() == "14 of 40 layers"
    with pytest.raises(ValueError, match="one image"):
        viz.activations(mlp, torch.rand(2, 1, 8, 8))


def test_decision_boundary_lies_where_the_model_changes_its_mind() -> None:
    points = torch.tensor([[0.0, 0.0], [1.0, 1.0], [1.0, 0.0], [0.1, 0.9]])
    model = nn.Linear(2, 2)
    with torch.no_grad():
        model.weight.copy_(torch.tensor([[-40.0, 0.0], [40.0, 0.0]]))
        model.bias.copy_(torch.tensor([20.0, -20.0]))
    figure = viz.decision_boundary(model, points, torch.tensor([0, 1, 1, 1]), resolution=101)
    axes = figure.axes[0]
    image = axes.get_images()[0].get_array()
    assert to_hex(image[50, 10, :3]) == COLORS[0] and to_hex(image[50, 90, :3]) == COLORS[1]
    assert image[50, 50, 3] < image[50, 10, 3], "paler where the model is unsure"
    lines = [p.vertices for c in axes.collections for p in c.get_paths() if hasattr(c, "levels") and len(p.vertices)]
    assert np.allclose(lines[0][:, 0], 0.5, atol=0.02)
    drawn = {c.get_label(): c.get_offsets().tolist() for c in axes.collections if not hasattr(c, "levels")}
    assert drawn["class 0"] == [[0.0, 0.0]]
    assert np.allclose(drawn["wrong"], [[0.1, 0.9]])
    assert axes.get_title(loc="left") == "3 of 4 points right (75.0 %)"


@pytest.mark.parametrize(
    ("model", "targets"),
    [
        (lambda x: (x.sum(1) - 1) * 9, [0, 0, 1]),  # logits
        (lambda x: torch.sigmoid(x.sum(1, keepdim=True) - 1), [0.0, 0.0, 1.0]),  # probabilities
        (lambda x: torch.tanh(x.sum(1) - 1), [-1, -1, 1]),
    ],
)
def test_decision_boundary_of_one_output(model: Any, targets: list[float]) -> None:
    points = np.array([[0.0, 0.0], [0.2, 0.3], [1.0, 1.0]], dtype=np.float32)
    axes = viz.decision_boundary(model, points, targets, resolution=40).axes[0]
    assert axes.get_title(loc="left") == "3 of 3 points right (100.0 %)"


def test_decision_boundary_checks_its_input() -> None:
    with pytest.raises(ValueError, match=r"2 features; got shape \(4, 3\)"):
        viz.decision_boundary(nn.Linear(3, 2), torch.rand(4, 3), torch.zeros(4))
    with pytest.raises(ValueError, match="two classes"):
        viz.decision_boundary(nn.Linear(2, 1), torch.rand(3, 2), [0, 1, 2])
    with pytest.raises(ValueError, match="4 points"):
        viz.decision_boundary(nn.Linear(2, 1), torch.rand(4, 2), [0, 1])


# -- search ----------------------------------------------------------------------------------------


def test_search_draws_each_setting_that_varied() -> None:
    trials = [
        {"lr": 0.1, "act": "relu", "epochs": 3, "score": 0.7},
        {"lr": 0.001, "act": "tanh", "epochs": 3, "score": 0.9},
        {"lr": 0.01, "act": "relu", "epochs": 3, "score": 0.8},
    ]
    figure = viz.search_results(trials)
    assert [axes.get_xlabel() for axes in figure.axes] == ["lr", "act"]
    rates, kinds = figure.axes
    assert list(rates.get_lines()[0].get_xdata()) == [0.1, 0.001, 0.01]
    assert list(rates.get_lines()[0].get_ydata()) == [0.7, 0.9, 0.8]
    assert (rates.get_xscale(), kinds.get_xscale()) == ("log", "linear")
    assert [t.get_text() for t in kinds.get_xticklabels()] == ["relu", "tanh"]
    best = [(line.get_xdata()[0], line.get_ydata()[0]) for line in rates.get_lines() if line.get_gid() == "best"]
    assert best == [(0.001, 0.9)]
    assert rates.get_title(loc="left") == "Best of 3: score 0.9 with lr 0.001, act tanh"


def test_search_over_a_grid_is_a_table() -> None:
    trials = [{"lr": r, "hidden": h, "validation_loss": r * h} for r in (0.1, 0.2) for h in (3, 1, 2)]
    axes = viz.search_results(trials).axes[0]
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("lr", "hidden")
    assert [t.get_text() for t in axes.get_yticklabels()] == ["1", "2", "3"]
    written = {(int(t.get_position()[1]), int(t.get_position()[0])): float(t.get_text()) for t in axes.texts}
    assert written == {(h - 1, r): pytest.approx(0.1 * (r + 1) * h) for h in (1, 2, 3) for r in (0, 1)}
    (frame,) = [p for p in axes.patches if p.get_gid() == "best"]
    assert frame.get_xy() == (-0.5, -0.5), "the smallest loss is the best"
    strength = axes.get_images()[0].get_array()[..., 3]
    assert strength.argmax() == 0


@dataclass
class Result:
    """As a search returns it."""

    settings: dict[str, Any]
    values: dict[str, float]
    score: float


class Results(list[Result]):
    monitor = "reached"
    mode = "min"


def test_search_takes_what_a_search_returned_and_leaves_out_what_failed() -> None:
    results = Results(
        [
            Result({"act": torch.relu, "n": 1}, {"reached": 0.5, "seconds": 3.0}, 0.5),
            Result({"act": torch.tanh, "n": 1}, {}, float("nan")),
            Result({"act": torch.tanh, "n": 1}, {"reached": 0.4, "seconds": 9.0}, 0.4),
        ]
    )
    axes = viz.search_results(results).axes[0]
    assert axes.get_title(loc="left") == "Best of 3: reached 0.4 with act tanh (1 not finite)"
    assert [t.get_text() for t in axes.get_xticklabels()] == ["relu", "tanh"]
    assert viz.search_results(results, mode="max").axes[0].get_title(loc="left").startswith("Best of 3: reached 0.5")
    other = viz.search_results(results, metric="seconds").axes[0]
    assert list(other.get_lines()[0].get_ydata())[::2] == [3.0, 9.0]
    assert "seconds 3 with act relu" in other.get_title(loc="left")
    with pytest.raises(ValueError, match="nothing was measured by the name 'loss'"):
        viz.search_results(results, metric="loss")
    with pytest.raises(ValueError, match="no results"):
        viz.search_results([])
    with pytest.raises(ValueError, match="no 'loss'"):
        viz.search_results([{"lr": 1, "score": 2}], metric="loss")


# -- everywhere ------------------------------------------------------------------------------------

LONG = ["a class with a long name", "T-shirt/top", "automobile", "x", "$math_is^text$", "<b>", "é ü 猫", "7", "8", "9"]


def figures() -> dict[str, Callable[[], Figure]]:
    rng = np.random.default_rng(0)
    run = {k: v * 6 for k, v in RUN.items() if k not in ("epoch", "lr")} | {
        "lr": [0.1] * 11 + [0.05] * 12 + [0.025] * 13
    }
    model = Net()
    loss = model(torch.rand(4, 1, 8, 8)).sum()
    loss.backward()
    scores = rng.normal(size=(40, 10)) * 3
    return {
        "curves": lambda: viz.learning_curves(run),
        "curves of runs": lambda: viz.learning_curves(dict.fromkeys(LONG[:5], run)),
        "confusion": lambda: viz.confusion_matrix(rng.integers(0, 2000, (10, 10)), range(10)),
        "confusion with names": lambda: viz.confusion_matrix(
            rng.integers(0, 20, (3, 3)) + 9 * np.eye(3, dtype=int), LONG
        ),
        "mistakes": lambda: viz.worst_mistakes(rng.random((40, 3, 8, 8)), rng.integers(0, 10, 40), scores, LONG),
        "histograms": lambda: viz.weight_histograms(model),
        "filters": lambda: viz.filters(model),
        "activations": lambda: viz.activations(model, torch.rand(1, 8, 8)),
        "gradients": lambda: viz.gradient_flow(model),
        "search": lambda: viz.search_results([{"lr": 10.0**-i, "n": i, "score": i} for i in range(5)]),
        "boundary": lambda: viz.decision_boundary(nn.Linear(2, 3), rng.random((30, 2)), rng.integers(0, 3, 30)),
    }


@pytest.mark.parametrize("name", figures())
@pytest.mark.filterwarnings("ignore:Glyph")
def test_no_two_texts_overlap_and_none_leaves_the_sheet(name: str) -> None:
    assert overlapping(figures()[name]()) == []


def test_save(tmp_path: Path) -> None:
    figure = viz.learning_curves(RUN)
    path = viz.save(figure, tmp_path / "new" / "curves.png")
    assert path.read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"
    assert viz.save(figure, tmp_path / "curves.SVG").read_text(encoding="utf-8").startswith("<?xml")
    with pytest.raises(ValueError, match=r"curves\.doc"):
        viz.save(figure, tmp_path / "curves.doc")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["curves.SVG", "new"]


def test_nothing_is_left_in_pyplot() -> None:
    code = (
        "import sys; from tinygrad_hw import viz; assert 'matplotlib' not in sys.modules;"
        "viz.learning_curves({'train_loss': [1.0, 2.0]}); print('matplotlib.pyplot' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_without_matplotlib_the_message_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(ImportError, match=r'pip install "tinygrad-hw\[plot\]"'):
        viz.learning_curves(RUN)


def test_pixels() -> None:
    assert displayable(np.array([0, 255], dtype=np.uint8))(np.array([51])) == [0.2]
    assert displayable(np.array([0.0, 255.0]))(np.array([51.0])) == [0.2]
    assert displayable(np.array([0.2, 0.7]))(np.array([0.4])) == [0.4]
    assert displayable(np.array([-1.0, 3.0]))(np.array([0.0])) == [0.25]
    assert displayable(np.full(3, np.nan))(np.array([np.nan])) == [0.0]
    assert picture_of(np.zeros((3, 4, 5))).shape == (4, 5, 3)
    assert picture_of(np.zeros((1, 4, 5))).shape == (4, 5)
    with pytest.raises(ValueError, match=r"\(2, 4, 5\)"):
        picture_of(np.zeros((2, 4, 5)))
    tiles = mosaic(np.arange(3.0).reshape(3, 1, 1), 2)
    assert np.array_equal(tiles, [[0, np.nan, 1], [np.nan] * 3, [2, np.nan, np.nan]], equal_nan=True)


def test_names_are_cut_in_the_middle() -> None:
    assert short("features.12.conv.weight", 12) == "features…ght"
    assert short("a\nb", 9) == "a b"
    assert short("abc", 2) == "a…"
