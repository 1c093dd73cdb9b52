"""What must not go wrong while a network trains: threads, forks, folders that cannot be written to, broken files.

Each in a process of its own, because the fault would be its end.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import tinygrad_hw
from tinygrad_hw.kernels import runtime

ROOT = Path(tinygrad_hw.__file__).parent.parent

needs_numba = pytest.mark.skipif(not runtime.compiled_kernels(), reason="kernels are not compiled")
needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")

#: A small convolution network that takes every kernel of training; even its smallest work goes to the threads.
NETWORK = """
import numpy as np
import tinygrad_hw as torch
from tinygrad_hw import nn
from tinygrad_hw.kernels import runtime
from tinygrad_hw.nn import functional as F
runtime.PARALLEL_WORK = -1
torch.set_num_threads(2)

def network(seed=0):
    torch.manual_seed(seed)
    return nn.Sequential(
        nn.Conv2d(1, 4, 3, padding=1, bias=False), nn.BatchNorm2d(4), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(4, 6, 3), nn.ReLU(), nn.AvgPool2d(2), nn.Flatten(), nn.Linear(24, 5),
    )

def data(seed=0):
    numbers = np.random.default_rng(seed)
    images = numbers.standard_normal((8, 1, 12, 12)).astype(np.float32)
    return torch.from_numpy(images), torch.from_numpy(numbers.integers(0, 5, 8))

def train(net, x, y, steps=3):
    '''Train, and return losses, the scores afterwards and the weights, as bits.'''
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-2)
    losses = []
    for _ in range(steps):
        optimizer.zero_grad()
        loss = F.cross_entropy(net(x), y)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < losses[0], losses
    net.eval()
    with torch.no_grad():
        scores = net(x)
    net.train()
    weights = [p.detach().numpy().tobytes() for p in net.parameters()]
    return [np.float64(losses).tobytes(), scores.numpy().tobytes(), *weights]
"""

#: Training and inference in several Python threads at once, held to what one thread alone gives.
TOGETHER = """
import copy, threading

def together(count, rounds=3):
    nets, batches = [network(i) for i in range(count)], [data(i) for i in range(count)]
    idle = network(99).eval()  # shared: all threads only ask it
    with torch.no_grad():
        answers = [idle(x).numpy().tobytes() for x, _ in batches]
    want = [train(copy.deepcopy(net), *batch) for net, batch in zip(nets, batches)]
    failed, done, start = [], [], threading.Barrier(count)

    def work(i):
        try:
            start.wait()
            for _ in range(rounds):
                assert train(copy.deepcopy(nets[i]), *batches[i]) == want[i], f"thread {i} trained differently"
                with torch.no_grad():
                    assert idle(batches[i][0]).numpy().tobytes() == answers[i], f"thread {i} was told differently"
            done.append(i)
        except BaseException as error:
            failed.append(repr(error))

    threads = [threading.Thread(target=work, args=(i,)) for i in range(count)]
    for t in threads: t.start()
    for t in threads: t.join()
    assert not failed, failed
    assert sorted(done) == list(range(count))

for count in (2, 4, 8):
    together(count)
"""

#: Puts numba out of reach, as if it were not installed.
WITHOUT_NUMBA = """
import sys
class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("numba", "llvmlite"):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
sys.meta_path.insert(0, Absent())
"""


def start(code: str, *, folder: Path = ROOT, before: tuple[str, ...] = (), **environment: str | None) -> Any:
    """Run code in a process of its own, warnings being errors; None takes a variable away."""
    settings: dict[str, str | None] = {"TINYGRAD_HW_KERNELS": None, "NUMBA_DISABLE_JIT": None, "OMP_NUM_THREADS": None}
    settings = {**os.environ, **settings, "PYTHONPATH": str(folder), **environment}
    return subprocess.run(
        [*before, sys.executable, "-B", "-W", "error", "-c", code],
        env={name: value for name, value in settings.items() if value is not None},
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=240,
    )


def passes(*code: str, **options: Any) -> str:
    """Run pieces of code together, assert that all went well, and return what was printed."""
    done = start("\n".join(map(textwrap.dedent, code)), **options)
    assert done.returncode == 0, f"exit code {done.returncode}\n{done.stdout}{done.stderr}"
    return str(done.stdout)


# -- several Python threads ------------------------------------------------------------------------


@needs_numba
@pytest.mark.parametrize("layer", ["omp", "workqueue"])
def test_threads_train_at_once(layer: str) -> None:
    probe = """
    import sys
    runtime.config()["threading_layer"] == "none" and sys.exit(77)
    """
    done = start("\n".join([NETWORK, textwrap.dedent(probe), TOGETHER, "print(runtime.config()['threading_layer'])"]),
                 NUMBA_THREADING_LAYER=layer)  # fmt: skip
    if done.returncode == 77 and layer != "workqueue":
        pytest.skip(f"numba has no {layer} layer here")
    assert done.returncode == 0, done.stderr
    assert done.stdout == f"{layer}\n"


def test_threads_train_at_once_without_numba() -> None:
    passes(
        WITHOUT_NUMBA,
        NETWORK,
        TOGETHER,
        "assert 'No module named' in torch.show_config(); assert 'numba' not in sys.modules",
    )


@needs_numba
def test_threads_start_the_kernels_at_once(tmp_path: Path) -> None:
    """The first calls, with nothing compiled and nothing imported but the package, come from four threads."""
    code = """
    import threading
    from tinygrad_hw.kernels import softmax
    x = np.random.default_rng(0).standard_normal((64, 40)).astype(np.float32)
    want, got, gate = softmax.softmax_reference(x, 1), [], threading.Barrier(4)
    def work():
        gate.wait()
        got.append(softmax.softmax(x, 1))
    threads = [threading.Thread(target=work) for _ in range(4)]
    for t in threads: t.start()
    for t in threads: t.join()
    assert len(got) == 4 and all(np.allclose(y, want, rtol=1e-5) for y in got)
    """
    passes(NETWORK, code, NUMBA_CACHE_DIR=str(tmp_path))


# -- forks -----------------------------------------------------------------------------------------

FORKED = """
import os, warnings
warnings.simplefilter("ignore", DeprecationWarning)  # Python 3.12 warns of forking with threads
before = train(network(), *data())

def child():
    assert train(network(), *data()) == before
    assert "this process was forked" in torch.show_config() or runtime.config()["kernels"] == "numpy"
    a = np.ones((300, 300), np.float32)
    assert (a @ a == 300).all()
"""

#: In the parent: a matrix product large enough for the threads of the BLAS library.
PRODUCT = "a = np.ones((600, 600), np.float32); assert (a @ a == 600).all()"


@needs_fork
@needs_numba
@pytest.mark.parametrize("product", ["", PRODUCT], ids=["", "after a product"])
def test_forked_child_trains(product: str) -> None:
    code = """
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            child()
            code = 0
        finally:
            os._exit(code)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    assert train(network(), *data()) == before  # and so does the parent
    """
    passes(NETWORK, product, FORKED, code)


@needs_fork
@needs_numba
def test_processes_of_multiprocessing_train() -> None:
    """Two at once, each of which forks again."""
    code = """
    import multiprocessing
    context = multiprocessing.get_context("fork")

    def parent_of_one():
        child()
        inner = context.Process(target=child)
        inner.start()
        inner.join(60)
        assert inner.exitcode == 0

    processes = [context.Process(target=parent_of_one) for _ in range(2)]
    for p in processes: p.start()
    for p in processes: p.join(60)
    assert [p.exitcode for p in processes] == [0, 0]
    """
    passes(NETWORK, PRODUCT, FORKED, code)


@needs_fork
@needs_numba
def test_fork_while_another_thread_compiles(tmp_path: Path) -> None:
    """numba compiles under a lock, which a child forked meanwhile would wait for for ever."""
    code = """
    import os, signal, threading, time, warnings
    from tinygrad_hw.kernels import pool2d, softmax
    warnings.simplefilter("ignore", DeprecationWarning)
    softmax.softmax(np.zeros((2, 4), np.float32), 1)  # numba is loaded
    compiling = threading.Event()
    load = runtime.Kernel.compile
    def compile(self, *, parallel):
        compiling.set()
        return load(self, parallel=parallel)
    runtime.Kernel.compile = compile
    image = np.zeros((1, 2, 6, 6), np.float32)
    pool = lambda: pool2d.max_pool2d(image, (2, 2), (2, 2), (0, 0), (1, 1), False)
    thread = threading.Thread(target=pool)
    thread.start()
    compiling.wait()
    time.sleep(0.1)
    pid = os.fork()
    if pid == 0:
        signal.alarm(60)
        code = 1
        try:
            pool2d.max_pool2d(image, (3, 3), (1, 1), (0, 0), (1, 1), False)
            code = 0
        finally:
            os._exit(code)
    thread.join()
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    """
    passes(NETWORK, code, NUMBA_CACHE_DIR=str(tmp_path))


# -- where compiled kernels are kept ---------------------------------------------------------------

#: Runs two kernels, and says how many were not compiled here, and how many warnings there were.
TWO_KERNELS = """
import sys, warnings
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    import numpy as np
    from tinygrad_hw.kernels import pool2d, runtime
    x = np.arange(32, dtype=np.float32).reshape(1, 2, 4, 4)
    places = np.int64([[[[1, 5], [9, 15]], [[0, 0], [3, 8]]]])
    picked = pool2d.max_pool2d_gather(x, places)
    assert np.array_equal(picked, pool2d.max_pool2d_gather_reference(x, places))
    back = pool2d.max_pool2d_scatter(picked, places, (4, 4))
    assert np.array_equal(back, pool2d.max_pool2d_scatter_reference(picked, places, (4, 4)))
found = [k.compile(parallel=False).stats for k in (pool2d._gather, pool2d._scatter)]
print(sum(sum(s.cache_hits.values()) for s in found), sum("kept on disk" in str(w.message) for w in caught))
print(runtime.show_config(), file=sys.stderr)
"""


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the code of the two kernels."""
    folder = tmp_path_factory.mktemp("kernels")
    assert passes(TWO_KERNELS, NUMBA_CACHE_DIR=str(folder)) == "0 0\n"
    assert passes(TWO_KERNELS, NUMBA_CACHE_DIR=str(folder)) == "2 0\n"
    return folder


def _cut(data: bytes) -> bytes:
    return data[: len(data) // 2]


def _turn_a_bit(data: bytes) -> bytes:
    """Spoil a byte in the middle of the machine code."""
    at = len(data) * 2 // 3
    return data[:at] + bytes([data[at] ^ 0x40]) + data[at + 1 :]


DAMAGE = {
    "empty": lambda data: b"",
    "cut": _cut,
    "cut short": lambda data: data[:-1],
    "garbage": lambda data: bytes(i * 7 % 256 for i in range(len(data))),
    "a bit": _turn_a_bit,
    "longer": lambda data: data + b"\0",
}


@needs_numba
@pytest.mark.parametrize("damage", DAMAGE)
def test_damaged_files_are_replaced(damage: str, filled: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(filled, tmp_path / "kernels")
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert len(files) == 2
    for path in files:
        path.write_bytes(DAMAGE[damage](path.read_bytes()))
    assert passes(TWO_KERNELS, NUMBA_CACHE_DIR=str(folder)) == "0 0\n"
    assert passes(TWO_KERNELS, NUMBA_CACHE_DIR=str(folder)) == "2 0\n"


@needs_numba
def test_files_that_cannot_be_read_or_replaced(filled: Path, tmp_path: Path) -> None:
    """Folders stand in their place, which stops even the superuser."""
    folder = shutil.copytree(filled, tmp_path / "kernels")
    for path in [path for path in folder.rglob("*") if path.is_file()]:
        path.unlink()
        path.mkdir()
    assert passes(TWO_KERNELS, NUMBA_CACHE_DIR=str(folder)) == "0 1\n"


#: Runs a command where a folder is mounted for reading only.
READ_ONLY = 'mount --bind "$0" "$0" && mount -o remount,ro,bind "$0" && exec "$@"'


@pytest.fixture
def read_only(tmp_path: Path) -> Iterator[tuple[Path, tuple[str, ...]]]:
    """A folder with the package in which nobody can write, and the command before commands that run there."""
    folder = tmp_path / "installed"
    shutil.copytree(ROOT / "tinygrad_hw", folder / "tinygrad_hw", ignore=shutil.ignore_patterns("__pycache__"))
    if not hasattr(os, "geteuid"):
        pytest.skip("folders cannot be made read-only here")
    before: tuple[str, ...] = ()
    if os.geteuid() == 0:  # who may write whatever the permissions say
        before = ("unshare", "--mount", "sh", "-c", READ_ONLY, str(folder))
        try:
            denied = subprocess.run([*before, "touch", str(folder / "file")], capture_output=True, text=True).stderr
        except FileNotFoundError:
            denied = "there is no unshare"
        if "Read-only file system" not in denied:
            pytest.skip(f"nothing stops the superuser here: {denied}")
    else:
        for path in (folder, *folder.rglob("*")):
            path.chmod(path.stat().st_mode & 0o555)
    yield folder, before
    if not before:
        for path in (folder, *folder.rglob("*")):
            path.chmod(path.stat().st_mode | 0o200)


@needs_numba
def test_read_only_installation(read_only: tuple[Path, tuple[str, ...]], tmp_path: Path) -> None:
    """Kernels are kept in the user's folder then."""
    folder, before = read_only
    home = tmp_path / "home"
    home.mkdir()
    places = {"NUMBA_CACHE_DIR": None, "XDG_CACHE_HOME": None, "HOME": str(home)}
    for found in (0, 2):
        done = start(TWO_KERNELS, folder=folder, before=before, **places)
        assert (done.returncode, done.stdout) == (0, f"{found} 0\n"), done.stderr
        assert f"compiled kernels: in {home}" in done.stderr


@needs_numba
def test_no_folder_can_be_written_to(read_only: tuple[Path, tuple[str, ...]]) -> None:
    """Neither the one asked for, nor the package's, nor the user's: one warning, and training goes on."""
    folder, before = read_only
    nowhere = str(folder / "nowhere")
    places = {"NUMBA_CACHE_DIR": nowhere, "HOME": nowhere, "XDG_CACHE_HOME": nowhere}
    done = start(TWO_KERNELS, folder=folder, before=before, **places)
    assert (done.returncode, done.stdout) == (0, "0 1\n"), done.stderr
    assert "compiled kernels: not kept on disk (" in done.stderr


@needs_numba
def test_package_in_a_zip_file(tmp_path: Path) -> None:
    archive = shutil.make_archive(str(tmp_path / "package"), "zip", ROOT, "tinygrad_hw")
    done = start(
        TWO_KERNELS, folder=Path(archive).parent, PYTHONPATH=archive, NUMBA_CACHE_DIR=str(tmp_path / "kernels")
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout in ("0 0\n", "0 1\n")  # older numba knows no folder for them


@needs_numba
def test_another_version_of_a_kernel_is_not_taken(tmp_path: Path) -> None:
    """Softmax uses the exponential function, whose code is another module's; both are in its file."""
    folder = tmp_path / "installed"
    shutil.copytree(ROOT / "tinygrad_hw", folder / "tinygrad_hw", ignore=shutil.ignore_patterns("__pycache__"))
    code = """
    import numpy as np
    from tinygrad_hw.kernels import softmax
    print(softmax.softmax(np.float32([[0, 1]]), 1).tolist())
    """
    places: dict[str, Any] = {"folder": folder, "NUMBA_CACHE_DIR": str(tmp_path / "kernels")}
    before = passes(code, **places)
    path = folder / "tinygrad_hw" / "kernels" / "exponential.py"
    source = path.read_text()
    result = "return _ZERO if x < _SMALLEST else y * power"
    assert source.count(result) == 1
    path.write_text(source.replace(result, "return _ONE"))
    assert passes(code, **places) == "[[0.5, 0.5]]\n" != before


@needs_numba
def test_processes_that_compile_at_once(tmp_path: Path) -> None:
    """For different signatures of one kernel: neither is given the other's code afterwards."""
    code = """
    import sys
    import numpy as np
    from tinygrad_hw.kernels import pool2d
    x = np.arange(8, dtype=sys.argv[1]).reshape(1, 2, 2, 2)
    places = np.int64([[[[3]], [[2]]]])
    assert pool2d.max_pool2d_gather(x, places).ravel().tolist() == [3, 6]
    """
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "NUMBA_CACHE_DIR": str(tmp_path)}
    for _ in range(2):
        command = [sys.executable, "-c", textwrap.dedent(code)]
        running = [subprocess.Popen([*command, kind], env=environment) for kind in ("f4", "f8", "f4", "f8")]
        assert [process.wait(120) for process in running] == [0] * 4
    assert len([path for path in tmp_path.rglob("*_gather*") if path.is_file()]) == 2


# -- without numba's compiler ----------------------------------------------------------------------


@pytest.mark.parametrize("fault", ["not installed", "switched off", "switched off later", "broken"])
def test_training_without_the_compiler(fault: str) -> None:
    """The numpy references train the same network, to rounding."""
    broken = WITHOUT_NUMBA.replace(
        'raise ModuleNotFoundError(f"No module named {name!r}", name=name)',
        "raise SystemError('initialization failed')",
    )
    assert broken != WITHOUT_NUMBA
    first, environment, reason = {
        "not installed": (WITHOUT_NUMBA, {}, "No module named 'numba'"),
        "switched off": ("", {"NUMBA_DISABLE_JIT": "1"}, "NUMBA_DISABLE_JIT is set"),
        # numba is there and loaded, but what it calls compiled are the Python functions.
        "switched off later": ("import numba", {"NUMBA_DISABLE_JIT": "1"}, "NUMBA_DISABLE_JIT is set"),
        "broken": (broken, {}, "numba cannot be imported: initialization failed"),
    }[fault]
    code = f"""
    result = train(network(), *data())
    assert {reason!r} in torch.show_config(), torch.show_config()
    torch.randn(20000), torch.rand(20000), torch.randperm(20000)
    print(np.frombuffer(result[0])[-1], np.frombuffer(result[1], np.float32).sum())
    """
    loss, scores = map(float, passes(first, NETWORK, code, **environment).split())
    want_loss, want_scores = map(float, passes(NETWORK, code.replace(f"{reason!r} in", "'' in")).split())
    assert loss == pytest.approx(want_loss, rel=1e-4)
    assert scores == pytest.approx(want_scores, rel=1e-3, abs=1e-3)
