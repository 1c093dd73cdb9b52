"""Complex tensors: dtypes, promotion, printing, views, conventions of gradients, what is refused."""

from __future__ import annotations

import copy
import io
import pickle
import warnings
from typing import Any

import numpy as np
import pytest

import tinygrad_hw as torch

Z = [1.0 + 2.0j, -0.5 + 0.25j, 3.0 - 1.0j]


def leaf(values: Any = Z, dtype: Any = torch.complex128) -> torch.Tensor:
    return torch.tensor(values, dtype=dtype, requires_grad=True)


class TestDtypes:
    def test_names_and_facts(self) -> None:
        assert torch.cfloat is torch.complex64
        assert torch.cdouble is torch.complex128
        assert repr(torch.complex64) == "torch.complex64"
        assert torch.complex64.is_complex
        assert torch.complex64.is_signed
        assert not torch.complex64.is_floating_point
        assert not torch.float32.is_complex
        assert torch.complex128.itemsize == 16
        assert pickle.loads(pickle.dumps(torch.complex128)) is torch.complex128

    def test_counterparts(self) -> None:
        assert torch.float32.to_complex() is torch.complex64
        assert torch.complex128.to_real() is torch.float64
        assert torch.complex64.to_complex() is torch.complex64
        assert torch.float16.to_complex() is torch.complex32
        assert torch.complex32.to_real() is torch.float16
        for d in (torch.int64, torch.bool):
            with pytest.raises(RuntimeError, match="Unknown Complex ScalarType"):
                d.to_complex()

    @pytest.mark.parametrize(
        ("a", "b", "expected"),
        [
            ("complex64", "float64", "complex128"),
            ("complex64", "float32", "complex64"),
            ("complex64", "float16", "complex64"),
            ("complex64", "int64", "complex64"),
            ("complex128", "float32", "complex128"),
            ("complex64", "complex128", "complex128"),
            ("bool", "complex64", "complex64"),
        ],
    )
    def test_promotion(self, a: str, b: str, expected: str) -> None:
        x, y = getattr(torch, a), getattr(torch, b)
        assert torch.promote_types(x, y) is torch.promote_types(y, x) is getattr(torch, expected)
        assert (torch.ones(2, dtype=x) * torch.ones(2, dtype=y)).dtype is getattr(torch, expected)

    def test_numbers_are_weak(self) -> None:
        assert (torch.ones(2) * 1j).dtype is torch.complex64
        assert (torch.ones(2, dtype=torch.float64) * 1j).dtype is torch.complex128
        assert (torch.arange(2) * 1j).dtype is torch.complex64
        assert (torch.tensor([1j]) * 2.0).dtype is torch.complex64
        assert (torch.tensor([1j]) + torch.tensor(1.0, dtype=torch.float64)).dtype is torch.complex64
        assert (2 ** torch.tensor([1j])).dtype is torch.complex64

    def test_the_default_complex_dtype_follows_the_default_dtype(self) -> None:
        assert torch.tensor([1j]).dtype is torch.complex64
        torch.set_default_dtype(torch.float64)
        try:
            assert torch.tensor([1j]).dtype is torch.complex128
            assert repr(torch.tensor([1j])) == "tensor([0.+1.j])"
            assert (torch.arange(2) * 1j).dtype is torch.complex128
        finally:
            torch.set_default_dtype(torch.float32)
        with pytest.raises(TypeError, match="only floating-point types"):
            torch.set_default_dtype(torch.complex64)

    def test_limits_are_those_of_the_parts(self) -> None:
        assert torch.finfo(torch.complex64).eps == torch.finfo(torch.float32).eps
        assert torch.finfo(torch.complex128).dtype == "float64"
        with pytest.raises(TypeError):
            torch.iinfo(torch.complex64)

    def test_casts(self) -> None:
        assert not torch.can_cast(torch.complex64, torch.float64)
        assert torch.can_cast(torch.float64, torch.complex64)
        with pytest.raises(RuntimeError, match="ComplexFloat can't be cast to the desired output type Float"):
            torch.ones(2).add_(1j)


class TestMaking:
    def test_from_numbers(self) -> None:
        assert torch.tensor([1, True, 2j]).tolist() == [1, 1, 2j]
        assert torch.tensor(1, dtype=torch.complex64).item() == 1 + 0j
        with pytest.raises(TypeError):
            torch.tensor([1j], dtype=torch.float32)
        with pytest.raises(TypeError):
            torch.tensor(1j, dtype=torch.int64)

    def test_factories(self) -> None:
        assert torch.zeros(2, dtype=torch.complex64).tolist() == [0j, 0j]
        assert torch.full((2,), 1j).dtype is torch.complex64
        assert torch.eye(2, dtype=torch.complex128)[0, 0].item() == 1
        assert torch.linspace(0, 1j, 3).tolist() == [0, 0.5j, 1j]
        assert torch.zeros(1, dtype=complex).dtype is torch.complex128
        with pytest.raises(NotImplementedError, match="arange"):
            torch.arange(3, dtype=torch.complex64)
        for make in (
            lambda: torch.full((2,), 1j, dtype=torch.float32),
            lambda: torch.ones(2).fill_(1j),
            lambda: torch.full_like(torch.ones(2), 1j),
            lambda: torch.scalar_tensor(1j),
            lambda: torch.ones(2).__setitem__(0, 1j),
            lambda: torch.ones(2).masked_fill(torch.tensor([True, False]), 1j),
        ):
            with pytest.raises(RuntimeError, match="value cannot be converted to type"):
                make()
        assert torch.full((1,), 2 + 0j, dtype=torch.float32).item() == 2.0

    def test_random_numbers_have_unit_variance(self) -> None:
        torch.manual_seed(0)
        z = torch.randn(20_000, dtype=torch.complex64)
        assert abs(float(z.var()) - 1) < 0.03
        assert abs(float(z.real.var()) - 0.5) < 0.02
        u = torch.rand(1000, dtype=torch.complex128)
        assert float(u.real.min()) >= 0
        assert float(u.imag.max()) < 1

    def test_items(self) -> None:
        assert complex(torch.tensor(1 + 2j)) == 1 + 2j
        assert float(torch.tensor(2 + 0j)) == 2.0
        with pytest.raises(RuntimeError, match="cannot be converted"):
            float(torch.tensor(1 + 2j))
        assert f"{torch.tensor(1 + 2j):.2f}" == "1.00+2.00j"
        assert bool(torch.tensor(1j))
        assert 1j in torch.tensor([1j, 2.0])


class TestPrinting:
    @pytest.mark.parametrize(
        ("values", "text"),
        [
            (1 + 2j, "tensor(1.+2.j)"),
            ([1 + 2j, 3.5 - 4j], "tensor([1.0000+2.j, 3.5000-4.j])"),
            ([1 + 2j, -0.5 + 1e-3j], "tensor([ 1.0000+2.0000e+00j, -0.5000+1.0000e-03j])"),
            ([complex("nan+2j"), 3.5 - 4j, complex("inf-infj")], "tensor([   nan+2.j, 3.5000-4.j,    inf-infj])"),
            ([], "tensor([], dtype=torch.complex64)"),
        ],
    )
    def test_text(self, values: Any, text: str) -> None:
        assert repr(torch.tensor(values, dtype=torch.complex64)) == text

    def test_suffixes(self) -> None:
        z = leaf([1 + 2j, 3 - 1j])
        assert repr(z) == "tensor([1.+2.j, 3.-1.j], dtype=torch.complex128, requires_grad=True)"
        assert repr(z * 2) == "tensor([2.+4.j, 6.-2.j], dtype=torch.complex128, grad_fn=<MulBackward0>)"


class TestConversion:
    def test_the_imaginary_part_is_discarded_with_a_warning(self) -> None:
        z = torch.tensor(Z)
        for convert in (lambda: z.float(), lambda: z.to(torch.int64), lambda: torch.zeros(3).copy_(z)):
            with pytest.warns(UserWarning, match="Casting complex values to real discards the imaginary part"):
                assert convert().tolist()[2] == 3
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            assert z.bool().tolist() == [True, True, True]
            assert z.cdouble().dtype is torch.complex128
            assert torch.ones(2).cfloat().tolist() == [1, 1]

    def test_gradients_of_conversions(self) -> None:
        x = torch.ones(2, dtype=torch.float64, requires_grad=True)
        (x.to(torch.complex64) * (3 + 4j)).imag.sum().backward()
        assert x.grad.dtype is torch.float64
        assert x.grad.tolist() == [4, 4]
        z = leaf()
        with pytest.warns(UserWarning):
            (z.to(torch.float32) * 2).sum().backward()
        assert z.grad.tolist() == [2, 2, 2]

    def test_type_names(self) -> None:
        assert torch.tensor([1j]).type() == "torch.ComplexFloatTensor"
        assert torch.ones(1).type("torch.ComplexDoubleTensor").dtype is torch.complex128


class TestParts:
    def test_parts_are_views(self) -> None:
        z = torch.tensor(Z)
        z.real[0] = 7
        z.imag += 1
        assert z[0].item() == 7 + 3j
        z.real = torch.zeros(3)
        z.imag = torch.ones(3)
        assert z.tolist() == [1j, 1j, 1j]
        pairs = torch.view_as_real(z)
        pairs[1, 0] = 5
        assert z[1].item() == 5 + 1j
        x = torch.arange(6.0).reshape(3, 2)
        torch.view_as_complex(x)[2] = 0
        assert x[2].tolist() == [0, 0]
        assert torch.view_as_complex(x[::2]).tolist() == [1j, 0]

    def test_strided_views(self) -> None:
        z = torch.randn(3, 4, dtype=torch.complex64).t()[::2]
        assert torch.view_as_real(z).shape == (2, 3, 2)
        assert torch.equal(torch.view_as_complex(torch.view_as_real(z)), z)
        with pytest.raises(RuntimeError, match="stride 1"):
            torch.view_as_complex(torch.ones(2, 3).t())
        with pytest.raises(RuntimeError, match="divisible by 2"):
            torch.view_as_complex(torch.as_strided(torch.ones(7), (2, 2), (3, 1)))

    def test_a_conjugate_is_computed_at_once(self) -> None:
        z = torch.tensor(Z)
        w = z.conj()
        assert not w.is_conj()
        assert not torch.is_conj(w)
        assert w.resolve_conj() is w
        z[0] = 0
        assert w[0].item() == 1 - 2j
        assert z[None].H.tolist() == z[None].mH.tolist() == [[v] for v in z.conj().tolist()]
        x = torch.ones(2)
        assert x.conj() is x
        assert x.real is x
        z.conj_physical_()
        assert z[1].item() == Z[1].conjugate()


class TestGradients:
    def test_the_gradient_points_uphill(self) -> None:
        """dL/dx + i dL/dy: a step along it raises a real loss most."""
        z = leaf()
        (z.abs() ** 2).sum().backward()
        np.testing.assert_allclose(z.grad.numpy(), 2 * np.array(Z))

    def test_of_a_product_of_real_and_complex(self) -> None:
        x, z = torch.tensor([2.0], requires_grad=True), leaf([1 + 2j], torch.complex64)
        (x * z).imag.sum().backward()
        assert x.grad.dtype is torch.float32
        assert x.grad.item() == 2.0
        assert z.grad.item() == 2j

    def test_a_complex_output_needs_a_gradient(self) -> None:
        z = leaf()
        with pytest.raises(RuntimeError, match=r"only for real scalar outputs but got torch\.complex128"):
            z.sum().backward()
        (z * z).sum().backward(torch.tensor(1j, dtype=torch.complex128))
        np.testing.assert_allclose(z.grad.numpy(), 1j * np.conj(2 * np.array(Z)))

    def test_accumulation_and_graphs_of_gradients(self) -> None:
        z = leaf()
        for _ in range(2):
            (z * 1j).real.sum().backward()
        assert z.grad.tolist() == [-2j, -2j, -2j]
        (g,) = torch.autograd.grad((z.abs() ** 2).sum() / 2, z, create_graph=True)
        (h,) = torch.autograd.grad(g.imag.sum(), z)
        np.testing.assert_allclose(h.numpy(), [1j, 1j, 1j])

    def test_hooks_see_pytorchs_convention(self) -> None:
        z, seen = leaf(), []
        y = z * 1j
        y.register_hook(seen.append)
        z.register_hook(lambda g: seen.append(g) or g * 2)
        y.retain_grad()
        y.grad_fn.register_prehook(lambda gs: seen.append(gs[0]))
        y.grad_fn.register_hook(lambda inputs, outputs: seen.extend((inputs[0], outputs[0])))
        (y * torch.tensor(2j, dtype=torch.complex128)).real.sum().backward()
        # dL/dy of Re(2i y) is conj(2i); that of z is conj(2i) conj(i).
        assert [g[0].item() for g in seen] == [-2j, -2j, -2 + 0j, -2j, -2 + 0j]
        assert y.grad[0].item() == -2j
        assert z.grad[0].item() == -4

    def test_a_hook_may_replace_the_gradient(self) -> None:
        z = leaf()
        y = z * 1j
        y.register_hook(lambda g: torch.full_like(g, 1 + 1j))
        y.real.sum().backward()
        assert z.grad[0].item() == (1 + 1j) * -1j

    def test_custom_functions(self) -> None:
        class Square(torch.autograd.Function):
            @staticmethod
            def forward(ctx: Any, z: Any) -> Any:
                ctx.save_for_backward(z)
                return z * z

            @staticmethod
            def backward(ctx: Any, grad: Any) -> Any:
                (z,) = ctx.saved_tensors
                return grad * (2 * z).conj()

        z = leaf()
        assert torch.autograd.gradcheck(Square.apply, (z,))
        assert torch.autograd.gradgradcheck(Square.apply, (z,))

    def test_gradcheck_finds_what_is_wrong(self) -> None:
        class Wrong(torch.autograd.Function):
            @staticmethod
            def forward(ctx: Any, z: Any) -> Any:
                ctx.save_for_backward(z)
                return z * z

            @staticmethod
            def backward(ctx: Any, grad: Any) -> Any:
                (z,) = ctx.saved_tensors
                return grad * 2 * z  # the conjugate is missing

        for fast in (False, True):
            with pytest.raises(torch.autograd.gradcheck.__globals__["GradcheckError"], match="Jacobian mismatch"):
                torch.autograd.gradcheck(Wrong.apply, (leaf(),), fast_mode=fast)
        with pytest.warns(UserWarning, match="not a double precision"):
            torch.autograd.gradcheck(lambda z: z * 2, (leaf(dtype=torch.complex64),), eps=1e-2, atol=1e-2)

    def test_in_place_on_a_recorded_tensor(self) -> None:
        z = leaf()
        y = z * 2
        y *= 1j
        y[0] = 0
        y.imag.sum().backward()
        assert z.grad.tolist() == [0, 2, 2]
        w = z * 1
        with pytest.raises(RuntimeError, match="view of another dtype"):
            w.real.mul_(2)

    def test_functional(self) -> None:
        z = torch.tensor([1 + 1j], dtype=torch.complex128)
        _, g = torch.autograd.functional.vjp(lambda z: z * z, z, torch.ones(1, dtype=torch.complex128))
        assert g.item() == 2 - 2j


class TestSpectra:
    def test_the_factor_of_a_norm(self) -> None:
        x = torch.ones(4, dtype=torch.float64)
        assert [float(torch.fft.fft(x, norm=n)[0].real) for n in (None, "backward", "ortho", "forward")] == [4, 4, 2, 1]
        assert [float(torch.fft.ifft(x, norm=n)[0].real) for n in ("backward", "ortho", "forward")] == [1, 2, 4]

    @pytest.mark.parametrize("n", [1, 2, 5, 6])
    def test_there_and_back(self, n: int) -> None:
        torch.manual_seed(n)
        x, z = torch.randn(3, n), torch.randn(3, n, dtype=torch.complex64)
        fft = torch.fft
        for norm in (None, "ortho", "forward"):
            for back, start in (
                (fft.ifft(fft.fft(z, norm=norm), norm=norm), z),
                (fft.irfft(fft.rfft(x, norm=norm), n, norm=norm), x),
                (fft.hfft(fft.ihfft(x, norm=norm), n, norm=norm), x),
                (fft.irfftn(fft.rfftn(x, norm=norm), (3, n), norm=norm), x),
                (fft.hfftn(fft.ihfftn(x, norm=norm), (3, n), norm=norm), x),
            ):
                assert back.dtype is start.dtype
                torch_close(back, start)

    def test_the_input_is_left_alone(self) -> None:
        z = torch.randn(8, dtype=torch.complex64)
        before = z.clone()
        torch.fft.irfft(z)
        torch.fft.fftn(z, (4,))
        assert torch.equal(z, before)

    def test_precision_is_kept(self) -> None:
        assert torch.fft.fft(torch.ones(4)).dtype is torch.complex64
        assert torch.fft.rfft(torch.ones(4, dtype=torch.float64)).dtype is torch.complex128
        assert torch.fft.fft(torch.ones(4, dtype=torch.int32)).dtype is torch.complex64
        assert torch.fft.irfft(torch.ones(4, dtype=torch.complex64)).dtype is torch.float32

    def test_a_convolution_by_products_of_spectra(self) -> None:
        torch.manual_seed(0)
        x = torch.randn(1, 1, 20, dtype=torch.float64)
        w = torch.randn(1, 1, 5, dtype=torch.float64, requires_grad=True)
        direct = torch.nn.functional.conv1d(x, w.flip(2), padding=4)
        n = 24
        spectral = torch.fft.irfft(torch.fft.rfft(x, n) * torch.fft.rfft(w, n), n)
        torch_close(spectral, direct)
        a = torch.autograd.grad((direct**3).sum(), w)[0]
        b = torch.autograd.grad((spectral**3).sum(), w)[0]
        np.testing.assert_allclose(a.numpy(), b.numpy(), rtol=1e-9)

    def test_a_rectangular_window_is_warned_of(self) -> None:
        with pytest.warns(UserWarning, match="A window was not provided"):
            z = torch.stft(torch.ones(8), 4, return_complex=True)
        with pytest.warns(UserWarning, match="A window was not provided"):
            torch.istft(z, 4)
        with pytest.warns(UserWarning, match="return_complex=False is deprecated"):
            assert torch.stft(torch.ones(8), 4, window=torch.ones(4), return_complex=False).shape == (3, 9, 2)
        with pytest.warns(UserWarning, match="padded with zeros"):
            assert torch.istft(z, 4, window=torch.ones(4), length=20).shape == (20,)


def torch_close(a: torch.Tensor, b: torch.Tensor) -> None:
    np.testing.assert_allclose(a.detach().numpy(), b.detach().numpy(), rtol=1e-4, atol=1e-5)


class TestElsewhere:
    @pytest.mark.parametrize("dtype", [torch.complex64, torch.complex128])
    @pytest.mark.parametrize("format", ["pt", "npz", "safetensors"])
    def test_files(self, dtype: Any, format: str, tmp_path: Any) -> None:
        if format == "safetensors":
            pytest.importorskip("safetensors")
        z = torch.randn(2, 3, dtype=dtype)
        if format == "safetensors" and dtype is torch.complex128:
            with pytest.raises(TypeError, match="cannot hold the complex128 tensor 'z'"):
                torch.save({"z": z}, tmp_path / "x.safetensors")
            return
        torch.save({"z": z}, tmp_path / f"x.{format}")
        back = torch.load(tmp_path / f"x.{format}")["z"]
        assert back.dtype is dtype
        assert torch.equal(back, z)

    def test_copies(self) -> None:
        z = leaf()
        for twin in (copy.deepcopy(z), pickle.loads(pickle.dumps(z))):
            assert torch.equal(twin, z)
            assert twin.requires_grad
        buffer = io.BytesIO()
        torch.save(torch.nn.Parameter(z.detach()), buffer)
        buffer.seek(0)
        assert type(torch.load(buffer)) is torch.nn.Parameter

    def test_batches(self) -> None:
        data = torch.utils.data.TensorDataset(torch.randn(6, 2, dtype=torch.complex64), torch.arange(6))
        shapes = [(tuple(x.shape), x.dtype) for x, _ in torch.utils.data.DataLoader(data, batch_size=4)]
        assert shapes == [((4, 2), torch.complex64), ((2, 2), torch.complex64)]

    def test_a_linear_layer_can_be_complex(self) -> None:
        layer = torch.nn.Linear(3, 2, dtype=torch.float64)
        with pytest.warns(UserWarning, match="Complex modules are a new feature"):
            layer.to(torch.complex128)
        x = torch.randn(4, 3, dtype=torch.complex128)
        expected = x.numpy() @ layer.weight.detach().numpy().T + layer.bias.detach().numpy()
        np.testing.assert_allclose(layer(x).detach().numpy(), expected)

    def test_optimizers_say_how_to_train_complex_numbers(self) -> None:
        with pytest.raises(NotImplementedError, match="view_as_complex"):
            torch.optim.SGD([leaf()], lr=0.1)
        pairs = torch.nn.Parameter(torch.ones(3, 2))
        optimizer = torch.optim.SGD([pairs], lr=0.25)
        (torch.view_as_complex(pairs).abs() ** 2).sum().backward()
        optimizer.step()
        assert pairs.tolist() == [[0.5, 0.5]] * 3

    def test_clipping(self) -> None:
        z = leaf([3 + 4j])
        (z.abs() ** 2).sum().backward()
        assert float(torch.nn.utils.clip_grad_norm_([z], 1.0)) == 10.0
        np.testing.assert_allclose(z.grad.numpy(), [0.6 + 0.8j], rtol=1e-5)

    def test_a_refusal_says_what_to_do(self) -> None:
        with pytest.raises(NotImplementedError, match=r'"lt" not implemented for \'ComplexFloat\'.*\.abs\(\)'):
            _ = torch.tensor([1j]) < 1
        with pytest.raises(RuntimeError, match="In-place abs is not supported"):
            torch.tensor([1j]).abs_()
        with pytest.raises(RuntimeError, match="Unsupported dtype Half"):
            torch.fft.fft(torch.ones(4, dtype=torch.float16))
