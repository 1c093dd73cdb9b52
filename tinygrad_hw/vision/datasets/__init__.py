"""Image data sets with torchvision's names, and readers for folders of images, CSV and HDF5 files."""

from tinygrad_hw.vision.datasets.base import VisionDataset
from tinygrad_hw.vision.datasets.cifar import CIFAR10, CIFAR100
from tinygrad_hw.vision.datasets.digits import Digits
from tinygrad_hw.vision.datasets.folder import DatasetFolder, ImageFolder
from tinygrad_hw.vision.datasets.mnist import KMNIST, MNIST, FashionMNIST
from tinygrad_hw.vision.datasets.tables import CSVDataset, HDF5Dataset

__all__ = [
    "CIFAR10",
    "CIFAR100",
    "KMNIST",
    "MNIST",
    "CSVDataset",
    "DatasetFolder",
    "Digits",
    "FashionMNIST",
    "HDF5Dataset",
    "ImageFolder",
    "VisionDataset",
]
