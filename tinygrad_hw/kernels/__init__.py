"""Numerical kernels: ndarray in, ndarray out; no tensor, no graph."""
