"""The differentiable ops, a file per family, forward and gradient rule side by side."""
