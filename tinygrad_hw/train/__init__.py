"""Training loops, what they measure, and what helps them: callbacks, searches, ensembles."""

from tinygrad_hw.train.callbacks import BestCheckpoint, Callback, Checkpoint, EarlyStopping
from tinygrad_hw.train.ensemble import Ensemble
from tinygrad_hw.train.history import History, Row
from tinygrad_hw.train.metrics import (
    PrecisionRecallF1,
    accuracy,
    binary_accuracy,
    confusion_matrix,
    one_hot,
    precision_recall_f1,
    top_k_accuracy,
)
from tinygrad_hw.train.search import SearchResult, SearchResults, grid_search, random_search
from tinygrad_hw.train.trainer import NonFiniteLoss, Trainer

__all__ = [
    "BestCheckpoint",
    "Callback",
    "Checkpoint",
    "EarlyStopping",
    "Ensemble",
    "History",
    "NonFiniteLoss",
    "PrecisionRecallF1",
    "Row",
    "SearchResult",
    "SearchResults",
    "Trainer",
    "accuracy",
    "binary_accuracy",
    "confusion_matrix",
    "grid_search",
    "one_hot",
    "precision_recall_f1",
    "random_search",
    "top_k_accuracy",
]
