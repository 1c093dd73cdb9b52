"""Training loops, what they measure, and what helps them: callbacks, searches, ensembles."""

from tinygrad_hw.train.callbacks import BestCheckpoint, Callback, Checkpoint, EarlyStopping
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
from tinygrad_hw.train.trainer import NonFiniteLoss, Trainer

__all__ = [
    "BestCheckpoint",
    "Callback",
    "Checkpoint",
    "EarlyStopping",
    "History",
    "NonFiniteLoss",
    "PrecisionRecallF1",
    "Row",
    "Trainer",
    "accuracy",
    "binary_accuracy",
    "confusion_matrix",
    "one_hot",
    "precision_recall_f1",
    "top_k_accuracy",
]
