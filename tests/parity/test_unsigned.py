"""uint16, uint32 and uint64 tensors against PyTorch's, where PyTorch has the operation for them."""

from __future__ import annotations

import copy
import io
import pickle
import warnings

import numpy as np
import pytest

import tinygrad_hw

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.torch

KINDS = ["uint16", "uint32", "uint64"]
OTHERS = [
    "bool",
    "uint8",
    "int8",
    "int16",
    "int32",
    "int64",
    "float16",
    "float32",
    "float64",
    "complex64",
    "complex128",
]

#: u the dtype, m its largest number, x [1, 2, 3], y [m, m - 1, 1, 0]. What is printed must be the same.
SAME = """
u; u.itemsize; u.is_signed; u.is_floating_point; u.is_complex; torch.iinfo(u); torch.iinfo(u).max
torch.iinfo(u).bits; x; y; y[0]; y[0].item(); y.tolist(); y.reshape(2, 2); torch.zeros(2, 0, dtype=u)
torch.zeros(1001, dtype=u); x.dtype; x.element_size(); x.nbytes; x.type(); torch.typename(x); x.is_signed()
int(x[0]); float(y[0]); bool(x[0]); [1, 2, 3, 4][x[0]]; len(x); list(x); 2 in x; f"{y[0]}"; torch.is_nonzero(x[0])
torch.zeros(2, dtype=u); torch.ones(2, dtype=u); torch.full((2,), 7, dtype=u); torch.full((2,), m, dtype=u)
torch.ones_like(x); torch.full_like(x, 3); torch.empty_like(x).dtype; x.new_tensor([1, 2]); x.new_zeros(2)
torch.tensor([0, m], dtype=u); torch.tensor(m, dtype=u); torch.tensor([True, False], dtype=u)
torch.asarray([1], dtype=u); torch.tensor([[0, m], [1, 22]], dtype=u); torch.tensor(np.array([1, 2], str(u)[6:]))
torch.as_tensor([1], dtype=u); torch.from_numpy(np.arange(3).astype(str(u)[6:])); x.numpy(); np.asarray(y)
x.numpy().dtype; torch.as_tensor(x) is x; y.to(torch.uint8); y.to(torch.int8); y.to(torch.int16); y.to(torch.int32)
y.to(torch.int64); y.to(torch.bool); y.to(torch.float16); y.float(); y.double(); y.cfloat(); y.to(torch.uint16)
y.to(torch.uint32); y.to(torch.uint64); y.to(torch.complex128); torch.tensor([-1.5, 2.7, 70000, -300]).to(u)
torch.tensor([-1, 70000, 5]).to(u); torch.tensor([True, False]).to(u)
torch.tensor([3e4, 4e9, float(m)], dtype=torch.float64).to(u); torch.tensor([2 + 3j]).real.to(u)
x.to(torch.tensor(1.0)); x.type(torch.float32); x.type_as(torch.ones(1)); x.byte(); x * x; y * y; x * 3; y * m
y * -1; x * 1.5; x / x; y / 3; 1 / x; x + torch.tensor([1.0]); x - torch.ones(3).half()
x * torch.tensor([1.5], dtype=torch.float64); x + 2.5; x + 1j; x * True; torch.outer(x, x); torch.ldexp(x, x); x & x
x | 4; x ^ x; y & m; x == x; x == 2; x != 2; y == m; y == -1; x == 1.5; torch.equal(x, x.clone())
torch.isclose(x, x); torch.allclose(x, x); torch.atan2(x, x); torch.copysign(x, x); +x; x.exp(); x.sqrt(); y.sqrt()
x.sin(); x.sigmoid(); x.erf(); x.reciprocal(); x.rsqrt(); x.log(); x.tanh(); y.floor(); y.ceil(); y.round()
y.trunc(); x.isnan(); x.isinf(); x.isfinite(); x.signbit(); x.isneginf(); x.sum(); y.sum(); x.sum(0)
x.sum(dtype=torch.float32); x.prod(); y.any(); y.all(); x.mean(dtype=torch.float32); x.nansum()
torch.logsumexp(x, 0); x.cumsum(0, dtype=torch.int64); y.sort(); y.sort(descending=True); y.argsort(); y.unique()
y.msort(); torch.sum(torch.ones(3, dtype=u), dtype=torch.int32); y[1]; y[1:]; y[::2]; y[torch.tensor([0, 2])]
y[y == m]; y[None]; y[..., 0]; y.view(2, 2).T; y.expand(2, 4); y.repeat(2); torch.where(y == m, y, y.clone())
torch.where(y == m, y, 0); y.repeat_interleave(2); y.split(3); y.chunk(2); y.unbind(); y.roll(1); y.clone()
y.contiguous(); y.flatten(); y.unsqueeze(0); torch.cat([x, y]); torch.stack([x, x]); torch.cat([x, torch.ones(1)])
torch.meshgrid(x, x, indexing="ij"); torch.nn.functional.pad(x, (1, 1)); x.movedim(0, 0); y.view(torch.uint8)
y.view(getattr(torch, str(u)[7:])); torch.ones(8, dtype=u).view(torch.int64)
torch.ones(8, dtype=u).view(torch.uint16); torch.ones(8, dtype=u).view(torch.uint32).shape; torch.arange(8).view(u)
torch.ones(8, dtype=u).view(torch.float32); torch.ones(8, dtype=u).view(torch.uint64); x.clone().mul_(2)
x.clone().fill_(3); x.clone().zero_(); x.clone().copy_(torch.tensor([5.9, 6, 70000])); x.clone().bitwise_or_(4)
y.clone().fill_(-1); put(x.clone(), 0, 5); put(x.clone(), slice(1, 3), torch.tensor([8, 9]))
put(x.clone(), slice(1, 3), x[:2]); torch.ones(2).mul_(x[:2]); torch.mul(x, 2, out=torch.empty(3, dtype=u))
torch.mul(x, x, out=torch.empty(3, dtype=torch.int64)); torch.randint(0, 9, (9,), dtype=u)
torch.randint(5, 2**15, (9,), dtype=u); torch.empty(9, dtype=u).random_(3, 60000)
torch.randint(0, min(m + 1, 2**63 - 1), (20,), dtype=u); torch.empty(9, dtype=u).random_(7)
torch.randint_like(x, 9); torch.nn.Parameter(x, requires_grad=False); x.requires_grad_(False); copied(x); loaded(x)
loaded({"a": y, "b": y[1:]}); pickle.loads(pickle.dumps(u)) is u; x.untyped_storage().nbytes(); torch.from_dlpack(x)
np.from_dlpack(x); torch.from_dlpack(np.arange(3).astype(str(u)[6:])); torch.testing.assert_close(x, x.clone())
torch.testing.make_tensor((3,), dtype=u, device="cpu", low=1, high=9).dtype; torch.result_type(x, 1)
torch.result_type(x, 1.5); torch.result_type(x, x); torch.result_type(x, True)
torch.result_type(x[0], torch.tensor([1], dtype=torch.int8)); torch.result_type(torch.tensor(1), x)
torch.result_type(x, 1j); torch.promote_types(u, u); torch.promote_types(u, torch.float16)
torch.promote_types(torch.float64, u); (torch.ones(3, requires_grad=True) * x).sum()
torch.utils.data.default_collate([x, x]); torch.hash_tensor(x.long(), 0)
""".replace("\n", ";").split(";")

RAISES = [
    "x.requires_grad_()",
    "torch.zeros(2, dtype=u, requires_grad=True)",
    "torch.nn.Parameter(x)",
    "torch.set_default_dtype(u)",
    "torch.finfo(u)",
    "x.mean()",
    "x.std()",
    "torch.norm(x)",
    "torch.frexp(x)",
    "torch.rand(2, dtype=u)",
    "torch.randn(2, dtype=u)",
    "x.clone().random_()",
    "torch.randint(-1, 4, (2,), dtype=u)",
    "x.clone().add_(1.5)",
    "x.clone().mul_(1.5)",
    "x + torch.tensor([1])",
    "x * torch.tensor([1], dtype=torch.uint8)",
    "x == torch.tensor([1, 2, 4])",
    "x & torch.tensor([True])",
    "torch.cat([x, torch.tensor([1])])",
    "torch.where(x == 1, x, torch.tensor([1]))",
    "torch.stack([x, torch.ones(3, dtype=torch.int32)])",
    "x * torch.ones(1, dtype=torch.uint16 if u is torch.uint32 else torch.uint32)",
    "x * torch.ones(1, dtype=torch.complex64)",
    "torch.promote_types(u, torch.int64)",
    "torch.promote_types(torch.bool, u)",
    "torch.ones((), dtype=u).view(torch.int8)",
    "torch.ones(3, dtype=torch.int8).view(u)",
    "torch.nn.functional.one_hot(x)",
    "torch.nn.functional.dropout(x, 2.0)",
]


def names(package, kind):
    u = getattr(package, kind)
    m = package.iinfo(u).max

    def put(t, at, value):
        t[at] = value
        return t

    def loaded(value):
        file = io.BytesIO()
        package.save(value, file)
        file.seek(0)
        return package.load(file)

    found = {"torch": package, "np": np, "pickle": pickle, "put": put, "loaded": loaded, "copied": copy.deepcopy}
    return found | {
        "u": u,
        "m": m,
        "x": package.tensor([1, 2, 3], dtype=u),
        "y": package.tensor([m, m - 1, 1, 0], dtype=u),
    }


def run(package, text, kind):
    scope = names(package, kind)
    package.manual_seed(1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return eval(text, scope)


@pytest.mark.parametrize("kind", KINDS)
def test_same(kind):
    """Each expression prints the same: one test for all, as each takes no time."""
    different = []
    for text in (t.strip() for t in SAME if t.strip()):
        theirs = repr(run(torch, text, kind))
        try:
            ours = repr(run(tinygrad_hw, text, kind))
        except Exception as error:
            ours = repr(error)
        if ours != theirs:
            different.append(f"{text}\n  here    {ours}\n  PyTorch {theirs}")
    assert not different, "\n".join(different)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("text", RAISES)
def test_raises(text, kind):
    with pytest.raises(Exception) as theirs:
        run(torch, text, kind)
    with pytest.raises(theirs.type) as ours:
        run(tinygrad_hw, text, kind)
    if "Promotion" in str(theirs.value):
        assert str(ours.value).startswith(str(theirs.value))


def test_promotion():
    """promote_types and can_cast of all pairs: the dtype, or the message."""

    def table(package):
        found = []
        for a in KINDS:
            for b in KINDS + OTHERS:
                x, y = getattr(package, a), getattr(package, b)
                for one, two in ((x, y), (y, x)):
                    try:
                        found.append(repr(package.promote_types(one, two)))
                    except RuntimeError as error:
                        found.append(str(error).partition(". Convert")[0])
                    found.append(package.can_cast(one, two))
        return found

    assert table(tinygrad_hw) == table(torch)


@pytest.mark.parametrize("kind", ["uint16", "uint32"])
def test_a_number_out_of_range(kind):
    for package in (tinygrad_hw, torch):
        top = package.iinfo(getattr(package, kind)).max
        with pytest.raises(RuntimeError, match=f"value cannot be converted to type {kind} without overflow"):
            package.tensor([top + 1], dtype=getattr(package, kind))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("other", KINDS + OTHERS)
def test_conversions(kind, other):
    """Numbers of every size, there and back; those beyond the range of a float's target are C's affair."""
    rng = np.random.default_rng(0)
    bits = 8 * np.dtype(kind).itemsize
    numbers = np.concatenate(
        [rng.integers(0, 2**bits, 50, np.uint64) if bits < 64 else rng.integers(0, 2**63, 50)]
    ).astype(kind)
    there = torch.from_numpy(numbers).to(getattr(torch, other))
    ours = tinygrad_hw.from_numpy(numbers).to(getattr(tinygrad_hw, other))
    np.testing.assert_array_equal(ours.numpy(), there.numpy())
    if np.dtype(other).kind not in "fc":
        np.testing.assert_array_equal(
            ours.to(getattr(tinygrad_hw, kind)).numpy(), there.to(getattr(torch, kind)).numpy()
        )


@pytest.mark.parametrize("kind", KINDS)
def test_files(kind, tmp_path):
    """PyTorch reads what is written here, and the other way round."""
    top = np.iinfo(kind).max
    ours = tinygrad_hw.tensor([[0, 1], [top, 5]], dtype=getattr(tinygrad_hw, kind))
    tinygrad_hw.save({"a": ours, "column": ours[:, 1], "dtype": ours.dtype}, tmp_path / "ours.pt")
    read = torch.load(tmp_path / "ours.pt")
    assert read["a"].dtype is read["dtype"] is getattr(torch, kind)
    assert read["a"].tolist() == ours.tolist() and read["column"].tolist() == [1, 5]
    assert read["a"].untyped_storage().data_ptr() == read["column"].untyped_storage().data_ptr()
    theirs = read["a"]
    torch.save([theirs, theirs.T, theirs.dtype], tmp_path / "theirs.pt")
    plain, turned, dtype = tinygrad_hw.load(tmp_path / "theirs.pt")
    assert plain.dtype is dtype is ours.dtype and plain.tolist() == ours.tolist() == turned.T.tolist()
    plain[0, 1] = 9
    assert turned[1, 0].item() == 9
    assert tinygrad_hw.from_dlpack(theirs).tolist() == torch.from_dlpack(ours).tolist() == ours.tolist()


@pytest.mark.parametrize("kind", ["int8", "int16", "int32", "int64", "uint8", *KINDS])
def test_what_makes_int64_of_integers(kind):
    def found(package):
        x = package.full((2, 3), 100, dtype=getattr(package, kind))
        sums = [x.sum_to_size(2, 3), x.sum_to_size(1, 3), x.sum_to_size(3), x[0, 0].sum_to_size(())]
        return repr([*sums, package.linalg.vander(x, N=4)])

    assert found(tinygrad_hw) == found(torch)


@pytest.mark.parametrize("kind", KINDS)
def test_hash_tensor(kind):
    """The bits of 64-bit numbers, as PyTorch hashes them."""
    for dtype in ("float32", "float64", "float16", "int8", "int64", "uint8", "bool"):
        numbers = np.random.default_rng(0).normal(0, 20, (3, 4)).astype(np.int64).astype(dtype)
        for options in ({}, {"dim": 1}, {"dim": (0, -1), "keepdim": True}, {"dim": 0, "keepdim": True}, {"dim": ()}):
            theirs = torch.hash_tensor(torch.from_numpy(numbers), **options)
            assert repr(tinygrad_hw.hash_tensor(tinygrad_hw.from_numpy(numbers), **options)) == repr(theirs)
