"""The methods of Tensor, a file per family; each is one typed line that calls an op.

The classes here are mixins without state. ``tinygrad_hw.tensor.Tensor`` inherits them all, and keeps for
itself what concerns storage, autograd and conversion.
"""
