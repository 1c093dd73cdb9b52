"""What PyTorch has and this package has not, on purpose, and what to do instead."""

from __future__ import annotations

__all__ = ["hint"]

#: Names, and the beginnings of a sentence about them.
_NAMES = {
    "ao": "there are no quantized tensors",
    "cudart": "this package computes on the CPU only",
    "distributed": "training runs in one process; DataLoader has workers",
    "export": "there is no graph exporter; save the state_dict",
    "fork": "functions run in the calling thread",
    "futures": "functions run in the calling thread; use concurrent.futures",
    "fx": "there is no graph tracer",
    "hash_tensor": "it needs unsigned 64-bit integers",
    "hub": "models are not downloaded; build them from source and load a state_dict",
    "jit": "models are not compiled to TorchScript; save the state_dict",
    "library": "write torch.autograd.Function subclasses for operations of your own",
    "lobpcg": "use torch.linalg.eigh",
    "mtia": "this package computes on the CPU only",
    "multiprocessing": "use Python's multiprocessing; tensors can be pickled",
    "nested": "there are no nested tensors; use nn.utils.rnn.pad_sequence",
    "overrides": "subclasses of Tensor cannot override functions",
    "package": "save the state_dict",
    "quantization": "there are no quantized tensors",
    "sparse": "there are no sparse tensors",
    "uint16": "the unsigned integers are uint8",
    "uint32": "the unsigned integers are uint8",
    "uint64": "the unsigned integers are uint8",
    "eig": "it was removed from PyTorch; use torch.linalg.eigh or numpy.linalg.eig",
    "lstsq": "it was removed from PyTorch; use torch.linalg.lstsq",
    "matrix_rank": "it was removed from PyTorch; use torch.linalg.matrix_rank",
    "solve": "it was removed from PyTorch; use torch.linalg.solve",
    "symeig": "it was removed from PyTorch; use torch.linalg.eigh",
    "set_default_tensor_type": "use torch.set_default_dtype",
    "ScriptModule": "models are not compiled to TorchScript",
    "SyncBatchNorm": "training runs in one process; use BatchNorm",
    "Stream": "this package computes on the CPU only",
    "Event": "this package computes on the CPU only",
    "record_stream": "this package computes on the CPU only",
    "reinforce": "use torch.distributions and log_prob",
    "tensorboard": "use the tensorboard or tensorboardX package's SummaryWriter",
    "IterDataPipe": "write an IterableDataset",
    "MapDataPipe": "write a Dataset",
}

_SPARSE = "there are no sparse tensors"
_QUANTIZED = "there are no quantized tensors"
_CPU = "this package computes on the CPU only"

#: Pieces of names, and the sentence about a name that has one.
_PIECES = {
    "sparse csr csc bsr bsc coo coalesce spmm smm dsmm hspmm": _SPARSE,
    "quant qint quint qscheme q_scale q_zero q_per_channel per_channel per_tensor int_repr": _QUANTIZED,
    "float8 float4 bits int1 int2 int3 int4 int5 int6 int7": "there is no such dtype",
    "cudnn miopen cuda mkldnn xla ipu vulkan xpu mps hpu": _CPU,
    "Storage _storage": "use untyped_storage(), or numpy() for the memory itself",
    "autocast": "there is no lower precision to switch to; convert with .half()",
    "nested jagged padded_tensor": "there are no nested tensors",
    "sym_ Sym script Script import_ir parse_ir": "there is no graph compiler",
}

_LOSSES = {
    "binary_cross_entropy_with_logits",
    "cosine_embedding_loss",
    "ctc_loss",
    "hinge_embedding_loss",
    "kl_div",
    "margin_ranking_loss",
    "poisson_nll_loss",
    "triplet_margin_loss",
}


def hint(name: str) -> str:
    """Return the end of an AttributeError's message about a name, beginning with a colon; empty if nothing is known."""
    if name in _LOSSES:
        return f": use torch.nn.functional.{name}"
    if name in _NAMES:
        return f": {_NAMES[name]}"
    for pieces, reason in _PIECES.items():
        if any(piece in name for piece in pieces.split()):
            return f": {reason}"
    return ""
