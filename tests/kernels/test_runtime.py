"""How kernels are compiled and run: fallbacks, threads, forks, denormal numbers, what is said."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tinygrad_hw
from tinygrad_hw import _blas_hint
from tinygrad_hw.kernels import pool2d, runtime, softmax

ROOT = Path(tinygrad_hw.__file__).parent.parent

needs_numba = pytest.mark.skipif(not runtime.compiled_kernels(), reason="kernels are not compiled")

#: Two kernels with their references, and work enough for several threads if the threshold is taken away.
WORK = """
import numpy as np
from tinygrad_hw.kernels import conv2d, pool2d, runtime, softmax
runtime.PARALLEL_WORK = -1
x = np.random.default_rng(0).standard_normal((8, 5, 40)).astype(np.float32)

def check():
    want, _ = pool2d.max_pool2d_reference(x[None], (2, 2), (2, 2), (0, 0), (1, 1), False)
    got, _ = pool2d.max_pool2d(x[None], (2, 2), (2, 2), (0, 0), (1, 1), False)
    assert np.array_equal(want, got)
    assert np.allclose(softmax.softmax(x, 2), softmax.softmax_reference(x, 2), rtol=1e-5)
"""


def run(code: str, folder: Path = ROOT, **environment: str | None) -> subprocess.CompletedProcess[str]:
    """Run code in a process of its own, warnings being errors; None takes a variable away."""
    settings = {**os.environ, "PYTHONPATH": str(folder), **environment}
    return subprocess.run(
        [sys.executable, "-W", "error", "-c", textwrap.dedent(code)],
        env={name: value for name, value in settings.items() if value is not None},
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=120,
    )


def passes(code: str, **options: Any) -> str:
    done = run(code, **options)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


# -- without numba ---------------------------------------------------------------------------------


def test_import_leaves_numba_alone() -> None:
    passes(
        """
        import sys
        import tinygrad_hw.kernels.conv2d, tinygrad_hw.kernels.pool2d, tinygrad_hw.kernels.fold
        import tinygrad_hw.kernels.norm, tinygrad_hw.kernels.softmax, tinygrad_hw.kernels.scatter
        import tinygrad_hw.kernels.interpolate, tinygrad_hw.kernels.runtime
        assert "numba" not in sys.modules and "threadpoolctl" not in sys.modules
        """
    )


@pytest.mark.parametrize(
    ("environment", "reason"),
    [
        ({"TINYGRAD_HW_KERNELS": "numpy"}, "TINYGRAD_HW_KERNELS=numpy"),
        ({"NUMBA_DISABLE_JIT": "1"}, "NUMBA_DISABLE_JIT is set"),
    ],
)
def test_references_run_instead(environment: dict[str, str], reason: str) -> None:
    code = WORK + textwrap.dedent(
        f"""
        import sys
        check()
        a = ((1, 1), (1, 1), (1, 1), 1)
        w = np.ones((3, 8, 3, 3), np.float32)
        y = conv2d.conv2d(x[None], w, None, *a)
        back = conv2d.conv2d_input_grad(y, w, x[None].shape, *a)
        assert np.allclose(back[0, 0, 0, 0], y[0, :, :2, :2].sum(), rtol=1e-4)
        assert "numba" not in sys.modules
        assert runtime.config()["kernels"] == "numpy"
        assert "{reason}" in runtime.show_config()
        assert runtime.set_flush_denormal(True) is False
        """
    )
    passes(code, **{"TINYGRAD_HW_KERNELS": None, "NUMBA_DISABLE_JIT": None, **environment})


def test_numba_that_cannot_be_imported() -> None:
    code = """
    import sys
    class Broken:
        def find_spec(self, name, path=None, target=None):
            if name == "numba":
                raise ImportError("numba needs another numpy")
    sys.meta_path.insert(0, Broken())
    """
    after = "\ncheck()\nassert 'numba needs another numpy' in runtime.show_config()\n"
    passes(textwrap.dedent(code) + WORK + after, TINYGRAD_HW_KERNELS=None)


def test_unknown_setting() -> None:
    done = run(WORK + "\ncheck()", TINYGRAD_HW_KERNELS="fast")
    assert done.returncode != 0
    assert "TINYGRAD_HW_KERNELS is 'fast', but only 'numba' (compiled, the default) and 'numpy'" in done.stderr


# -- the cache -------------------------------------------------------------------------------------


def _package_without_cache(folder: Path) -> Path:
    """Return a folder with the package, in which no file can be written beside the kernels."""
    for source in (ROOT / "tinygrad_hw").rglob("*.py"):
        target = folder / source.relative_to(ROOT)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(source.read_bytes())
    # A file in the place of the folder stops even the superuser.
    (folder / "tinygrad_hw" / "kernels" / "__pycache__").write_text("")
    return folder


@needs_numba
def test_no_folder_to_write_to(tmp_path: Path) -> None:
    folder = _package_without_cache(tmp_path)
    code = """
    import warnings
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        from tinygrad_hw.kernels import conv2d, pool2d, runtime, softmax
        import numpy as np
        x = np.ones((1, 1, 4, 4), np.float32)
        assert pool2d.max_pool2d(x, (2, 2), (2, 2), (0, 0), (1, 1), False)[0].sum() == 4
        assert np.allclose(softmax.softmax(x, 1), 1)
    texts = [str(w.message) for w in caught if "kept on disk" in str(w.message)]
    assert len(texts) == 1, texts
    assert "NUMBA_CACHE_DIR" in texts[0]
    assert runtime.config()["cache"] is False
    assert "not kept on disk" in runtime.show_config()
    """
    passes(code, folder=folder, NUMBA_CACHE_DIR=None, XDG_CACHE_HOME="/dev/null/none", HOME="/dev/null/none")


@needs_numba
def test_cache_that_breaks_later(tmp_path: Path) -> None:
    code = """
    import warnings
    from unittest import mock
    import numpy as np
    import numba.core.caching
    from tinygrad_hw.kernels import runtime, softmax
    def full(*args):
        raise OSError("No space left on device")
    with mock.patch.object(numba.core.caching.IndexDataCacheFile, "_open_for_write", full):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            assert np.allclose(softmax.softmax(np.zeros((2, 4)), 1), 0.25)
    assert ["No space left" in str(w.message) for w in caught] == [True]
    assert np.allclose(softmax.softmax(np.zeros((2, 4)), 1), 0.25)
    assert "not kept on disk (No space left on device)" in runtime.show_config()
    """
    passes(code, NUMBA_CACHE_DIR=str(tmp_path))


@needs_numba
def test_compiled_code_is_kept_and_waiting_is_explained(tmp_path: Path) -> None:
    code = """
    import time
    from tinygrad_hw.kernels import runtime
    from tinygrad_hw.kernels.softmax import softmax, _softmax_rows
    import numpy as np
    runtime._count_seconds(1.9)
    softmax(np.zeros((2, 4), np.float32), 1)
    stats = _softmax_rows.compile(parallel=False).stats
    print(sum(stats.cache_hits.values()), sum(stats.cache_misses.values()))
    """
    first, second = (run(code, NUMBA_CACHE_DIR=str(tmp_path)) for _ in range(2))
    assert (first.returncode, second.returncode) == (0, 0), first.stderr + second.stderr
    assert first.stdout.split() == ["0", "1"]
    assert second.stdout.split() == ["1", "0"]
    assert first.stderr.count("compiling kernels for this CPU") == 1
    assert "kept on disk" in first.stderr


@needs_numba
def test_plain_function_stays_as_it_is() -> None:
    kernel = pool2d._scatter
    softmax.softmax(np.zeros((2, 2)), 0)
    assert pool2d.prange is range
    out = np.zeros((1, 4), np.float32)
    kernel.function(np.ones((1, 2), np.float32), np.array([[1, 3]]), out)
    assert out.tolist() == [[0, 1, 0, 1]]
    assert repr(kernel) == "<kernel tinygrad_hw.kernels.pool2d._scatter>"


# -- threads ---------------------------------------------------------------------------------------


def test_set_num_threads() -> None:
    threads = runtime.get_num_threads()
    try:
        for n in (1, 2, np.int64(3)):
            runtime.set_num_threads(n)
            assert runtime.get_num_threads() == n
            # Kernels' threads, once started, leave BLAS one.
            assert {blas["num_threads"] for blas in runtime.config()["blas"]} <= {1, n}
        for wrong in (1.0, "2", True, None):
            with pytest.raises(TypeError, match="set_num_threads expects an int, but got"):
                runtime.set_num_threads(wrong)  # type: ignore[arg-type]
        for wrong in (0, -1):
            with pytest.raises(RuntimeError, match="set_num_threads expects a positive integer"):
                runtime.set_num_threads(wrong)
    finally:
        runtime.set_num_threads(threads)


@needs_numba
def test_threads_of_blas() -> None:
    """They are as many as was asked for until kernels have threads of their own; then one."""
    passes(
        WORK
        + textwrap.dedent(
            """
            from threadpoolctl import threadpool_info
            def blas():
                return {pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"}

            runtime.set_num_threads(2)
            assert blas() <= {2}
            runtime.PARALLEL_WORK = -1
            check()
            assert blas() <= ({1} if runtime._layer() else {2})
            runtime.set_num_threads(3)
            assert runtime.get_num_threads() == 3
            assert blas() <= ({1} if runtime._layer() else {3})
            """
        )
    )


def test_environment_sets_threads() -> None:
    code = "from tinygrad_hw.kernels import runtime; print(runtime.get_num_threads())"
    nothing = {"OMP_NUM_THREADS": None, "NUMBA_NUM_THREADS": None}
    assert passes(code, **{**nothing, "OMP_NUM_THREADS": "1"}) == "1\n"
    assert passes(code, **{**nothing, "OMP_NUM_THREADS": "what"}) == passes(code, **nothing)


@needs_numba
@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_kernel_in_a_forked_child() -> None:
    passes(
        WORK
        + textwrap.dedent(
            """
            import os, warnings
            runtime.set_num_threads(2)
            check()
            if runtime.config()["threading_layer"] != "none":
                assert pool2d._quarters._threaded is not None
            warnings.simplefilter("ignore", DeprecationWarning)  # forking with threads
            child = os.fork()
            if child == 0:
                good = False
                try:
                    check()
                    good = not runtime.parallel_allowed() and runtime.config()["parallel"] is False
                finally:
                    os._exit(0 if good else 3)
            assert os.waitpid(child, 0)[1] == 0
            check()
            """
        )
    )


@needs_numba
@pytest.mark.parametrize("layer", ["workqueue", "omp"])
def test_several_python_threads(layer: str) -> None:
    done = run(
        WORK
        + textwrap.dedent(
            """
            import threading
            runtime.set_num_threads(2)
            if runtime.config()["threading_layer"] == "none":
                raise SystemExit("no layer")
            check()
            failed = []
            def many():
                try:
                    for _ in range(150):
                        check()
                except BaseException as error:
                    failed.append(error)
            threads = [threading.Thread(target=many) for _ in range(4)]
            for t in threads: t.start()
            for t in threads: t.join()
            assert not failed, failed
            print(runtime.config()["threading_layer"])
            """
        ),
        NUMBA_THREADING_LAYER=layer,
    )
    if "no layer" in done.stderr and layer != "workqueue":
        pytest.skip(f"numba has no {layer} layer here")
    assert done.returncode == 0, done.stderr
    assert done.stdout == f"{layer}\n"


@needs_numba
def test_first_call_from_several_threads() -> None:
    """Compiling is left to one thread; the others wait."""
    fresh = runtime.Kernel(pool2d._scatter.function, parallel=True)
    results: list[Any] = []

    def call() -> None:
        out = np.empty((3, 4))
        fresh(np.ones((3, 2)), np.array([[0, 3]] * 3), out, work=0)
        results.append(out.tolist())

    threads = [threading.Thread(target=call) for _ in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert results == [[[1, 0, 0, 1]] * 3] * 4


@needs_numba
def test_small_work_stays_on_one_thread() -> None:
    fresh = runtime.Kernel(pool2d._scatter.function, parallel=True)
    args = (np.ones((3, 2)), np.array([[0, 3]] * 3), np.empty((3, 4)))
    fresh(*args, work=runtime.PARALLEL_WORK)
    assert fresh._threaded is None
    assert runtime.workers(runtime.PARALLEL_WORK) == 1
    before = runtime.get_num_threads()
    try:
        runtime.set_num_threads(2)
        assert runtime.workers(1e9) == (2 if runtime.parallel_allowed() else 1)
        runtime.set_num_threads(1)
        assert runtime.workers(1e9) == 1
    finally:
        runtime.set_num_threads(before)


@needs_numba
def test_sleeping_threads_are_woken_for_much_work_only(monkeypatch: pytest.MonkeyPatch) -> None:
    if not runtime._layer():
        pytest.skip("no threading layer")
    import numba

    kernel = runtime.Kernel(pool2d._scatter.function, parallel=True)
    args = (np.ones((3, 2)), np.array([[0, 3]] * 3), np.empty((3, 4)))
    little, much = 2 * runtime.PARALLEL_WORK, 2 * runtime._WAKING * runtime.PARALLEL_WORK
    before = runtime.get_num_threads()
    try:
        runtime.set_num_threads(2)
        wanted = min(2, numba.config.NUMBA_NUM_THREADS)
        runtime._told.ended = 0
        kernel(*args, work=little)
        assert numba.get_num_threads() == 1
        assert kernel._serial is None  # the same machine code, whatever the number of threads
        monkeypatch.setattr(runtime, "_AWAKE", 1e15)  # awake from now on
        kernel(*args, work=much)  # which compiles nothing and counts as work
        assert numba.get_num_threads() == wanted
        kernel(*args, work=little)
        assert numba.get_num_threads() == wanted
    finally:
        runtime.set_num_threads(before)
    np.testing.assert_array_equal(args[2], [[1, 0, 0, 1]] * 3)


@needs_numba
@pytest.mark.parametrize(("policy", "spins"), [(None, "100000"), ("active", None)])
def test_idle_threads_are_told_how_long_to_wait(policy: str | None, spins: str | None) -> None:
    """GNU OpenMP reads the variable as it is loaded; users' own settings are left alone, and no trace is left."""
    code = f"""
    import os
    import numba
    from tinygrad_hw.kernels import runtime
    seen, start = [], numba.get_num_threads
    numba.get_num_threads = lambda: seen.append(os.environ.get("GOMP_SPINCOUNT")) or start()
    assert runtime.parallel_allowed() == (runtime.get_num_threads() > 1 and runtime._layer() != "")
    assert seen in ([{spins!r}], []), seen
    assert "GOMP_SPINCOUNT" not in os.environ
    """
    passes(code, OMP_WAIT_POLICY=policy, GOMP_SPINCOUNT=None)


# -- denormal numbers, and what is said ------------------------------------------------------------


@needs_numba
def test_set_flush_denormal() -> None:
    code = """
    import platform, threading
    import numpy as np
    from tinygrad_hw.kernels import runtime
    if platform.machine().lower() not in ("x86_64", "amd64"):
        assert runtime.set_flush_denormal(True) is False
        raise SystemExit
    runtime.set_num_threads(2)
    small = np.full((400, 400), 1e-30, np.float32), np.full((400, 400), 1e-12, np.float32)

    def results():
        '''Return what should be denormal: of a product and a kernel, on all their threads, and of this thread.'''
        from tinygrad_hw.kernels import norm
        runtime.PARALLEL_WORK = -1
        image = np.full((1, 64, 40), 2e-38, np.float32)
        kernel = norm.channel_affine(image, np.full(64, 1e-3, np.float32), np.zeros(64, np.float32))
        here = image[0, 0] * np.float32(1e-3)
        # As bits: as numbers they would count as zero where denormals are flushed.
        return np.concatenate([(small[0] @ small[1]).ravel(), kernel.ravel(), here]).view(np.int32)

    def denormals():
        return (results() != 0).all()

    def zeros():
        return (results() == 0).all()

    assert denormals()
    assert runtime.set_flush_denormal(True) is True
    assert zeros()
    later = []
    thread = threading.Thread(target=lambda: later.append(zeros()))
    thread.start()
    thread.join()
    assert later == [True]
    assert np.finfo(np.float32).tiny == np.float32(2.0**-126)  # found out before, so that nothing is warned of
    assert runtime.set_flush_denormal(False) is True
    assert denormals()
    """
    passes(code)


def test_config() -> None:
    facts = runtime.config()
    assert facts["numpy"] == np.__version__
    assert facts["threads"] == runtime.get_num_threads()
    assert facts["kernels"] in ("numba", "numpy")
    text = runtime.show_config()
    assert f"numpy {np.__version__}" in text
    assert f"kernels: {facts['kernels']}" in text
    assert "BLAS hint: " in text


@pytest.mark.parametrize(
    ("flags", "environment", "loaded", "set_", "said"),
    [
        ("avx512f avx512bw avx512dq avx512vl avx512cd avx2", {}, False, True, "OPENBLAS_CORETYPE=SkylakeX"),
        ("avx512f avx512bw avx512dq avx512vl avx2", {}, False, False, "none (no AVX-512)"),
        ("avx512f avx512bw avx512dq avx512vl avx512cd", {}, True, False, "none (numpy was imported first)"),
        (
            "avx512f avx512bw avx512dq avx512vl avx512cd",
            {"OPENBLAS_CORETYPE": "Zen"},
            False,
            False,
            "none (OPENBLAS_CORETYPE=Zen is set)",
        ),
        (
            "avx512f avx512bw avx512dq avx512vl avx512cd",
            {"TINYGRAD_HW_BLAS_HINT": "0"},
            False,
            False,
            "off (TINYGRAD_HW_BLAS_HINT=0)",
        ),
    ],
)
def test_blas_hint(
    flags: str,
    environment: dict[str, str],
    loaded: bool,
    set_: bool,
    said: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    path = tmp_path / "cpuinfo"
    path.write_text(f"processor\t: 0\nflags\t\t: fpu {flags}\nflags\t: none\n")
    assert _blas_hint._cpu_flags(str(path)) >= frozenset(flags.split())
    assert _blas_hint._cpu_flags(str(tmp_path / "nothing")) == frozenset()
    monkeypatch.setattr(_blas_hint, "_cpu_flags", lambda: frozenset(flags.split()))
    monkeypatch.setattr(_blas_hint, "_said", "")
    monkeypatch.setattr(os, "environ", dict(environment))
    monkeypatch.setattr(sys, "modules", {"numpy": np} if loaded else {})
    assert _blas_hint.apply_blas_hint() is set_
    assert _blas_hint.blas_hint() == said
    assert os.environ.get("OPENBLAS_CORETYPE") == ("SkylakeX" if set_ else environment.get("OPENBLAS_CORETYPE"))


def test_hint_comes_before_numpy() -> None:
    code = "import tinygrad_hw; from tinygrad_hw import _blas_hint; print(_blas_hint.blas_hint())"
    said = passes(code, OPENBLAS_CORETYPE=None, TINYGRAD_HW_BLAS_HINT=None).strip()
    assert said in ("OPENBLAS_CORETYPE=SkylakeX", "none (no AVX-512)")
