"""2-D convolution and its gradients against their definitions."""

from __future__ import annotations

import platform
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.kernels.test_runtime import needs_numba, passes
from tests.kernels.threads import same_on_threads
from tinygrad_hw.kernels import conv2d as K
from tinygrad_hw.kernels.conv2d_winograd_grad import winograd_weight_grad
from tinygrad_hw.kernels.fold import output_size

Setting = tuple[tuple[int, int], tuple[int, int], tuple[int, int], int]


def close(got: Any, want: Any) -> None:
    tolerance = 1e-10 if want.dtype == np.float64 else 3e-4
    assert got.dtype == want.dtype
    assert got.shape == want.shape
    np.testing.assert_allclose(got, want, rtol=tolerance, atol=tolerance * max(1, np.abs(want).max(initial=0)))


def check(x: Any, w: Any, b: Any, setting: Setting) -> None:
    """Compare the three kernels with their references."""
    want = K.conv2d_reference(x, w, b, *setting)
    close(K.conv2d(x, w, b, *setting), want)
    g = np.random.default_rng(1).standard_normal(want.shape).astype(x.dtype)
    close(K.conv2d_input_grad(g, w, x.shape, *setting), K.conv2d_input_grad_reference(g, w, x.shape, *setting))
    close(K.conv2d_weight_grad(g, x, w.shape, *setting), K.conv2d_weight_grad_reference(g, x, w.shape, *setting))


def arrays(
    n: int, groups: int, channels: int, outputs: int, size: Any, kernel: Any, kind: Any = np.float32
) -> tuple[Any, Any, Any]:
    """Return x, weight, bias; channels and outputs of a group."""
    r = np.random.default_rng(0)
    shapes = ((n, groups * channels, *size), (groups * outputs, channels, *kernel), (groups * outputs,))
    x, w, b = (r.standard_normal(s).astype(kind) for s in shapes)
    return x, w, b


def by_hand(x: Any, w: Any, b: Any, stride: Any, padding: Any, dilation: Any, groups: int) -> Any:
    """The formula, element by element."""
    (n, c, h, wide), (o, cg, kh, kw) = x.shape, w.shape
    del c
    oh = (h + 2 * padding[0] - dilation[0] * (kh - 1) - 1) // stride[0] + 1
    ow = (wide + 2 * padding[1] - dilation[1] * (kw - 1) - 1) // stride[1] + 1
    out = np.zeros((n, o, oh, ow))
    for at in np.ndindex(*out.shape):
        total = float(b[at[1]])
        for k, i, j in np.ndindex(cg, kh, kw):
            row = at[2] * stride[0] - padding[0] + i * dilation[0]
            column = at[3] * stride[1] - padding[1] + j * dilation[1]
            if 0 <= row < h and 0 <= column < wide:
                channel = at[1] // (o // groups) * cg + k
                total += float(w[at[1], k, i, j]) * float(x[at[0], channel, row, column])
        out[at] = total
    return out


@pytest.mark.parametrize(
    "setting",
    [((1, 1), (0, 0), (1, 1), 1), ((2, 3), (1, 2), (2, 1), 2), ((1, 2), (3, 0), (1, 3), 1)],
)
def test_reference_is_the_formula(setting: Setting) -> None:
    x, w, b = arrays(2, setting[3], 2, 2, (7, 8), (2, 3), np.float64)
    want = by_hand(x, w, b, *setting)
    np.testing.assert_allclose(K.conv2d_reference(x, w, b, *setting), want, rtol=1e-12, atol=1e-12)


@settings(max_examples=120, deadline=None, derandomize=True)
@given(
    kind=st.sampled_from([np.float32, np.float64]),
    n=st.integers(0, 6),
    groups=st.integers(1, 4),
    channels=st.integers(1, 3),
    outputs=st.integers(1, 6),
    kernel=st.tuples(*[st.integers(1, 4)] * 2),
    stride=st.tuples(*[st.integers(1, 3)] * 2),
    padding=st.tuples(*[st.integers(0, 5)] * 2),
    dilation=st.tuples(*[st.integers(1, 3)] * 2),
    more=st.tuples(*[st.integers(0, 13)] * 2),
    bias=st.booleans(),
)
def test_against_the_definitions(
    kind: Any, n: int, groups: int, channels: int, outputs: int, kernel: Any, stride: Any, padding: Any,
    dilation: Any, more: Any, bias: bool,
) -> None:  # fmt: skip
    size = [max(1, d * (k - 1) + 1 - 2 * p) + m for d, k, p, m in zip(dilation, kernel, padding, more, strict=True)]
    x, w, b = arrays(n, groups, channels, outputs, size, kernel, kind)
    check(x, w, b if bias else None, (stride, padding, dilation, groups))


@pytest.mark.parametrize(
    ("n", "groups", "channels", "outputs", "size", "kernel", "setting"),
    [
        pytest.param(3, 1, 5, 7, (9, 8), (1, 1), ((1, 1), (0, 0), (1, 1)), id="1x1"),
        pytest.param(3, 2, 5, 7, (9, 8), (1, 1), ((2, 3), (0, 0), (1, 1)), id="1x1 strided"),
        pytest.param(3, 1, 5, 7, (9, 8), (1, 1), ((1, 1), (2, 1), (1, 1)), id="1x1 padded"),
        pytest.param(2, 8, 1, 1, (12, 9), (3, 3), ((1, 1), (1, 1), (1, 1)), id="depthwise"),
        pytest.param(2, 8, 1, 2, (12, 9), (3, 3), ((2, 2), (1, 1), (2, 2)), id="depthwise, two each"),
        pytest.param(1, 1, 2, 9, (3, 700), (1, 5), ((1, 1), (0, 2), (1, 1)), id="a row longer than a block"),
        pytest.param(1, 1, 2, 3, (3, 1300), (2, 2), ((1, 2), (0, 0), (1, 700)), id="dilation longer than a block"),
        pytest.param(40, 1, 3, 4, (4, 4), (3, 3), ((1, 1), (1, 1), (1, 1)), id="many small examples"),
        pytest.param(41, 1, 3, 4, (1, 6), (1, 3), ((1, 1), (0, 1), (1, 1)), id="sequences, an odd number"),
        pytest.param(2, 1, 3, 4, (11, 10), (3, 3), ((4, 5), (0, 0), (1, 1)), id="stride over the kernel"),
        pytest.param(2, 1, 2, 3, (10, 11), (3, 3), ((3, 3), (0, 0), (1, 1)), id="rows that no window sees"),
        pytest.param(2, 1, 2, 3, (1, 1), (2, 2), ((1, 1), (4, 3), (1, 1)), id="padding larger than the kernel"),
        pytest.param(1, 1, 64, 64, (6, 6), (3, 3), ((1, 1), (1, 1), (1, 1)), id="one example, many channels"),
    ],
)
def test_shapes_of_interest(
    n: int, groups: int, channels: int, outputs: int, size: Any, kernel: Any, setting: Any
) -> None:
    x, w, b = arrays(n, groups, channels, outputs, size, kernel)
    check(x, w, b, (*setting, groups))
    check(x, w, None, (*setting, groups))


@pytest.mark.parametrize(
    "shapes", [((0, 2, 5, 5), (3, 2, 3, 3)), ((2, 0, 5, 5), (3, 0, 3, 3)), ((2, 2, 5, 5), (0, 2, 3, 3))]
)
def test_empty(shapes: Any) -> None:
    x, w = (np.ones(s, np.float32) for s in shapes)
    b = np.arange(w.shape[0], dtype=np.float32)
    check(x, w, b, ((1, 1), (1, 1), (1, 1), 1))


def test_arrays_of_any_layout() -> None:
    x, w, b = arrays(3, 2, 2, 2, (6, 7), (3, 2))
    setting = ((1, 2), (1, 0), (1, 1), 2)
    want = K.conv2d(x, w, b, *setting)
    turned = np.ascontiguousarray(x.transpose(2, 3, 0, 1)).transpose(2, 3, 0, 1)
    frozen = x.copy()
    frozen.flags.writeable = False
    for other in (turned, np.repeat(x, 2, axis=3)[..., ::2], frozen):
        np.testing.assert_array_equal(K.conv2d(other, w, b, *setting), want)
        back = K.conv2d_weight_grad(want, other, w.shape, *setting)
        np.testing.assert_array_equal(back, K.conv2d_weight_grad(want, x, w.shape, *setting))
    g = np.broadcast_to(np.float32(1), want.shape)
    full = np.ones_like(want)
    for ours, same in ((g, full), (np.asfortranarray(want), want)):
        np.testing.assert_array_equal(
            K.conv2d_input_grad(ours, w, x.shape, *setting), K.conv2d_input_grad(same, w, x.shape, *setting)
        )


@pytest.mark.parametrize("kernel", [(3, 2), (1, 1)])
@pytest.mark.parametrize("stride", [(1, 1), (2, 2)])
def test_out(kernel: Any, stride: Any) -> None:
    """Results go where they are told to, whatever was there."""
    x, w, b = arrays(3, 1, 2, 3, (6, 7), kernel)
    setting = (stride, (0, 0), (1, 1), 1)
    want = K.conv2d(x, w, b, *setting)
    calls = [
        (want, lambda out: K.conv2d(x, w, b, *setting, out=out)),
        (
            K.conv2d_input_grad(want, w, x.shape, *setting),
            lambda out: K.conv2d_input_grad(want, w, x.shape, *setting, out=out),
        ),
        (
            K.conv2d_weight_grad(want, x, w.shape, *setting),
            lambda out: K.conv2d_weight_grad(want, x, w.shape, *setting, out=out),
        ),
    ]
    for expected, call in calls:
        out = np.full(expected.shape, np.nan, np.float32)
        assert call(out) is out
        np.testing.assert_array_equal(out, expected)


def test_family_is_adjoint() -> None:
    """<conv(x, w), g> = <x, input_grad(g, w)> = <w, weight_grad(g, x)>."""
    setting = ((2, 1), (2, 1), (1, 2), 2)
    x, w, _ = arrays(3, 2, 3, 2, (8, 9), (3, 2), np.float64)
    y = K.conv2d(x, w, None, *setting)
    g = np.random.default_rng(5).standard_normal(y.shape)
    inner = (y * g).sum()
    assert (x * K.conv2d_input_grad(g, w, x.shape, *setting)).sum() == pytest.approx(inner, rel=1e-12)
    assert (w * K.conv2d_weight_grad(g, x, w.shape, *setting)).sum() == pytest.approx(inner, rel=1e-12)


def test_nan_and_infinity_stay_where_they_are_seen() -> None:
    x, w = np.zeros((1, 1, 6, 6), np.float32), np.ones((5, 1, 3, 3), np.float32)
    x[0, 0, 0, 0], x[0, 0, 5, 5] = np.nan, np.inf
    out = K.conv2d(x, w, None, (1, 1), (0, 0), (1, 1), 1)
    assert np.isnan(out[0, :, 0, 0]).all()
    assert np.isinf(out[0, :, 3, 3]).all()
    assert np.isfinite(out[0, :, 1:3]).all()


@pytest.mark.parametrize("channels", [3, 64, 300])
def test_error_of_single_precision(channels: int) -> None:
    """It stays near that of the reference, whose matrix products add up in blocks."""
    x, w, _ = arrays(2, 1, channels, 8, (9, 8), (3, 3))
    setting = ((1, 1), (1, 1), (1, 1), 1)
    wide = x.astype(np.float64), w.astype(np.float64)
    y = K.conv2d_reference(*wide, None, *setting)
    g = y.astype(np.float32)

    def error(got: Any, want: Any) -> float:
        return float(np.sqrt(((got - want) ** 2).mean() / (want**2).mean()))

    assert error(K.conv2d(x, w, None, *setting), y) < 3 * error(K.conv2d_reference(x, w, None, *setting), y)
    want = K.conv2d_input_grad_reference(g.astype(np.float64), wide[1], x.shape, *setting)
    theirs = K.conv2d_input_grad_reference(g, w, x.shape, *setting)
    assert error(K.conv2d_input_grad(g, w, x.shape, *setting), want) < 3 * error(theirs, want)
    want = K.conv2d_weight_grad_reference(g.astype(np.float64), wide[0], w.shape, *setting)
    theirs = K.conv2d_weight_grad_reference(g, x, w.shape, *setting)
    assert error(K.conv2d_weight_grad(g, x, w.shape, *setting), want) < 3 * error(theirs, want)


@pytest.mark.parametrize("stride", [(1, 1), (2, 2)])
@pytest.mark.parametrize(("groups", "channels"), [(1, 6), (6, 1)])
@pytest.mark.parametrize("n", [1, 9])
def test_same_bits_on_any_number_of_threads(n: int, groups: int, channels: int, stride: Any) -> None:
    x, w, b = arrays(n, groups, channels, 12 // groups, (9, 9), (3, 3))
    setting = (stride, (1, 1), (1, 1), groups)
    g = K.conv2d(x, w, b, *setting)
    same_on_threads(lambda: K.conv2d(x, w, b, *setting))
    same_on_threads(lambda: K.conv2d_input_grad(g, w, x.shape, *setting))
    same_on_threads(lambda: K.conv2d_weight_grad(g, x, w.shape, *setting))


def test_output_size() -> None:
    assert output_size(7, 3, 2, 1, 1) == 4
    assert output_size(5, 3, 1, 0, 2) == 1


@pytest.mark.parametrize("kind", [np.float32, np.float64])
@pytest.mark.parametrize("setting", [((2, 2), (2, 2), (1, 1), 1), ((1, 1), (0, 0), (1, 1), 1)])
def test_one_element_windows_with_an_output_as_large_as_the_input(setting: Setting, kind: Any) -> None:
    """With stride 2 and padding 2, 4x4 gives 4x4 too, but other places."""
    x, w, b = arrays(3, 1, 2, 3, (4, 4), (1, 1), kind)
    assert K.conv2d(x, w, b, *setting).shape == (3, 3, 4, 4)
    check(x, w, b, setting)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(
    kind=st.sampled_from([np.float32, np.float64]),
    n=st.integers(1, 5),
    channels=st.integers(8, 20),
    outputs=st.integers(8, 20),
    size=st.tuples(st.integers(3, 40), st.integers(3, 40)),
    padding=st.tuples(st.integers(0, 4), st.integers(0, 4)),
)
def test_winograd_against_the_definitions(
    kind: Any, n: int, channels: int, outputs: int, size: Any, padding: Any
) -> None:
    x, w, b = arrays(n, 1, channels, outputs, size, (3, 3), kind)
    check(x, w, b, ((1, 1), padding, (1, 1), 1))


@pytest.mark.parametrize("kind", [np.float32, np.float64])
@pytest.mark.parametrize("width", [1, 2, 4, 7, 8, 13, 14, 15, 16, 17, 32, 33])
def test_winograd_of_narrow_images(width: int, kind: Any) -> None:
    """Lines of squares share a vector, also of several images, and where the last ones do not fill it."""
    for n, height in ((1, 1), (3, 5), (9, 8)):
        x, w, b = arrays(n, 1, 8, 10, (height, width), (3, 3), kind)
        check(x, w, b, ((1, 1), (1, 1), (1, 1), 1))


@needs_numba
@settings(max_examples=40, deadline=None, derandomize=True)
@given(
    kind=st.sampled_from([np.float32, np.float64]),
    n=st.integers(1, 5),
    channels=st.integers(1, 40),
    outputs=st.integers(1, 70),
    size=st.tuples(st.integers(3, 34), st.integers(3, 34)),
    padding=st.tuples(st.integers(0, 4), st.integers(0, 4)),
)
def test_gradient_by_winograd_against_the_definition(
    kind: Any, n: int, channels: int, outputs: int, size: Any, padding: Any
) -> None:
    """Also with few channels, where it is not chosen."""
    x, w, _ = arrays(n, 1, channels, outputs, size, (3, 3), kind)
    setting = ((1, 1), padding, (1, 1), 1)
    g = np.random.default_rng(1).standard_normal(K.conv2d_reference(x, w, None, *setting).shape).astype(kind)
    want = K.conv2d_weight_grad_reference(g.astype(np.float64), x.astype(np.float64), w.shape, *setting)
    got = np.empty(w.shape, kind)
    winograd_weight_grad(x, g, padding, got)
    limit = 1e-5 if kind == np.float32 else 1e-13
    np.testing.assert_allclose(got, want, rtol=limit, atol=limit * np.abs(want).max())


def test_error_of_the_gradient_by_winograd() -> None:
    """It stays within 4 times that of adding one product after the other."""
    x, w, _ = arrays(4, 1, 32, 32, (12, 12), (3, 3))
    setting = ((1, 1), (1, 1), (1, 1), 1)
    g = np.random.default_rng(1).standard_normal((4, 32, 12, 12)).astype(np.float32)
    want = K.conv2d_weight_grad_reference(g.astype(np.float64), x.astype(np.float64), w.shape, *setting)
    padded = np.pad(x, ((0, 0), (0, 0), (1, 1), (1, 1)))
    plain = np.zeros(want.shape, np.float32)
    for n, y, t in np.ndindex(4, 12, 12):
        plain += g[n, :, None, None, None, y, t] * padded[n, None, :, y : y + 3, t : t + 3][..., :, :]

    def error(got: Any) -> float:
        return float(np.abs(got - want).max())

    assert error(K.conv2d_weight_grad(g, x, w.shape, *setting)) < 4 * error(plain)


@pytest.mark.parametrize("channels", [16, 64, 300])
def test_error_of_winograd(channels: int) -> None:
    """It stays within 4 times that of adding one product after the other."""
    x, w, _ = arrays(1, 1, channels, 16, (12, 12), (3, 3))
    setting = ((1, 1), (1, 1), (1, 1), 1)
    want = K.conv2d_reference(x.astype(np.float64), w.astype(np.float64), None, *setting)
    padded = np.pad(x, ((0, 0), (0, 0), (1, 1), (1, 1)))
    plain = np.zeros(want.shape, np.float32)
    for c, i, j in np.ndindex(channels, 3, 3):
        plain += w[None, :, c, i, j, None, None] * padded[:, c, None, i : i + 12, j : j + 12]

    def error(got: Any) -> float:
        return float(np.abs(got - want).max())

    assert error(K.conv2d(x, w, None, *setting)) < 4 * error(plain)


def test_winograd_has_the_same_bits_on_any_number_of_threads() -> None:
    x, w, b = arrays(5, 1, 9, 17, (13, 9), (3, 3))
    setting = ((1, 1), (1, 1), (1, 1), 1)
    g = np.random.default_rng(1).standard_normal((5, 17, 13, 9)).astype(np.float32)
    same_on_threads(lambda: K.conv2d(x, w, b, *setting))
    same_on_threads(lambda: K.conv2d_input_grad(g, w, x.shape, *setting))
    x, w, _ = arrays(5, 1, 33, 40, (13, 9), (3, 3))
    g = np.random.default_rng(1).standard_normal((5, 40, 13, 9)).astype(np.float32)
    same_on_threads(lambda: K.conv2d_weight_grad(g, x, w.shape, *setting))


#: Features that numba is told of, and what is made of them: vector registers and their bytes.
PROCESSORS = {"generic": ("", "16x16"), "haswell": ("+avx,+avx2,+fma", "16x32")}


@pytest.mark.parametrize("cpu", PROCESSORS)
@pytest.mark.skipif(platform.machine() not in ("x86_64", "AMD64"), reason="the processors named are x86")
def test_on_smaller_processors(cpu: str, tmp_path: Path) -> None:
    """Tiles have the shapes that fit a processor's registers; results are the same."""
    code = """
    import numpy as np
    from tinygrad_hw.kernels import conv2d as K, simd
    r = np.random.default_rng(0)
    for kind in (np.float32, np.float64):
        for groups, channels, outputs, size, setting in [
            (1, 3, 5, (9, 10), ((1, 1), (1, 1), (1, 1))),
            (2, 3, 1, (9, 10), ((2, 1), (1, 0), (1, 2))),
            (1, 2, 70, (12, 7), ((2, 3), (1, 1), (1, 1))),
            (1, 9, 11, (9, 10), ((1, 1), (1, 1), (1, 1))),
            (1, 9, 11, (8, 8), ((1, 1), (1, 1), (1, 1))),
            (1, 33, 34, (8, 7), ((1, 1), (1, 1), (1, 1))),
            (1, 8, 9, (3, 4), ((1, 1), (1, 1), (1, 1))),
        ]:
            x = r.standard_normal((3, groups * channels, *size)).astype(kind)
            w = r.standard_normal((groups * outputs, channels, 3, 3)).astype(kind)
            a = (*setting, groups)
            y = K.conv2d_reference(x, w, None, *a)
            g = r.standard_normal(y.shape).astype(kind)
            limit = 1e-4 if kind == np.float32 else 1e-12
            np.testing.assert_allclose(K.conv2d(x, w, None, *a), y, rtol=limit, atol=limit)
            for name, args in (("input", (g, w, x.shape)), ("weight", (g, x, w.shape))):
                got = getattr(K, f"conv2d_{name}_grad")(*args, *a)
                want = getattr(K, f"conv2d_{name}_grad_reference")(*args, *a)
                np.testing.assert_allclose(got, want, rtol=limit, atol=limit * 10)
    print("%dx%d" % simd._registers())
    """
    features, registers = PROCESSORS[cpu]
    environment = {"NUMBA_CPU_NAME": cpu, "NUMBA_CPU_FEATURES": features, "NUMBA_CACHE_DIR": str(tmp_path)}
    assert passes(code, **environment).split() == [registers]
