"""What is done to images between the file and the network, with torchvision's names.

Images are ndarrays (H, W) or (H, W, C), as data sets give them, or tensors (..., C, H, W), as :class:`ToTensor` makes
them. Random transforms draw from the default stream (``torch.manual_seed``), or in a worker from the worker's; with the
same seed, they do what torchvision's do. :class:`Batched` applies them to a whole batch at once, which is many times
faster.
"""

from tinygrad_hw.vision.transforms.basic import Batched, Compose, Lambda, Normalize, ToTensor
from tinygrad_hw.vision.transforms.chance import (
    Cutout,
    RandomAffine,
    RandomCrop,
    RandomErasing,
    RandomHorizontalFlip,
    RandomRotation,
    RandomVerticalFlip,
)
from tinygrad_hw.vision.transforms.colour import ColorJitter, Grayscale
from tinygrad_hw.vision.transforms.geometry import CenterCrop, InterpolationMode, Pad, Resize

__all__ = [
    "Batched",
    "CenterCrop",
    "ColorJitter",
    "Compose",
    "Cutout",
    "Grayscale",
    "InterpolationMode",
    "Lambda",
    "Normalize",
    "Pad",
    "RandomAffine",
    "RandomCrop",
    "RandomErasing",
    "RandomHorizontalFlip",
    "RandomRotation",
    "RandomVerticalFlip",
    "Resize",
    "ToTensor",
]
