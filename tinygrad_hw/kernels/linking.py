"""One library for one kernel: its parts are linked in as they are, and LLVM works once, on the whole.

numba makes a library of every function that a kernel calls, of the body of each parallel loop, and of two wrappers
around that; it optimises each and makes machine code of it before it is linked into the next. Nothing ever calls those
copies. Without them the first training step of a LeNet comes after 9 s instead of 20, all kernels compiled, and it runs
as fast as before.

This reaches into numba's code libraries (0.60 to 0.68 are alike there). Where something is missing that it needs,
numba compiles as it always does. Imported when the first kernel is compiled, because it imports numba.
"""

from __future__ import annotations

import functools
import gc
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from numba.core import registry
from numba.core.codegen import JITCodeLibrary
from numba.core.compiler import Compiler
from numba.core.compiler_lock import global_compiler_lock

__all__ = ["Apart", "compile_whole", "supported"]

#: What this needs of numba's libraries.
_NEEDED = (
    "_final_module",
    "_finalize_dynamic_globals",
    "_get_module_for_linking",
    "_linking_libraries",
    "_optimize_functions",
    "_raise_if_finalized",
    "finalize",
    "get_pointer_to_function",
)


class _Part(JITCodeLibrary):  # type: ignore[misc]
    """A library that is linked into others, and never called."""

    def _optimize_functions(self, ll_module: Any) -> None:
        """Leave that to the whole."""
        ll_module.data_layout = self._codegen._data_layout

    def finalize(self) -> None:
        """Link what this part is made of, and nothing more."""
        self._raise_if_finalized()
        for library in dict.fromkeys(self._linking_libraries):
            if hasattr(self, "_reload_init"):  # since 0.61
                self._reload_init.update(library._reload_init)
            self._final_module.link_in(library._get_module_for_linking(), preserve=True)
        self._finalize_dynamic_globals()
        self._finalized = True

    def get_pointer_to_function(self, name: str) -> int:
        """Return that there is no machine code."""
        self._ensure_finalized()
        return 0


@functools.cache
def supported() -> bool:
    """Return whether numba's libraries are as this expects them."""
    codegen = registry.cpu_target.target_context.codegen()
    library = codegen.create_library("probe")
    return (
        type(library) is JITCodeLibrary
        and all(hasattr(library, name) for name in _NEEDED)
        and all(hasattr(codegen, name) for name in ("_data_layout", "set_env"))
    )


@contextmanager
def _parts(whole: str) -> Iterator[None]:
    """Make every library but the one of that name a part."""
    codegen = registry.cpu_target.target_context.codegen()
    before = codegen.create_library, codegen.set_env
    environments: list[tuple[str, Any]] = []
    library: Any = None

    def create_library(name: str, **options: Any) -> Any:
        nonlocal library
        if name != whole:
            return _Part(codegen, name, **options)
        library = type(codegen).create_library(codegen, name, **options)
        return library

    def set_env(name: str, environment: Any) -> None:
        environments.append((name, environment))  # a part's variable has no address yet

    codegen.create_library, codegen.set_env = create_library, set_env
    try:
        yield
    finally:
        codegen.create_library, codegen.set_env = before
    names = {variable.name for variable in library._final_module.global_variables}
    for name, environment in environments:
        if name in names:
            type(codegen).set_env(codegen, name, environment)


@contextmanager
def _no_collection() -> Iterator[None]:
    """Keep the garbage collector from looking through a compiler's many objects: a tenth of the time."""
    collecting = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collecting:
            gc.enable()


def compile_whole(dispatcher: Any) -> None:
    """Have a dispatcher's code made as one library.

    Args:
        dispatcher: from ``numba.njit``; functions that it calls are not called from Python, unless they went through
            here too.
    """
    compiler = getattr(dispatcher, "_compiler", None)
    if compiler is None or not supported():
        return
    compile_as_before = compiler.compile

    def compile(args: Any, return_type: Any) -> Any:
        with global_compiler_lock, _no_collection(), _parts(dispatcher.py_func.__qualname__):
            return compile_as_before(args, return_type)

    compiler.compile = compile


class Apart(Compiler):  # type: ignore[misc]
    """A compiler of functions whose arguments' arrays do not overlap: LLVM is told so."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.state.flags.noalias = True
