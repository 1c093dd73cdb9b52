"""Switches of PyTorch's libraries: ``torch.backends``. They can be set; the ones of other devices do nothing."""

from tinygrad_hw.backends import cpu, cuda, cudnn, mkl, mkldnn, mps, openmp

__all__ = ["cpu", "cuda", "cudnn", "mkl", "mkldnn", "mps", "openmp"]
