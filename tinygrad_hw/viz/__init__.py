"""Pictures of training, of models and of graphs: each function returns a matplotlib figure, or text.

The figures need ``pip install "tinygrad-hw[plot]"``.
"""

from tinygrad_hw.viz.canvas import save
from tinygrad_hw.viz.classes import Confusion, confusion_matrix, most_confused, worst_mistakes
from tinygrad_hw.viz.curves import learning_curves
from tinygrad_hw.viz.drawing import graph_svg
from tinygrad_hw.viz.graph import graph_dot
from tinygrad_hw.viz.layers import activations
from tinygrad_hw.viz.regions import decision_boundary
from tinygrad_hw.viz.report import RunMaterial, write_report
from tinygrad_hw.viz.trials import search_results
from tinygrad_hw.viz.weights import filters, gradient_flow, weight_histograms

__all__ = [
    "Confusion",
    "RunMaterial",
    "activations",
    "confusion_matrix",
    "decision_boundary",
    "filters",
    "gradient_flow",
    "graph_dot",
    "graph_svg",
    "learning_curves",
    "most_confused",
    "save",
    "search_results",
    "weight_histograms",
    "worst_mistakes",
    "write_report",
]
