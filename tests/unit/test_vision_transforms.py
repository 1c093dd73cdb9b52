"""Transforms of images."""

from __future__ import annotations

import numpy as np
import pytest

import tinygrad_hw as torch
from tinygrad_hw.vision import datasets, transforms


class TestToTensor:
    def test_grey(self) -> None:
        image = np.arange(256, dtype=np.uint8).reshape(16, 16)
        out = transforms.ToTensor()(image)
        assert out.dtype is torch.float32
        assert tuple(out.shape) == (1, 16, 16)
        np.testing.assert_array_equal(out.numpy()[0], image.astype(np.float32) / np.float32(255))

    def test_colour_goes_first(self) -> None:
        image = np.random.default_rng(0).integers(0, 256, (4, 5, 3), dtype=np.uint8)
        out = transforms.ToTensor()(image)
        assert tuple(out.shape) == (3, 4, 5)
        assert out.is_contiguous()
        np.testing.assert_array_equal(out.numpy()[1], image[..., 1] / np.float32(255))

    def test_default_dtype(self) -> None:
        torch.set_default_dtype(torch.float64)
        try:
            assert transforms.ToTensor()(np.ones((2, 2), np.uint8)).dtype is torch.float64
        finally:
            torch.set_default_dtype(torch.float32)

    @pytest.mark.parametrize("kind", ["float32", "float64", "int64", "bool"])
    def test_other_dtypes_are_kept(self, kind: str) -> None:
        image = np.array([[0, 1], [1, 1]]).astype(kind)
        out = transforms.ToTensor()(image)
        assert str(out.dtype) == f"torch.{kind}"
        np.testing.assert_array_equal(out.numpy()[0], image)
        out.numpy()[...] = 0
        assert image.any(), "the image's own memory was handed out"

    def test_errors(self) -> None:
        with pytest.raises(TypeError, match=r"got Tensor \(it is a tensor already\)"):
            transforms.ToTensor()(torch.ones(2, 2))
        with pytest.raises(TypeError, match="got list"):
            transforms.ToTensor()([[1]])
        with pytest.raises(ValueError, match=r"the shape \(2,\)"):
            transforms.ToTensor()(np.ones(2, np.uint8))


class TestNormalize:
    def test_per_channel(self) -> None:
        x = torch.rand(3, 4, 5)
        mean, std = (0.1, 0.2, 0.3), (1.0, 2.0, 4.0)
        out = transforms.Normalize(mean, std)(x)
        expected = (x.numpy() - np.float32(mean)[:, None, None]) / np.float32(std)[:, None, None]
        np.testing.assert_array_equal(out.numpy(), expected)

    def test_batches_and_one_number_for_all(self) -> None:
        x = torch.rand(2, 3, 4, 5)
        out = transforms.Normalize([0.5], [0.25])(x)
        np.testing.assert_allclose(out.numpy(), (x.numpy() - 0.5) / 0.25, rtol=1e-6)
        np.testing.assert_array_equal(transforms.Normalize(0.5, 0.25)(x).numpy(), out.numpy())

    def test_input_is_kept_unless_asked(self) -> None:
        x = torch.ones(1, 2, 2)
        transforms.Normalize((0.5,), (0.5,))(x)
        assert x.tolist() == [[[1.0, 1.0], [1.0, 1.0]]]
        y = torch.full((1, 2, 2), 2.0)
        assert transforms.Normalize((0.5,), (0.5,), inplace=True)(y) is y
        assert y.tolist() == [[[3.0, 3.0], [3.0, 3.0]]]

    def test_gradient(self) -> None:
        x = torch.rand(1, 2, 2, requires_grad=True)
        transforms.Normalize((0.5,), (0.25,))(x).sum().backward()
        assert x.grad is not None
        assert x.grad.tolist() == [[[4.0, 4.0], [4.0, 4.0]]]

    def test_dtype_is_kept(self) -> None:
        assert transforms.Normalize((0.5,), (0.5,))(torch.rand(1, 2, 2).double()).dtype is torch.float64

    def test_is_a_module(self) -> None:
        model = torch.nn.Sequential(transforms.Normalize((0.0,), (2.0,)), torch.nn.Flatten())
        assert model(torch.ones(1, 1, 1, 2)).tolist() == [[0.5, 0.5]]
        assert list(model.parameters()) == []

    def test_errors(self) -> None:
        normalize = transforms.Normalize((0.5,), (0.5,))
        with pytest.raises(TypeError, match="got ndarray"):
            normalize(np.ones((1, 2, 2)))
        with pytest.raises(TypeError, match=r"got torch\.uint8"):
            normalize(torch.ones(1, 2, 2, dtype=torch.uint8))
        with pytest.raises(ValueError, match=r"got \(2, 2\)"):
            normalize(torch.ones(2, 2))
        with pytest.raises(ValueError, match=r"std is zero after conversion to torch\.float32"):
            transforms.Normalize((0.5, 0.5), (0.5, 1e-60))(torch.ones(2, 2, 2))
        for channels in (1, 3):
            with pytest.raises(RuntimeError, match=rf"2 numbers, the image {channels} ch"):
                transforms.Normalize((0.5, 0.5), (1.0, 1.0))(torch.ones(channels, 2, 2))


class TestTheRest:
    def test_compose_in_order(self) -> None:
        both = transforms.Compose([lambda x: x + 1, lambda x: x * 2])
        assert both(3) == 8

    def test_lambda(self) -> None:
        assert transforms.Lambda(abs)(-3) == 3
        with pytest.raises(TypeError, match="got int"):
            transforms.Lambda(3)  # type: ignore[arg-type]

    def test_repr(self) -> None:
        both = transforms.Compose(
            [
                transforms.ToTensor(),
                transforms.Normalize((0.1307,), (0.3081,)),
                transforms.Lambda(abs),
            ]
        )
        assert repr(both) == ("Compose(\n    ToTensor()\n    Normalize(mean=(0.1307,), std=(0.3081,))\n    Lambda()\n)")

    def test_with_a_data_set(self) -> None:
        digits = datasets.Digits(
            train=False,
            transform=transforms.Compose([transforms.ToTensor(), transforms.Normalize((0.3053,), (0.3760,))]),
        )
        images, labels = next(iter(torch.utils.data.DataLoader(digits, batch_size=len(digits))))
        assert tuple(images.shape) == (359, 1, 8, 8)
        assert images.dtype is torch.float32
        assert abs(images.mean().item()) < 0.05
        assert abs(images.std().item() - 1) < 0.05
        assert len(labels) == 359
