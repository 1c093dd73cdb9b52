"""Transforms of images."""

from __future__ import annotations

import timeit
from typing import Any

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


def colours(n: int | None = None, h: int = 12, w: int = 10) -> np.ndarray:
    shape = (h, w, 3) if n is None else (n, h, w, 3)
    return np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)


GEOMETRIC = [
    transforms.RandomCrop(8, padding=2, fill=3),
    transforms.RandomHorizontalFlip(),
    transforms.RandomVerticalFlip(1.0),
    transforms.RandomRotation(30, interpolation="bilinear"),
    transforms.RandomAffine(10, (0.1, 0.2), (0.5, 2), (1, 2, 3, 4)),
    transforms.Pad((1, 2)),
    transforms.CenterCrop(7),
    transforms.Resize((5, 20)),
    transforms.Resize((5, 20), "nearest"),
    transforms.RandomErasing(1.0),
    transforms.Cutout(4, holes=2),
    transforms.ColorJitter(0.5, 0.5, 0.5, 0.3),
    transforms.Grayscale(3),
]


class TestForms:
    """An image is the same image as an ndarray, with its channels last, and as a tensor, with them first."""

    @pytest.mark.parametrize("transform", GEOMETRIC, ids=lambda t: type(t).__name__)
    def test_colour(self, transform: Any) -> None:
        image = colours()
        torch.manual_seed(3)
        a = transform(image)
        torch.manual_seed(3)
        b = transform(torch.from_numpy(image.transpose(2, 0, 1).copy()))
        assert type(a) is np.ndarray and isinstance(b, torch.Tensor)
        assert a.dtype == np.uint8 and a.flags.c_contiguous
        np.testing.assert_array_equal(a.transpose(2, 0, 1), b.numpy())
        np.testing.assert_array_equal(image, colours())

    @pytest.mark.parametrize("transform", GEOMETRIC[:-1], ids=lambda t: type(t).__name__)
    def test_grey(self, transform: Any) -> None:
        image = colours()[..., 0].copy()
        torch.manual_seed(3)
        a = transform(image)
        torch.manual_seed(3)
        b = transform(torch.from_numpy(image[None]))
        assert a.ndim == 2
        np.testing.assert_array_equal(a, b.numpy()[0])

    @pytest.mark.parametrize("transform", GEOMETRIC, ids=lambda t: type(t).__name__)
    def test_pillow(self, transform: Any) -> None:
        Image = pytest.importorskip("PIL.Image")
        torch.manual_seed(3)
        a = transform(Image.fromarray(colours()))
        torch.manual_seed(3)
        np.testing.assert_array_equal(a, transform(colours()))
        np.testing.assert_array_equal(
            transforms.ToTensor()(Image.fromarray(colours())).numpy(), transforms.ToTensor()(colours()).numpy()
        )

    @pytest.mark.parametrize("bad", [[1, 2], "image", None])
    def test_no_image(self, bad: Any) -> None:
        with pytest.raises(TypeError, match=r"RandomCrop: img should be a tensor.* got \w+"):
            transforms.RandomCrop(2)(bad)

    def test_dimensions(self) -> None:
        with pytest.raises(ValueError, match=r"expected an ndarray \(H, W\) or \(H, W, C\), got the shape \(2,\)"):
            transforms.Pad(1)(np.zeros(2))
        with pytest.raises(ValueError, match=r"expected a tensor \(\.\.\., H, W\), got \(2,\)"):
            transforms.Pad(1)(torch.zeros(2))
        with pytest.raises(ValueError, match=r"expected a tensor \(N, C, H, W\), got \(3, 2, 2\)"):
            transforms.Batched(transforms.Pad(1))(torch.zeros(3, 2, 2))

    def test_all_dtypes(self) -> None:
        for dtype in (torch.uint8, torch.int16, torch.int64, torch.float16, torch.float32, torch.float64):
            image = torch.arange(48).reshape(3, 4, 4).to(dtype)
            for transform in GEOMETRIC:
                if not isinstance(transform, transforms.RandomCrop | transforms.CenterCrop):
                    assert transform(image).dtype is dtype, transform


class TestSeeds:
    def test_a_generator_of_its_own(self) -> None:
        image = colours()
        results = []
        for seed in (1, 2, 1):
            crop = transforms.RandomCrop(5, generator=torch.Generator().manual_seed(seed))
            results.append(np.stack([crop(image) for _ in range(5)]))
        np.testing.assert_array_equal(results[0], results[2])
        assert (results[0] != results[1]).any()
        torch.manual_seed(0)
        before = torch.get_rng_state()
        transforms.RandomCrop(5, generator=torch.Generator())(image)
        assert torch.equal(before, torch.get_rng_state())

    @pytest.mark.parametrize("method", ["thread", "forkserver"])
    @pytest.mark.filterwarnings("ignore:This DataLoader will create:UserWarning")
    def test_in_workers(self, method: str) -> None:
        """The same seed gives the same epoch, and no two images get the same numbers."""
        data = datasets.Digits(train=False, transform=transforms.RandomAffine(90, (0.3, 0.3)))
        epochs = []
        for _ in range(2):
            torch.manual_seed(4)
            loader = torch.utils.data.DataLoader(data, batch_size=50, num_workers=2, multiprocessing_context=method)
            epochs.append(np.concatenate([x.numpy() for x, _ in loader]))
        np.testing.assert_array_equal(*epochs)
        torch.manual_seed(4)
        same = torch.utils.data.Subset(data, [0] * 40)
        images = next(iter(torch.utils.data.DataLoader(same, batch_size=40, num_workers=1)))[0].numpy()
        assert len({image.tobytes() for image in images}) > 30


class TestBatched:
    @pytest.mark.parametrize("form", ["colour", "grey", "tensor"])
    @pytest.mark.parametrize("transform", GEOMETRIC, ids=lambda t: type(t).__name__)
    def test_shapes(self, transform: Any, form: str) -> None:
        images: Any = colours(6)
        if form == "grey":
            images = images[..., 0].copy()
        if form == "tensor":
            images = torch.from_numpy(images.transpose(0, 3, 1, 2).copy())
        before = np.array(images)
        out = transforms.Batched(transform)(images)
        assert type(out) is type(images)
        assert out.dtype == images.dtype
        one = transform(images[0])
        assert tuple(out.shape[1:]) == tuple(one.shape)
        np.testing.assert_array_equal(np.array(images), before)

    @pytest.mark.parametrize(
        "transform", [t for t in GEOMETRIC if isinstance(t, (transforms.Pad, transforms.Resize, transforms.CenterCrop))]
    )
    def test_without_chance_a_batch_is_its_images(self, transform: Any) -> None:
        images = colours(4)
        np.testing.assert_array_equal(
            transforms.Batched(transform)(images), np.stack([transform(image) for image in images])
        )

    def test_every_crop_is_one_of_its_image(self) -> None:
        images = np.arange(50 * 36, dtype=np.int64).reshape(50, 6, 6)
        torch.manual_seed(0)
        crops = transforms.Batched(transforms.RandomCrop(4, padding=1, fill=-1))(images)
        places = set()
        for image, crop in zip(images, crops, strict=True):
            padded = np.pad(image, 1, constant_values=-1)
            fits = [(i, j) for i in range(5) for j in range(5) if (padded[i : i + 4, j : j + 4] == crop).all()]
            assert len(fits) == 1
            places.add(fits[0])
        assert len(places) > 15, "each image has a place of its own"
        assert {i for i, _ in places} == set(range(5))

    def test_flips(self) -> None:
        images = torch.from_numpy(colours(400).transpose(0, 3, 1, 2).copy())
        torch.manual_seed(0)
        out = transforms.Batched(transforms.RandomHorizontalFlip(0.25))(images).numpy()
        flipped = (out == images.numpy()[..., ::-1]).all((1, 2, 3))
        same = (out == images.numpy()).all((1, 2, 3))
        assert (flipped ^ same).all()
        assert 60 < flipped.sum() < 140

    def test_rotation_by_a_known_angle(self) -> None:
        images = colours(3, 7, 7)
        turned = transforms.Batched(transforms.RandomRotation((90, 90)))(images)
        np.testing.assert_array_equal(turned, np.rot90(images, 1, (1, 2)))
        with pytest.raises(ValueError, match="different sizes"):
            transforms.Batched(transforms.RandomRotation(10, expand=True))(images)

    def test_affine_moves_whole_pixels(self) -> None:
        images = np.zeros((200, 9, 9), np.uint8)
        images[:, 4, 4] = 255
        torch.manual_seed(0)
        out = transforms.Batched(transforms.RandomAffine(0, translate=(0.25, 0.12)))(images)
        places = np.argwhere(out == 255)
        assert len(places) == 200
        assert set(places[:, 1] - 4) == {-1, 0, 1}
        assert set(places[:, 2] - 4) == {-2, -1, 0, 1, 2}

    def test_colours_change_each_image_in_its_own_way(self) -> None:
        grey = np.full((40, 4, 4, 3), 100, np.uint8)
        torch.manual_seed(0)
        out = transforms.Batched(transforms.ColorJitter(brightness=0.5))(grey)
        levels = out[:, 0, 0, 0]
        assert (out == levels[:, None, None, None]).all()
        assert len(set(levels.tolist())) > 20
        assert 49 <= levels.min() < 70 and 130 < levels.max() <= 150
        hues = transforms.Batched(transforms.ColorJitter(hue=0.5))(colours(8))
        assert len({(a != b).mean() for a, b in zip(hues, colours(8), strict=True)}) > 1
        np.testing.assert_allclose(hues.max(-1), colours(8).max(-1), atol=1)

    def test_holes(self) -> None:
        torch.manual_seed(0)
        ones = torch.ones(100, 1, 10, 10)
        out = transforms.Batched(transforms.Cutout(4))(ones).numpy()
        holes = (out == 0).sum((1, 2, 3))
        assert holes.max() == 16 and holes.min() >= 4, "a hole may reach over an edge"
        erased = transforms.Batched(transforms.RandomErasing(0.5, value=0.25))(ones).numpy()
        touched = (erased == 0.25).any((1, 2, 3))
        assert 25 < touched.sum() < 75

    def test_a_chain(self) -> None:
        chain = transforms.Compose(
            [
                transforms.RandomCrop(10, padding=1),
                transforms.RandomHorizontalFlip(),
                transforms.ToTensor(),
                transforms.Normalize((0.5, 0.4, 0.3), (0.1, 0.2, 0.3)),
                transforms.Lambda(lambda image: image * 2),
            ]
        )
        torch.manual_seed(0)
        out = transforms.Batched(chain)(colours(5, 10, 10))
        assert tuple(out.shape) == (5, 3, 10, 10)
        assert out.dtype is torch.float32
        assert out.is_contiguous()
        fixed = transforms.Compose(chain.transforms[2:])
        expected = np.stack([fixed(image).numpy() for image in colours(5, 10, 10)])
        np.testing.assert_allclose(transforms.Batched(fixed)(colours(5, 10, 10)).numpy(), expected, rtol=1e-6)
        # Batches that a DataLoader has stacked are tensors, with the channels still last.
        stacked = transforms.Batched(fixed)(torch.from_numpy(colours(5, 10, 10)))
        np.testing.assert_allclose(stacked.numpy(), expected, rtol=1e-6)

    def test_a_batch_takes_a_fraction_of_the_time(self) -> None:
        chain = transforms.Compose(
            [transforms.RandomCrop(32, padding=4), transforms.RandomHorizontalFlip(), transforms.ToTensor()]
        )
        images = colours(128, 32, 32)
        batched = transforms.Batched(chain)

        def best(work: Any) -> float:
            return min(timeit.repeat(work, number=1, repeat=5))

        assert best(lambda: batched(images)) * 4 < best(lambda: [chain(image) for image in images])


class TestOptions:
    def test_erasing_in_place(self) -> None:
        image = torch.ones(1, 8, 8)
        out = transforms.RandomErasing(1.0, inplace=True)(image)
        assert out is image and (image == 0).any()
        out = transforms.RandomErasing(1.0)(torch.ones(1, 8, 8))
        assert (out == 0).any()
        same = torch.ones(1, 8, 8)
        assert transforms.RandomErasing(0.0)(same) is same
        with pytest.raises(ValueError, match="a single value or 1 "):
            transforms.RandomErasing(1.0, value=(1, 2))(same)

    @pytest.mark.parametrize(
        ("make", "error", "message"),
        [
            (lambda: transforms.RandomCrop(9)(torch.zeros(1, 4, 4)), ValueError, "pass padding or pad_if_needed"),
            (lambda: transforms.Pad(-1), ValueError, "crop instead"),
            (lambda: transforms.Pad(4, padding_mode="reflect")(torch.zeros(1, 4, 4)), RuntimeError, "smaller than"),
            (lambda: transforms.Pad(1, fill=(1, 2))(torch.zeros(3, 4, 4)), ValueError, "2 values, the image 3"),
            (lambda: transforms.Resize(0), ValueError, "positive integers"),
            (lambda: transforms.Resize(3, "lanczos"), ValueError, "one of nearest, bilinear, bicubic"),
            (lambda: transforms.RandomRotation(3, "bicubic"), ValueError, "one of nearest, bilinear"),
            (lambda: transforms.RandomHorizontalFlip(2), ValueError, "between 0 and 1; got 2"),
            (lambda: transforms.Cutout(0), ValueError, "should be positive"),
            (lambda: transforms.ColorJitter(1)(torch.zeros(2, 4, 4)), TypeError, "1 or 3, but found 2"),
            (lambda: transforms.Grayscale(2), ValueError, "either 1 or 3"),
        ],
    )
    def test_errors(self, make: Any, error: Any, message: str) -> None:
        with pytest.raises(error, match=message):
            make()

    def test_repr(self) -> None:
        assert repr(transforms.Batched(transforms.Compose([transforms.Pad(1), transforms.Cutout(2)]))) == (
            "Batched(Compose(\n"
            "    Pad(padding=1, fill=0, padding_mode=constant)\n"
            "    Cutout(size=2, holes=1, fill=0)\n"
            "))"
        )
