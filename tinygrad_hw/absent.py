"""What PyTorch has and this package has not, on purpose, and what to do instead."""

from __future__ import annotations

__all__ = ["PLACES", "hint", "reason"]

#: Names, and the beginnings of a sentence about them.
_NAMES = {
    "ao": "there are no quantized tensors",
    "cudart": "this package computes on the CPU only",
    "distributed": "training runs in one process; DataLoader has workers",
    "export": "there is no graph exporter; save the state_dict",
    "fork": "functions run in the calling thread",
    "futures": "functions run in the calling thread; use concurrent.futures",
    "fx": "there is no graph tracer",
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
    "eig": "it was removed from PyTorch; use torch.linalg.eig",
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
    "bfloat16 BFloat16 complex32 chalf float8 float4 bits int1 int2 int3 int4 int5 int6 int7": "there is no such dtype",
    "cudnn miopen cuda mkldnn xla ipu vulkan xpu mps hpu": _CPU,
    "Storage _storage": "use untyped_storage(), or numpy() for the memory itself",
    "autocast": "torch.autocast is the switch for the lower precision of the CPU",
    "nested jagged padded_tensor": "there are no nested tensors",
    "sym_ Sym script Script import_ir parse_ir": "there is no graph compiler",
}

_COMPILER = "programs are neither traced nor compiled to TorchScript"
_SYNC = "there is no synchronised batch norm; training runs in one process"
_HERE = "it is a piece of PyTorch's own machinery"
_STREAMS = "the CPU has no streams, graphs or memory pools to control"
_PIPES = "there are no data pipes; write a Dataset or IterableDataset"
_DISPATCH = "there is no dispatcher to extend; subclass torch.autograd.Function"
_ATTENTION = "there is one attention kernel, for the CPU"
_OUT = "functions take out= without a type of its own for it"
_NO_COMPILER = "torch.compile runs the function as it is"
_SELECTIVE = "a checkpointed call keeps nothing; choose what is kept by what is inside the call"


def _sentences(*pairs: tuple[str, str]) -> dict[str, str]:
    """Return ``{name: sentence}`` from sentences and the names, separated by spaces, that they are about."""
    return {name: sentence for sentence, names in pairs for name in names.split()}


#: By address, what is not there and why; ``"*"`` stands for all names that are not there.
PLACES: dict[str, dict[str, str]] = {
    "torch": _sentences(
        (
            _COMPILER,
            "AliasDb AnyType Argument ArgumentSpec AwaitType Block BoolType BufferDict CallStack Capsule "
            "ClassType Code CompilationUnit CompleteArgumentSpec ComplexType ConcreteModuleType "
            "ConcreteModuleTypeBuilder DeepCopyMemoTable DeviceObjType DictType EnumType ErrorReport "
            "ExecutionPlan FileCheck FloatType FunctionSchema FutureType Gradient Graph GraphExecutorState "
            "InferredType IntType InterfaceType JITException ListType LockingLogger LoggerBase ModuleDict Node "
            "NoneType NoopLogger NumberType OperatorInfo OptionalType ParameterDict PyObjectType RRefType "
            "StaticModule StreamObjType StringType TensorType TracingState TupleType Type UnionType Use Value "
            "cond merge_type_from_type_comment parse_schema parse_type_comment unify_type_list while_loop",
        ),
        (_HERE, "contrib nativert numa"),
        (_DISPATCH, "DispatchKey DispatchKeySet ExcludeDispatchKeyGuard PRIVATE_OPS Tag classes"),
        (
            "subclasses of Tensor cannot override functions",
            "DisableTorchFunction DisableTorchFunctionSubclass",
        ),
        (
            _HERE,
            "AVG AggregationType BenchmarkConfig BenchmarkExecutionStats PyTorchFileReader PyTorchFileWriter SUM "
            "USE_GLOBAL_DEPS USE_RTLD_GLOBAL_WITH_LIBTORCH classproperty compiled_with_cxx11_abi cpp get_file_path "
            "has_lapack has_mkl has_openmp has_spectral init_num_threads prepare_multiprocessing_environment "
            "thread_safe_generator torch_version windows",
        ),
        (_CPU, "AcceleratorError FatalError OutOfMemoryError"),
        ("functions run in the calling thread; use concurrent.futures", "Future wait"),
        (
            _SYNC,
            "batch_norm_backward_elemt batch_norm_backward_reduce batch_norm_elemt batch_norm_gather_stats "
            "batch_norm_gather_stats_with_counts batch_norm_stats batch_norm_update_stats",
        ),
        (
            _SPARSE,
            "ccol_indices_copy col_indices_copy crow_indices_copy indices_copy row_indices_copy saddmm sspaddmm "
            "values_copy",
        ),
        (
            _QUANTIZED,
            "choose_qparams_optimized fbgemm_linear_fp16_weight fbgemm_linear_fp16_weight_fp32_activation "
            "fbgemm_linear_int8_weight fbgemm_linear_int8_weight_fp32_activation fbgemm_pack_gemm_matrix_fp16",
        ),
        ("there is no such dtype", "bit"),
        ("use torch.nn.functional.affine_grid", "affine_grid_generator"),
        ("use torch.nn.functional.conv1d with the time in the last dimension", "conv_tbc"),
        ("use torch.nn.functional.conv1d, conv2d or conv3d", "convolution"),
        ("use torch.nn.Embedding(max_norm=...)", "embedding_renorm_"),
        ("use torch.linalg.vector_norm", "frobenius_norm native_norm norm_except_dim"),
        ("use torch.linalg.matrix_norm(A, 'nuc')", "nuclear_norm"),
        ("use torch.from_numpy(numpy.memmap(...))", "from_file"),
        ("its functions are in torch itself", "functional"),
        ("use torch.contiguous_format", "legacy_contiguous_format"),
        ("use torch.profiler", "monitor"),
        ("use torch.nn.functional.channel_shuffle", "native_channel_shuffle"),
        ("use torch.nn.functional.dropout", "native_dropout"),
        ("use scipy.stats.qmc.Sobol", "quasirandom"),
        ("use torch.Tensor.index_reduce_ or scatter_reduce", "segment_reduce"),
        ("use torch.slice_scatter", "slice_inverse"),
    ),
    "torch.Tensor": _sentences(
        (_SPARSE, "ccol_indices col_indices crow_indices indices row_indices sspaddmm values"),
        ("the gradient has the dtype of the tensor", "grad_dtype"),
        ("index the tensor with square brackets", "index"),
        ("load_state_dict copies into the parameter", "module_load"),
        ("use resize_() or reshape()", "resize resize_as"),
        ("use torch.slice_scatter", "slice_inverse"),
        ("use untyped_storage()", "storage storage_type"),
    ),
    "torch.nn": _sentences(
        ("it has names for type annotations only; annotate with tuple and int", "common_types"),
        (_HERE, "factory_kwargs"),
        (_QUANTIZED, "intrinsic qat"),
        ("there is no C++ interface", "cpp"),
        (_HERE, "backends"),
    ),
    "torch.nn.functional": _sentences(
        ("there is no such dtype", "ScalingType SwizzleType scaled_grouped_mm scaled_mm"),
        ("use a loop of matrix products, or torch.bmm", "grouped_mm"),
        (_HERE, "assert_int_or_pair"),
    ),
    "torch.nn.modules": _sentences(
        (
            "import the classes from torch.nn",
            "batchnorm channelshuffle flatten fold instancenorm linear_cross_entropy_options pixelshuffle upsampling",
        ),
    ),
    "torch.nn.parallel": _sentences(("training runs in one process on one device", "*")),
    "torch.nn.parameter": _sentences(("use UninitializedParameter or UninitializedBuffer", "UninitializedTensorMixin")),
    "torch.nn.attention": _sentences(
        (
            _ATTENTION,
            "WARN_FOR_UNFUSED_KERNELS activate_flash_attention_impl current_flash_attention_impl "
            "list_flash_attention_impls register_flash_attention_impl restore_flash_attention_impl",
        ),
    ),
    "torch.nn.utils.rnn": _sentences(("use PackedSequence", "PackedSequence_"), (_HERE, "bind")),
    "torch.optim": _sentences((_SPARSE + "; use Adam", "SparseAdam"), (_HERE, "swap_in_optimizer_params_and_state")),
    "torch.autograd": _sentences(
        ("return a flat tuple from an autograd.Function", "NestedIOFunction"),
        ("gradients have the layout that their operations give them", "enforce_grad_layout_policy"),
        ("use torch.profiler", "profiler_legacy profiler_util"),
        ("the walk through the graph runs in the calling thread", "set_multithreading_enabled"),
    ),
    "torch.autograd.function": _sentences(
        ("return a flat tuple from an autograd.Function", "NestedIOFunction"),
        (_HERE, "BackwardCFunction FunctionMeta"),
        ("use ctx.mark_dirty in an autograd.Function", "InplaceFunction"),
    ),
    "torch.autograd.grad_mode": _sentences(
        ("gradients have the layout that their operations give them", "enforce_grad_layout_policy"),
        ("the walk through the graph runs in the calling thread", "set_multithreading_enabled"),
    ),
    "torch.autograd.graph": _sentences(
        (_NO_COMPILER, "region_activation_memory_budget"),
        (_STREAMS, "set_override_stale_capture_stream set_warn_on_accumulate_grad_stream_mismatch"),
    ),
    "torch.autograd.profiler": _sentences(
        (
            "use torch.profiler.profile",
            "EventList FunctionEvent KinetoStepTracker MemRecordsAcc profile",
        ),
        (_HERE, "EnforceUnique"),
        (_CPU, "emit_itt emit_nvtx load_nvprof parse_nvprof_trace"),
    ),
    "torch.func": _sentences(
        (_HERE, "debug_unwrap"),
        ("write the function without in-place operations", "functionalize"),
        ("use the einops package, or permute and reshape", "rearrange"),
    ),
    "torch.fft": _sentences(("it is torch.Tensor", "Tensor")),
    "torch.utils": _sentences(
        (
            _HERE,
            "backcompat cpp_backtrace debug_log file_baton get_cpp_backtrace hipify model_dump serialization "
            "set_module show_pickle viz",
        ),
        (_CPU, "backend_registration generate_methods_for_privateuse1_backend rename_privateuse1_backend"),
        ("use tinygrad-hw show-config", "collect_env"),
        ("results do not depend on uninitialised memory, which is never filled", "deterministic"),
        ("assign to .data of both tensors", "swap_tensors"),
        ("use the weakref module; tensors can be referred to weakly", "weak"),
        (_COMPILER, "bundled_inputs mobile_optimizer"),
        ("there is no C++ interface; write kernels with numba", "cpp_extension"),
        ("use tinygrad_hw.summary, which counts multiply-adds", "flop_counter"),
        ("models are not downloaded; build them from source and load a state_dict", "model_zoo"),
        ("use forward hooks of modules", "module_tracker"),
    ),
    "torch.utils._pytree": _sentences(
        (
            "specifications of trees are not written to files",
            "DumpableContext EnumEncoder FromDumpableContextFn ToDumpableContextFn enum_object_hook pytree_to_str "
            "str_to_pytree treespec_dumps treespec_loads",
        ),
        (_HERE, "ConstantNode Context FlattenFn KeyEntry NodeDef UnflattenFn is_constant_class"),
        ("use tree_leaves((args, kwargs))", "arg_tree_leaves"),
        ("named tuples are containers, other structures are leaves", "is_structseq is_structseq_class structseq"),
        ("named tuples are containers, other structures are leaves", "is_structseq_instance"),
        ("use register_pytree_node", "register_constant register_dataclass"),
        ("use tree_structure", "treespec_dict treespec_leaf treespec_tuple"),
        ("print the specification", "treespec_pprint"),
    ),
    "torch.utils.benchmark": _sentences(
        ("instructions are not counted; run the script under valgrind", "CallgrindStats CopyIfCallgrind"),
        ("instructions are not counted; run the script under valgrind", "FunctionCount FunctionCounts"),
        (
            "use the hypothesis package",
            "FuzzedParameter FuzzedSparseTensor FuzzedTensor Fuzzer ParameterAlias",
        ),
        ("import from torch.utils.benchmark itself", "utils"),
    ),
    "torch.utils.checkpoint": _sentences(
        (
            _SELECTIVE,
            "CheckpointPolicy SAC_IGNORED_OPS SelectiveCheckpointContext create_selective_checkpoint_contexts",
        ),
        (_CPU, "DefaultDeviceType get_device_states set_device_states"),
        (_HERE, "GraphExecGroup check_backward_validity detach_variable"),
        ("pass debug= to checkpoint()", "set_checkpoint_debug_enabled"),
        ("pass early_stop= to checkpoint()", "set_checkpoint_early_stop"),
    ),
    "torch.utils.data": _sentences(
        (
            _PIPES,
            "DFIterDataPipe DataChunk argument_validation datapipes functional_datapipe graph graph_settings "
            "guaranteed_datapipes_determinism non_deterministic runtime_validation runtime_validation_disabled",
        ),
        (_HERE, "_DatasetKind"),
    ),
    "torch.utils.hooks": _sentences((_HERE, "BackwardHook")),
    "torch.serialization": _sentences(
        (
            "files are little-endian, with checksums, and read as a whole unless load(mmap=True) says otherwise",
            "LoadEndianness get_crc32_options get_default_load_endianness get_default_mmap_options set_crc32_options "
            "set_default_load_endianness set_default_mmap_options",
        ),
        ("files hold no source", "SourceChangeWarning"),
        (_HERE, "check_module_version_greater_or_equal mkdtemp storage_to_tensor_type"),
        (_CPU, "default_restore_location location_tag register_package"),
        ("load() names what it refuses", "get_unsafe_globals_in_checkpoint"),
        ("use torch.save", "skip_data"),
    ),
    "torch.random": _sentences((_HERE, "thread_safe_generator")),
    "torch.testing": _sentences((_COMPILER, "FileCheck")),
    "torch.backends": _sentences(
        ("numpy and numba do the computing", "kleidiai nnpack python_native xeon xnnpack"),
        (_ATTENTION, "mha"),
        ("the order of einsum's products is numpy's", "opt_einsum"),
    ),
    "torch.backends.cuda": _sentences((_CPU, "*")),
    "torch.backends.mkl": _sentences(("matrix products are numpy's", "verbose")),
    "torch.backends.mps": _sentences((_CPU, "*")),
    "torch.profiler": _sentences(
        (_HERE, "DeviceType kineto_available profiler"),
        ("use profile().export_chrome_trace", "ExecutionTraceObserver"),
        (_CPU, "itt supported_activities"),
    ),
    "torch.cuda": _sentences((_CPU, "*")),
    "torch.cpu": _sentences(
        (_STREAMS, "StreamContext current_stream stream"),
        ("use torch.amp", "amp"),
        ("use tinygrad-hw show-config", "get_capabilities"),
    ),
    "torch.mps": _sentences((_CPU, "*")),
    "torch.xpu": _sentences((_CPU, "*")),
    "torch.accelerator": _sentences((_CPU, "*")),
    "torch.return_types": _sentences(
        (_OUT, "*"),
        (_HERE, "all_return_types pytree_register_structseq"),
        ("use torch.linalg.slogdet", "slogdet"),
    ),
    "torch.version": _sentences((_HERE, "debug git_version"), (_CPU, "hip rocm")),
    "torch.masked": _sentences(
        (
            "use a tensor and a mask, and the functions of torch.masked",
            "MaskedTensor as_masked_tensor is_masked_tensor",
        ),
        ("use a tensor and a mask, and the functions of torch.masked", "masked_tensor maskedtensor"),
    ),
    "torch.signal.windows": _sentences(("it is torch.signal.windows itself", "windows")),
    "torch.compiler": _sentences((_NO_COMPILER, "*"), ("functions of numpy take tensors as they are", "wrap_numpy")),
    "torch.onnx": _sentences(
        ("models are exported by torch.onnx.export, which knows its operations", "*"),
    ),
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


def hint(name: str, place: str = "") -> str:
    """Return the end of an AttributeError's message about a name, beginning with a colon; empty if nothing is known.

    Args:
        name: what was asked for.
        place: where, as ``"torch.utils"``.
    """
    if name in PLACES.get(place, {}):
        return f": {PLACES[place][name]}"
    if name in _LOSSES:
        return f": use torch.nn.functional.{name}"
    if name in _NAMES:
        return f": {_NAMES[name]}"
    for pieces, reason in _PIECES.items():
        if any(piece in name for piece in pieces.split()):
            return f": {reason}"
    return ""


def reason(place: str, name: str) -> str:
    """Return why a public name of a module of PyTorch (``"torch.utils"``) is not there; empty if nobody knows.

    Example:
        >>> from tinygrad_hw.absent import reason
        >>> reason("torch.cuda", "graph")
        'this package computes on the CPU only'
    """
    names = PLACES.get(place, {})
    return names.get(name) or names.get("*") or hint(name).removeprefix(": ")
