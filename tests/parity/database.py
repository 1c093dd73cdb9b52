"""PyTorch's operator database, and which of its entries have a dense real form on the CPU."""

from __future__ import annotations

import sys
import types
import unittest
import warnings

try:
    import expecttest  # noqa: F401
except ImportError:  # the database's module only derives a test class from it, which is not used here
    stand_in = types.ModuleType("expecttest")
    stand_in.TestCase = unittest.TestCase
    sys.modules["expecttest"] = stand_in

#: The families of the compatibility table, in its order.
FAMILIES = (
    "arithmetic",
    "reductions",
    "shape",
    "indexing",
    "matmul",
    "creation",
    "activations",
    "losses",
    "conv",
    "pool",
    "norm",
    "attention",
    "linalg",
    "special",
    "random",
    "fft",
    "other",
)

#: Those a user meets daily.
EVERYDAY = FAMILIES[: FAMILIES.index("attention") + 1]

#: Entries without a dense real form on the CPU. The names are the database's, up to the variant.
CANNOT = {
    "bmm.triton_optimized": "CUDA",
    "jiterator_2inputs_2outputs": "CUDA",
    "jiterator_4inputs_with_extra_args": "CUDA",
    "jiterator_binary": "CUDA",
    "jiterator_binary_return_by_ref": "CUDA",
    "jiterator_unary": "CUDA",
    "nn.functional.silu.complex": "complex",
    "sparse.mm.reduce": "sparse",
    "sparse.sampled_addmm": "sparse",
    "to_sparse": "sparse",
    "torch._scaled_mm": "quantized",
    "torch._scaled_mm_v2": "quantized",
    "torch.ops.aten._efficient_attention_forward": "CUDA",
    "torch.ops.aten._flash_attention_forward": "CUDA",
}

#: Entries that are also run with complex samples.
_COMPLEX_WORDS = """
    __getitem__ __radd__ __rdiv__ __rmatmul__ __rmul__ __rpow__ __rsub__ abs acos acosh add addbmm addcdiv
    addcmul addmm addmm.decomposed addmv addr alias_copy all allclose angle any argwhere as_strided
    as_strided.partial_views as_strided_copy asin asinh atan atanh atleast_1d atleast_2d atleast_3d baddbmm
    block_diag bmm bool broadcast_tensors broadcast_to byte cartesian_prod cat cdouble cfloat char chunk clone
    column_stack combinations complex conj_physical constant_pad_nd contiguous cos cosh count_nonzero cov cross
    cumprod cumsum cumulative_trapezoid diag diag_embed diagflat diagonal diagonal_copy diagonal_scatter diff
    dist div.no_rounding_mode dot double dsplit dstack einsum empty empty_like empty_permuted empty_strided eq
    equal exp exp2 expand expand_as expand_copy expm1 eye fill flatten flip fliplr flipud float float_power full
    full_like gather gradient half hsplit hstack imag index_add index_copy index_fill index_put index_select
    inner int isclose isfinite isinf isnan isreal item kron ldexp lerp linalg.cross linalg.diagonal linalg.eig
    linalg.eigvals
    linalg.multi_dot linalg.vander linalg.vecdot linalg.vector_norm linspace linspace.tensor_overload log log10
    log1p log2 log_softmax.with_dtype logical_and logical_not logical_or logical_xor logspace
    logspace.tensor_overload long masked.cumprod masked.cumsum masked.mean masked.normalize masked.prod
    masked.sum masked_fill masked_scatter masked_select matmul mean
    meshgrid.list_of_tensors meshgrid.variadic_tensors mm movedim mT mul mv narrow narrow_copy ne neg new_empty
    new_empty_strided new_full new_ones new_zeros nn.functional.channel_shuffle
    nn.functional.feature_alpha_dropout.without_train nn.functional.l1_loss nn.functional.normalize
    nn.functional.pad.circular nn.functional.pad.constant nn.functional.pad.reflect nn.functional.pad.replicate
    nn.functional.pad.replicate_negative nn.functional.pairwise_distance nn.functional.pixel_shuffle
    nn.functional.pixel_unshuffle nn.functional.softsign nn.functional.tanhshrink
    nn.functional.triplet_margin_loss nn.functional.triplet_margin_with_distance_loss nonzero nonzero_static
    norm norm.fro norm.inf ones ones_like outer permute permute_copy polar positive pow prod put rand_like randn
    randn_like ravel real reciprocal repeat repeat_interleave reshape reshape_as resize_ resize_as_ resolve_conj
    resolve_neg roll rot90 rsqrt rsub scalar_tensor scatter scatter_add select sgn short sigmoid sin sinc sinh
    split split.list_args split_with_sizes split_with_sizes_copy sqrt square squeeze squeeze.multiple
    squeeze_copy stack std std.unbiased std_mean std_mean.unbiased sub sum sum_to_size swapaxes T t t_copy take
    take_along_dim tan tanh tensor_split tensordot tile to trace transpose transpose_copy trapezoid trapz tril
    triu true_divide unbind unbind_copy unflatten unfold unfold_copy unsafe_chunk unsafe_split unsqueeze
    unsqueeze_copy var var.unbiased var_mean var_mean.unbiased vdot view view_as view_as_complex view_as_real
    view_copy vsplit vstack where zero_ zeros zeros_like fft.fft fft.fft2 fft.fftn fft.fftshift fft.hfft
    fft.hfft2 fft.hfftn fft.ifft fft.ifft2 fft.ifftn fft.ifftshift fft.ihfft fft.ihfft2 fft.ihfftn fft.irfft
    fft.irfft2 fft.irfftn fft.rfft fft.rfft2 fft.rfftn istft stft
"""
COMPLEX = set(_COMPLEX_WORDS.split())

#: Entries for names that are PyTorch's own business: underscored ones, and ``torch.ops.aten`` without another name.
PRIVATE = {
    "_batch_norm_with_update",
    "_chunk_cat",
    "_native_batch_norm_legit",
    "_segment_reduce",
    "_softmax_backward_data",
    "_unsafe_masked_index",
    "_unsafe_masked_index_put_accumulate",
    "_upsample_bilinear2d_aa",
    "max_pool2d_with_indices_backward",
    "native_dropout_backward",
    "slice",
    "torch.ops.aten._safe_softmax.default",
}
CANNOT.update(dict.fromkeys(PRIVATE, "private to PyTorch"))

#: Entries that behave otherwise here because the project chose so.
ON_PURPOSE: dict[str, str] = {}

#: Inputs, by number, whose gradient is not compared because PyTorch's is wrong and fails its own ``gradcheck``.
GRADIENT_WRONG_THERE = {
    "as_strided_scatter": {0},  # zero where it should not be, and not zero where it should
}
#: Entries whose second-order gradients PyTorch gets wrong.
SECOND_ORDER_WRONG_THERE = {
    "as_strided_scatter",
    "nn.functional.linear_cross_entropy.chunked",  # zero
}

#: What is not tried of ``out=``: PyTorch has no rule there that could be followed.
OUT_DIFFERS = {
    "all": {"wider"},  # over several dimensions at once into uint8, 0 instead of 1
    "bernoulli": {"strided"},  # filled in the order of memory: other numbers for other strides
    "cholesky": {"wider"},  # converts, and linalg.cholesky, which is the same function here, does not
    "diff": {"wider"},  # converts for some orders only
    "histc": {"requires_grad"},  # not refused
    "inner": {"wider"},  # converts for 0-d tensors only
    "mode": {"resized"},  # warns for some sizes only
    "narrow_copy": {"strided"},  # PyTorch writes as if the output were contiguous
    "nanmean": {"integers"},  # not implemented for integers, though the result would be thrown away
    "nansum": {"integers"},
    "nn.functional.avg_pool3d": {"strided"},  # written as if contiguous
    "nn.functional.gelu": {"strided"},  # written as if contiguous
    "nn.functional.linear": {"strided"},  # an error about sizes
    "normal": {"empty", "integers", "resized", "strided", "wider"},  # the tensor's sizes and dtype take part
    "split_with_sizes_copy": {"requires_grad"},  # not refused
    "tril": {"resized", "strided"},  # PyTorch writes outside of the memory
    "triu": {"resized", "strided"},
    "unbind_copy": {"requires_grad"},  # not refused
    "randn": {"strided"},  # filled in the order of memory
    "lerp": {"wider"},  # converts for numbers only
    "linalg.lu": {"strided", "resized"},  # PyTorch ends the process
    "linalg.matrix_power": {"wider"},  # converts for some powers only
    "lu_unpack": {"strided", "resized"},  # PyTorch ends the process
}

#: What one entry's results hold is not defined, only its shape and dtype.
UNDEFINED_VALUES = {
    "empty",
    "empty_like",
    "empty_permuted",
    "empty_strided",
    "new_empty",
    "new_empty_strided",
}

#: Entries whose indices may name any of several equal elements, and where in their arguments the dimension is.
TIES = {"sort": 0, "argsort": 0, "mode": 0, "topk": 1, "kthvalue": 1}

#: How many times the usual tolerance: PyTorch's own results are that far off (compared with mpmath), or the samples
#: ask for differences of numbers a million times larger.
LOOSER = {
    "logcumsumexp": 50.0,
    "special.airy_ai": 1000.0,
    "special.bessel_j0": 20.0,
    "special.bessel_j1": 20.0,
    "special.bessel_y0": 20.0,
    "special.bessel_y1": 200.0,
}

_WORDS = {
    "arithmetic": """
        __radd__ __rdiv__ __rmod__ __rmul__ __rpow__ __rsub__ __rand__ __ror__ __rxor__ abs acos acosh add addcdiv
        addcmul angle asin asinh atan atan2 atanh bitwise_and bitwise_left_shift bitwise_not bitwise_or
        bitwise_right_shift bitwise_xor ceil clamp clamp_max clamp_min conj conj_physical copysign cos cosh deg2rad div
        eq exp exp2 expm1 fill float_power floor floor_divide fmax fmin fmod frac frexp gcd ge gt heaviside hypot
        isclose isfinite isin isinf isnan isneginf isposinf isreal lcm ldexp le lerp log log10 log1p log2 logaddexp
        logaddexp2 logical_and logical_not logical_or logical_xor lt maximum minimum mul nan_to_num ne neg nextafter
        positive pow rad2deg real reciprocal remainder round rsqrt rsub sgn sign signbit sin sinc sinh sqrt square sub
        tan tanh true_divide trunc where xlogy max.binary min.binary equal allclose sigmoid logit zero_
    """,
    "reductions": """
        all amax amin aminmax any argmax argmin count_nonzero cummax cummin cumprod cumsum cumulative_trapezoid
        corrcoef cov diff dist gradient hash_tensor histc histogram histogramdd kthvalue logcumsumexp logsumexp
        max.reduction_no_dim max.reduction_with_dim mean median min.reduction_no_dim min.reduction_with_dim mode
        nanmean nanmedian nanquantile nansum norm prod quantile std std_mean sum sum_to_size trace trapezoid trapz var
        var_mean bincount
    """,
    "shape": """
        T alias_copy as_strided as_strided_copy as_strided_scatter atleast_1d atleast_2d atleast_3d block_diag
        broadcast_shapes broadcast_tensors broadcast_to cat chunk clone column_stack contiguous diag diag_embed
        diagflat diagonal diagonal_copy diagonal_scatter dsplit dstack expand expand_as expand_copy flatten flip fliplr
        flipud hsplit hstack mT meshgrid movedim narrow narrow_copy permute permute_copy ravel repeat
        repeat_interleave reshape reshape_as resize_ resize_as_ resolve_conj resolve_neg roll rot90 split
        split_with_sizes split_with_sizes_copy squeeze squeeze_copy stack t t_copy tensor_split tile transpose
        transpose_copy tril triu unbind unbind_copy unflatten unfold unfold_copy unsafe_chunk unsafe_split unsqueeze
        unsqueeze_copy view view_as view_copy vsplit vstack view_as_real view_as_complex _chunk_cat constant_pad_nd
        cartesian_prod combinations
    """,
    "indexing": """
        __getitem__ _unsafe_masked_index _unsafe_masked_index_put_accumulate argsort argwhere bucketize gather
        index_add index_copy index_fill index_put index_reduce index_select masked_fill masked_scatter masked_select
        msort nonzero nonzero_static put scatter scatter_add scatter_reduce searchsorted select select_scatter slice
        slice_scatter sort take take_along_dim topk unique unique_consecutive unravel_index _segment_reduce
    """,
    "matmul": """
        __rmatmul__ addbmm addmm addmv addr baddbmm bmm dot einsum inner kron matmul mm mv outer tensordot vdot cdist
        nn.functional.linear nn.functional.bilinear cross
    """,
    "creation": """
        arange bfloat16 bool byte char cdouble cfloat chalf complex double empty empty_like empty_permuted
        empty_strided eye float full full_like half int item linspace logspace long new_empty new_empty_strided
        new_full new_ones new_zeros ones ones_like polar scalar_tensor short to tril_indices triu_indices zeros
        zeros_like to_sparse
    """,
    "activations": """
        log_softmax softmax _softmax_backward_data nn.functional.celu nn.functional.elu nn.functional.gelu
        nn.functional.glu nn.functional.hardshrink nn.functional.hardsigmoid nn.functional.hardswish
        nn.functional.hardtanh nn.functional.leaky_relu nn.functional.logsigmoid nn.functional.mish
        nn.functional.prelu nn.functional.relu nn.functional.relu6 nn.functional.rrelu nn.functional.selu
        nn.functional.silu nn.functional.softmin nn.functional.softplus nn.functional.softshrink
        nn.functional.softsign nn.functional.tanhshrink nn.functional.threshold torch.ops.aten._safe_softmax.default
    """,
    "losses": """
        nn.functional.binary_cross_entropy nn.functional.binary_cross_entropy_with_logits nn.functional.cross_entropy
        nn.functional.cosine_embedding_loss nn.functional.ctc_loss nn.functional.gaussian_nll_loss
        nn.functional.hinge_embedding_loss nn.functional.huber_loss nn.functional.kl_div nn.functional.l1_loss
        nn.functional.linear_cross_entropy nn.functional.margin_ranking_loss nn.functional.mse_loss
        nn.functional.multi_margin_loss nn.functional.multilabel_margin_loss
        nn.functional.multilabel_soft_margin_loss nn.functional.nll_loss nn.functional.poisson_nll_loss
        nn.functional.smooth_l1_loss nn.functional.soft_margin_loss nn.functional.triplet_margin_loss
        nn.functional.triplet_margin_with_distance_loss nn.functional.cosine_similarity
        nn.functional.pairwise_distance nn.functional.pdist
    """,
    "conv": """
        nn.functional.conv1d nn.functional.conv2d nn.functional.conv3d nn.functional.conv_transpose1d
        nn.functional.conv_transpose2d nn.functional.conv_transpose3d nn.functional.unfold nn.functional.pad
    """,
    "norm": """
        _batch_norm_with_update _native_batch_norm_legit native_batch_norm native_group_norm native_layer_norm
        nn.functional.batch_norm nn.functional.group_norm nn.functional.instance_norm nn.functional.layer_norm
        nn.functional.local_response_norm nn.functional.normalize nn.functional.rms_norm renorm
    """,
    "attention": """
        nn.functional.embedding nn.functional.embedding_bag nn.functional.multi_head_attention_forward
        nn.functional.scaled_dot_product_attention torch.ops.aten._efficient_attention_forward
        torch.ops.aten._flash_attention_forward nn.functional.one_hot
    """,
    "linalg": """
        cholesky cholesky_inverse cholesky_solve geqrf logdet lu lu_solve lu_unpack matrix_exp ormqr pca_lowrank
        pinverse qr svd svd_lowrank triangular_solve
    """,
    "special": """
        digamma erf erfc erfinv i0 igamma igammac lgamma mvlgamma polygamma
    """,
    "random": """
        bernoulli cauchy exponential geometric log_normal multinomial native_dropout_backward normal rand_like randint
        randint_like randn randn_like uniform nn.functional.alpha_dropout nn.functional.dropout
        nn.functional.dropout2d nn.functional.dropout3d nn.functional.feature_alpha_dropout
    """,
    "fft": "stft istft",
    "other": "",
}
_FAMILY = {name: family for family, names in _WORDS.items() for name in names.split()}
_PREFIXES = {"linalg.": "linalg", "special.": "special", "fft.": "fft"}


def family_of(name: str, variant: str = "") -> str:
    """Return the family of an entry."""
    full = f"{name}.{variant}" if variant else name
    for key in (full, name):
        if key in _FAMILY:
            return _FAMILY[key]
    for prefix, family in _PREFIXES.items():
        if name.startswith(prefix):
            return family
    return "pool" if "pool" in name else "other"


def full_name(info) -> str:
    """Return the name of an entry with its variant."""
    return f"{info.name}.{info.variant_test_name}" if info.variant_test_name else info.name


def load() -> dict[str, object]:
    """Return the entries of the database by full name; two of one name get a number."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from torch.testing._internal.common_methods_invocations import op_db
    entries: dict[str, object] = {}
    for info in sorted(op_db, key=full_name):
        name = full_name(info)
        if name in entries:
            if name in CANNOT:
                continue
            name += "#2"
        entries[name] = info
    return entries
