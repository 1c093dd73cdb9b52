"""The benchmarks: what they time, how they talk to their workers, what they make of the figures."""

from __future__ import annotations

import importlib
import json
import math
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import tinygrad_hw
from benchmarks import cli, control, plot, report, summary, table
from benchmarks.client import ROOT, Worker, WorkerError, installed
from benchmarks.kernels import conv, optim
from benchmarks.machine import describe, peaks, slug
from benchmarks.session import Options, Session
from benchmarks.train import autograd_forms, epoch, jax_forms, models, tinygrad_forms
from benchmarks.worker import Served
from benchmarks.workload import OURS, RINGS, Workload, load

ADD = "micro/forward/add 10x10"
SMALL_STEP = "train/step/MLP 2-16-16-2, b8"
linux = pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="reads /proc")
posix = pytest.mark.skipif(os.name != "posix", reason="needs a shell")


def workload(key: str) -> Workload:
    return next(w for w in load((key.split("/")[0],)) if w.key == key)


# -- workloads -------------------------------------------------------------------------------------


def test_every_ring_has_workloads_with_names_of_their_own() -> None:
    keys = [w.key for w in load()]
    assert len(keys) == len(set(keys))
    assert {key.split("/")[0] for key in keys} == set(RINGS)


def light(w: Workload) -> bool:
    """Whether a workload takes no more than some milliseconds."""
    if w.ring == "train":
        return (
            w.group != "scaling" and any(name in w.name for name in ("MLP 2-", "MLP 784-128", "LeNet")) and not w.data
        )
    return w.flops < 3e8 and w.bytes < 3e7


@pytest.mark.parametrize("key", [w.key for w in load() if light(w)])
def test_a_workload_runs(key: str) -> None:
    answer = Served(tinygrad_hw, OURS).time(key, 1e-4)
    assert 0 < answer["best"] <= answer["median"]
    assert answer["calls"] >= 1
    if key.startswith("train/step"):
        assert 0 < answer["value"] < 10


def test_operations_of_a_convolution_are_counted_by_its_definition() -> None:
    # 2 x images x outputs x places x inputs x window
    assert conv.Shape(64, 64, 32, 64, 3, 1, 1).flops == 2 * 64 * 64 * 32 * 32 * 64 * 9
    assert conv.Shape(8, 3, 224, 64, 7, 2, 3).flops == 2 * 8 * 64 * 112 * 112 * 3 * 49
    assert conv.Shape(64, 64, 32, 64, 3, 1, 1, groups=64).flops == 2 * 64 * 64 * 32 * 32 * 9
    for shape in conv.SHAPES:
        x, weight = (tinygrad_hw.zeros(*s) for s in ((1, *shape.shapes[0][1:]), shape.shapes[1]))
        with tinygrad_hw.no_grad():
            out = shape(tinygrad_hw, x, weight)
        places = out.shape[2] * out.shape[3]
        assert shape.flops == 2 * shape.n * shape.o * places * math.prod(shape.shapes[1][1:])


def test_the_optimizers_work_on_so_many_numbers_as_they_say() -> None:
    assert sum(p.numel() for p in models.vgg_small(tinygrad_hw).parameters()) == optim.SIZE


@pytest.mark.parametrize(
    ("build", "shape", "parameters"),
    [
        (models.lenet, (1, 28, 28), 61_706),
        (models.mnist_example, (1, 28, 28), 1_199_882),
        (models.conv7x7, (3, 32, 32), 4_106_246),
        (models.vgg_small, (3, 32, 32), 2_360_906),
        (models.resnet20, (3, 32, 32), 269_722),  # He et al. say 0.27 million
        (lambda t: models.conv_stack(t, 3), (16, 16, 16), 3 * 2320 + 170),
        (lambda t: models.linear_stack(t, 3), (256,), 3 * 65_792 + 2570),
    ],
)
def test_a_model_has_its_shape_and_size(build: Callable[[Any], Any], shape: tuple[int, ...], parameters: int) -> None:
    model = build(tinygrad_hw)
    assert sum(p.numel() for p in model.parameters()) == parameters
    model.eval()
    with tinygrad_hw.no_grad():
        assert model(tinygrad_hw.zeros(2, *shape)).shape == (2, 10)


@pytest.mark.parametrize("framework", ["jax", "tinygrad", "autograd"])
def test_the_peers_learn(framework: str) -> None:
    module = pytest.importorskip(framework)
    forms: Any = {"jax": jax_forms, "tinygrad": tinygrad_forms, "autograd": autograd_forms}[framework]
    run = forms.mlp_step(module, [8, 16, 4], 32)
    losses = [float(run()) for _ in range(60)]
    assert losses[-1] < 0.95 * losses[0]
    if framework == "jax":
        for step in (forms.lenet_step(module, 8), forms.conv7x7_step(module, 2)):
            losses = [float(step()) for _ in range(12)]
            assert losses[-1] < losses[0]


@pytest.mark.torch
def test_ours_and_pytorch_compute_the_same_losses() -> None:
    torch = pytest.importorskip("torch")
    for key in (SMALL_STEP, "train/step/MLP 784-400-400-100-10 with dropout, b256", "train/step/LeNet-5, b64"):
        run = [workload(key).make(module) for module in (tinygrad_hw, torch)]
        for _ in range(3):
            ours, theirs = (float(step()) for step in run)
            assert ours == pytest.approx(theirs, rel=1e-3)


def test_mnist_is_found_in_the_usual_folders(tmp_path: Path) -> None:
    assert epoch.find(str(tmp_path)) is None
    folder = tmp_path / "MNIST" / "raw"
    folder.mkdir(parents=True)
    for name in ("train-images-idx3-ubyte", "train-labels-idx1-ubyte.gz"):
        (folder / name).write_bytes(b"")
    assert epoch.find(str(tmp_path)) == folder
    assert epoch.find(str(folder)) == folder


# -- the command -----------------------------------------------------------------------------------


def test_a_run_from_the_command_to_the_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "new" / "run.json"
    arguments = "micro --filter add --rounds 2 --seconds 0.005 --threads 1 --peers numpy --date 2001-02-03 --json"
    assert cli.main([*arguments.split(), str(path)]) == 0
    results = json.loads(path.read_text())
    assert results["complete"] and results["date"] == "2001-02-03" and not results["failures"]
    assert results["frameworks"][OURS]["1"]["version"] == tinygrad_hw.__version__
    assert results["frameworks"][OURS]["1"]["threads"] == 1
    assert any(pool["num_threads"] == 1 for pool in results["frameworks"]["numpy"]["1"]["blas"])
    records = {f"{r['group']}/{r['name']}": r for r in results["results"]}
    assert set(records) == {f"{g}/{n}" for g in ("forward", "forward and backward")
                            for n in ("add 10x10", "add a number, 10x10")}  # fmt: skip
    record = records["forward/add 10x10"]
    # An addition takes some 0.1 to 100 us.
    for framework in (OURS, "numpy"):
        assert 5e-8 < record["best"][framework] <= record["median"][framework] < 1e-3
    assert record["errors"] == {}
    assert "numpy" not in records["forward and backward/add 10x10"]["best"]
    (mean,) = results["summary"]["means"]
    ratios = [r["best"]["numpy"] / r["best"][OURS] for r in records.values() if "numpy" in r["best"]]
    assert mean["peer"] == "numpy" and mean["ratio"] == pytest.approx(math.prod(ratios) ** 0.5)
    printed = capsys.readouterr().out
    assert f"tinygrad_hw {tinygrad_hw.__version__}, 1 thread" in printed
    assert re.search(r"add 10x10 .* us \| numpy .* us  x\d+\.\d\d x\d+\.\d\d", printed)
    assert "geometric mean, micro, 1 thread, 2 workloads: numpy's time is " in printed


def test_the_list_names_workloads_and_frameworks(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["train", "--filter", "lenet|resnet", "--list"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert "train/step/LeNet-5, b64  (tinygrad_hw, torch, jax)" in lines
    assert "train/inference/ResNet-20, b64  (tinygrad_hw, torch)" in lines
    assert not any("MLP" in line for line in lines)


def test_a_peer_that_is_missing_is_said_to_be(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(cli, "installed", lambda framework, python: framework == OURS)
    arguments = ["train", "--filter", SMALL_STEP, "--rounds", "1", "--seconds", "0.001", "--threads", "1"]
    assert cli.main(arguments) == 0
    printed = capsys.readouterr().out
    for peer in ("torch", "jax", "tinygrad", "autograd"):
        assert f"{peer} is not installed: skipped" in printed
    assert "numpy" not in re.sub(r"numpy \d", "", printed)  # it has no form for this workload, so nothing to say


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("--threads 0", "positive numbers"),
        ("--threads two", "positive numbers"),
        ("--peers tensorflow", "tensorflow is none of torch"),
        ("--python jax", "expected PEER=PATH"),
        ("--json micro", "name the ring first"),
        ("--rounds 0", "--rounds must be at least 1"),
        ("--no-time", "nothing to measure without --memory"),
    ],
)
def test_wrong_arguments(arguments: str, message: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        cli.main([*arguments.split(), "--filter", ADD] if "--json" not in arguments else arguments.split())
    assert stop.value.code == 2
    assert message in capsys.readouterr().err


def test_a_filter_that_finds_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["--filter", "quantum"]) == 2
    assert "no workload has 'quantum'" in capsys.readouterr().err


@posix
def test_ctrl_c_stops_the_run_and_its_workers(tmp_path: Path) -> None:
    path = tmp_path / "run.json"
    options = "micro --rounds 1 --seconds 30 --threads 1 --peers numpy --filter forward/add --json"
    arguments = [*options.split(), str(path)]
    process = subprocess.Popen(
        [sys.executable, "-u", "-m", "benchmarks", *arguments],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert process.stdout is not None
    for line in process.stdout:
        if line.startswith("-- micro"):
            break
    time.sleep(0.2)
    os.killpg(process.pid, signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "stopped" in out and "Traceback" not in out + err
    assert json.loads(path.read_text())["complete"] is False
    with pytest.raises(ProcessLookupError):
        os.killpg(process.pid, 0)  # nobody of the group is left


# -- workers ---------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def worker() -> Iterator[Worker]:
    found = Worker("numpy", 1)
    yield found
    found.close()


def test_a_workload_that_fails_is_answered_and_the_worker_goes_on(worker: Worker) -> None:
    assert "has no form for numpy" in worker.time(SMALL_STEP, 0.001)["error"]
    answer = worker.time(ADD, 0.001)
    assert answer["best"] > 0 and set(answer["control"]) == {"loop", "hash"}


@linux
def test_memory_is_what_the_arrays_take(worker: Worker) -> None:
    answer = worker.memory("kernels/matmul/1024x1024 by 1024x1024")
    # Two matrices of 4 MB are built, a third is the product; BLAS has buffers.
    assert 3.5 < answer["over_building"] < 80
    assert 11 < answer["over_import"] < 100
    assert answer["over_building"] < answer["over_import"] < answer["peak"] < 1000


@linux
def test_memory_from_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "run.json"
    arguments = "kernels --filter matmul --threads 1 --peers numpy --memory --no-time --json"
    assert cli.main([*arguments.split(), str(path)]) == 0
    printed = capsys.readouterr().out
    assert re.search(r"numpy: +\d+\.\d MB over import, +\d+\.\d over building, +\d+ in all", printed)
    (record,) = json.loads(path.read_text())["results"]
    assert record["best"] == {} and set(record["memory"]) == {OURS, "numpy"}
    # The same matrices, and the libraries are loaded in both.
    assert all(m["over_building"] > 3.5 for m in record["memory"].values())


def fake_python(tmp_path: Path, script: str) -> str:
    path = tmp_path / "python"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return str(path)


@posix
def test_a_worker_that_dies_is_reported_and_the_run_goes_on(tmp_path: Path) -> None:
    said: list[str] = []
    python = fake_python(tmp_path, "echo loading >&2; echo 'ImportError: libfast is missing' >&2; exit 3")
    session = Session(
        Options([OURS, "numpy"], rounds=1, seconds=0.001, python={"numpy": python}, timeout=60), said.append
    )
    try:
        session.begin(1, [OURS, "numpy"])
        for _ in range(2):
            record = session.run(workload(ADD), 1)
            assert record["best"].keys() == {OURS}
            assert "ended with code 3: ImportError: libfast is missing" in record["errors"]["numpy"]
        assert len(session.failures) == 1, "started again and again"
        assert said == ["! numpy's worker ended with code 3: ImportError: libfast is missing"]
        # One that was killed is started again for the next workload.
        session._workers[OURS].process.kill()
        assert OURS in session.run(workload(ADD), 1)["errors"]
        assert OURS in session.run(workload(ADD), 1)["best"]
    finally:
        session.close()


@posix
def test_a_worker_that_hangs_is_ended(tmp_path: Path) -> None:
    start = time.perf_counter()
    with pytest.raises(WorkerError, match=r"did not answer within 0\.2 s"):
        Worker("numpy", 1, fake_python(tmp_path, "exec sleep 60"), timeout=0.2)
    assert time.perf_counter() - start < 30


@posix
def test_what_a_framework_prints_is_no_answer(tmp_path: Path) -> None:
    with pytest.raises(WorkerError, match="answered 'hello'"):
        Worker("numpy", 1, fake_python(tmp_path, "echo hello; sleep 1"), timeout=60)


def test_installed_asks_the_interpreter(tmp_path: Path) -> None:
    assert installed("numpy") and not installed("a_framework_of_tomorrow")
    with pytest.raises(WorkerError, match="does not run"):
        installed("numpy", str(tmp_path / "no_python"))


# -- the machine -----------------------------------------------------------------------------------


def test_the_machine_is_described_without_private_paths(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    monkeypatch.setenv("NUMBA_CACHE_DIR", "secret")
    facts = describe()
    assert facts["cpu"] and facts["cores"] >= 1
    assert facts["environment"]["OMP_NUM_THREADS"] == "3"
    assert "secret" not in json.dumps(facts)
    assert slug({"cpu": "Intel(R) Core(TM) i7-8650U CPU @ 1.90GHz", "cores": 4}) == "intel-core-i7-8650u-cpu-4-cores"


def test_the_peaks_are_plausible() -> None:
    threads = tinygrad_hw.get_num_threads()
    found = peaks(1)
    tinygrad_hw.set_num_threads(threads)
    assert 0.5 < found["gbytes"] < 5000
    assert all(1 < value < 10_000 for value in found["gflops"].values())
    assert "matmul" in found["gflops"]


def test_the_control_notices_a_busy_machine() -> None:
    calm = [{"loop": 1.0, "hash": 2.0}, {"loop": 1.02, "hash": 2.04}, {"loop": 1.01, "hash": 2.1}]
    slow = [{"loop": 1.0, "hash": 4.0}, {"loop": 1.02, "hash": 4.1}, {"loop": 1.01, "hash": 4.2}]
    mixed = [{"loop": 1.0, "hash": 2.0}, {"loop": 1.0, "hash": 3.0}, {"loop": 1.0, "hash": 3.0}]
    assert control.judge({OURS: calm, "torch": calm})["warnings"] == []
    (warning,) = control.judge({OURS: calm, "torch": slow})["warnings"]
    assert "the control (hash) took 2.00 times as long in torch's process" in warning
    (warning,) = control.judge({OURS: mixed, "torch": calm})["warnings"]
    assert "1.50 times its best" in warning and OURS in warning
    best = {"loop": 1.0, "hash": 2.0}
    assert control.disturbed(slow, best)
    assert not control.disturbed([*slow, *calm], best)
    assert not control.disturbed([], best)


# -- what follows from the figures -----------------------------------------------------------------


def record(ring: str, group: str, name: str, threads: int, ours: float, **peers: float) -> dict[str, Any]:
    best = {OURS: ours} | peers
    median = {k: 1.1 * v for k, v in best.items()}
    return {
        "ring": ring, "group": group, "name": name, "threads": threads, "per": 1, "flops": 0.0, "bytes": 0.0,
        "best": best, "median": median, "errors": {},
    }  # fmt: skip


@pytest.fixture
def results() -> dict[str, Any]:
    records = [
        record("train", "step", "LeNet", 2, 2e-3, torch=4e-3, jax=3e-3),
        record("train", "step", "VGG", 2, 0.1, torch=0.2),
        record("train", "inference", "LeNet", 2, 1e-3, torch=0.5e-3),
        record("train", "epoch of MNIST", "LeNet", 2, 2.0, torch=3.0),
        record("train", "step", "LeNet", 1, 3e-3, torch=9e-3),
        record("kernels", "conv2d forward", "64,1,28->6,5,1,2", 2, 1e-3, torch=2e-3) | {"flops": 15e6},
        record("kernels", "conv2d both", "64,1,28->6,5,1,2", 2, 4e-3, torch=2e-3) | {"flops": 45e6},
        record("micro", "forward", "add", 2, 1e-6, torch=3e-6, numpy=0.5e-6),
    ]
    for n in (16, 32, 64):
        records.append(
            record("train", "scaling", f"batch {n}", 2, n * 1e-3, torch=n**2 * 1e-4) | {"series": "batch", "size": n}
        )
    records[0]["memory"] = {
        OURS: {"peak": 90.0, "over_import": 20.0, "over_building": 10.0},
        "torch": {"peak": 300.0, "over_import": 50.0, "over_building": 10.0},
    }
    return {
        "date": "2001-02-03",
        "machine": {"cpu": "Test CPU", "cores": 2, "vectors": "avx2"},
        "options": {"rounds": 5, "seconds": 0.5},
        "frameworks": {OURS: {"2": {"version": "1.2"}}, "torch": {"2": {"version": "2.13"}}},
        "control": {"2": {"warnings": []}},
        "failures": [],
        "results": records,
        "summary": summary.summarise(records),
    }


def test_summary(results: dict[str, Any]) -> None:
    found = results["summary"]
    (train,) = [m for m in found["means"] if (m["ring"], m["threads"], m["peer"]) == ("train", 2, "torch")]
    assert train["ratio"] == pytest.approx((2 * 2 * 0.5 * 1.5) ** 0.25)
    assert (train["lowest"], train["where"], train["count"]) == (0.5, "inference: LeNet", 4)
    exponents = {item["framework"]: item["exponent"] for item in found["fits"]}
    assert exponents[OURS] == pytest.approx(1) and exponents["torch"] == pytest.approx(2)
    (gain,) = found["speedups"]
    assert gain["name"] == "LeNet" and gain["speedup"] == pytest.approx({OURS: 1.5, "torch": 2.25})
    (memory,) = found["memory"]
    assert (memory["peer"], memory["ratio"]) == ("torch", 2.5)
    assert math.isnan(summary.geometric_mean([]))
    most = summary.peak({"2": {"gflops": {"multiply_add": 10.0}, "gbytes": 30.0}}, results["results"], 2)
    assert most == {"gflops": 10.0, "gbytes": 30.0}


def test_report(results: dict[str, Any]) -> None:
    first, conv_record = results["results"][0], results["results"][5]
    text = report.line(first, {})
    assert "2 ms | torch 4 ms  x2.00 x2.00 | jax 3 ms  x1.50 x1.50" in text
    assert "50.0 MB over import,    10.0 over building,   300 in all" in text
    assert "15 Gflop/s 50 % | torch 2 ms  7.5 Gflop/s 25 %" in report.line(conv_record, {"gflops": 30.0})
    failed = first | {"errors": {"jax": "OSError: gone"}, "disturbed": True}
    assert "jax: OSError: gone ~" in report.line(failed, {})
    end = "\n".join(report.epilogue(results))
    assert "growth, batch, torch, 2 threads: time ~ size^2.00 from 16 to 64" in end
    assert "2 threads against 1, step, LeNet: tinygrad_hw 1.50, torch 2.25" in end
    assert [report.duration(s, n) for s, n in ((2e-4, 200), (2.5, 1), (0.0125, 1))] == ["1 us/op", "2.5 s", "12.5 ms"]


def test_table(results: dict[str, Any]) -> None:
    text = table.render(results)
    lines = text.splitlines()
    assert "Test CPU, 2 cores, 2001-02-03; tinygrad_hw 1.2, PyTorch 2.13; best of 5 rounds" in lines[0]
    head = [cell.strip() for cell in lines[2].strip("|").split("|")]

    def row(label: str) -> dict[str, str]:
        (line,) = [line for line in lines if line.startswith(f"| {label} |")]
        return dict(zip(head, [cell.strip() for cell in line.strip("|").split("|")], strict=True))

    lenet = row("LeNet")
    assert lenet["our step, ms, 2 threads"] == "2.00"
    assert lenet["PyTorch, train, 2 threads"] == "2.00" and lenet["PyTorch, train, 1 thread"] == "3.00"
    assert lenet["PyTorch, infer, 2 threads"] == "0.50" and lenet["PyTorch, memory"] == "2.50"
    assert lenet["JAX, train, 2 threads"] == "1.50"
    assert lenet["our gain, 2 threads by 1"] == "1.50"
    assert row("epoch of MNIST: LeNet")["PyTorch, train, 2 threads"] == "1.50"
    mean = row("**geometric mean**")
    assert mean["PyTorch, train, 2 threads"] == "**1.82**" and mean["our step, ms, 2 threads"] == ""
    assert "PyTorch, infer, 1 thread" not in head, "a column without figures"
    assert "| **kernels, all** | **1.00** | 0.50 of 2 |  |  |" in lines
    assert "| 64,1,28->6,5,1,2 | 15 | 2.00 |  | 11 | 0.50 |  |" in lines
    assert "| batch 16 to 64 | 1.00 | 2.00 |" in lines
    assert "rough" not in text
    results["control"]["2"]["warnings"] = ["busy"]
    assert "The machine was busy" in table.render(results)


def test_the_table_is_put_between_the_marks_and_checked(
    results: dict[str, Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source, readme = tmp_path / "run.json", tmp_path / "README.md"
    source.write_text(json.dumps(results))
    readme.write_text(f"# Title\n\n{table.BEGIN}old.json -->\nold\n{table.END}\n\nThe end.\n")
    arguments = [str(source), "--readme", str(readme)]
    assert table.main([*arguments, "--check"]) == 1
    assert "does not agree" in capsys.readouterr().err
    assert table.main(arguments) == 0
    text = readme.read_text()
    assert text.startswith("# Title\n\n<!-- ") and text.endswith(f"{table.END}\n\nThe end.\n")
    assert "\nold\n" not in text and "| LeNet | 2.00 | 1.50 |" in text
    assert table.named(text) == "run.json"
    assert table.main([*arguments, "--check"]) == 0 and table.agrees(readme, tmp_path)
    readme.write_text(text.replace("| LeNet | 2.00 | 1.50 |", "| LeNet | 2.00 | 2.50 |"))
    assert table.main([*arguments, "--check"]) == 1 and not table.agrees(readme, tmp_path)
    with pytest.raises(ValueError, match="the marks are missing"):
        table.put("no marks", results, "x.json")


def test_the_readme_agrees_with_its_result() -> None:
    assert table.agrees(ROOT / "README.md"), "run python -m benchmarks.table"


# -- pictures --------------------------------------------------------------------------------------


def test_bars_are_ratios(results: dict[str, Any]) -> None:
    found = plot.bars(results)
    assert list(found) == ["micro", "kernels", "train"]
    assert found["micro"] == [("forward: add (2)", {"torch": pytest.approx(3), "numpy": pytest.approx(0.5)})]
    assert not any("batch" in label for label, _ in found["train"])


def test_without_matplotlib_there_is_a_message(
    results: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    assert not plot.draw(results, tmp_path / "run.png")
    assert "matplotlib is not installed" in capsys.readouterr().out


def test_a_picture_is_drawn(results: dict[str, Any], tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    assert plot.draw(results, tmp_path / "run.png")
    image = importlib.import_module("matplotlib.image").imread(tmp_path / "run.png")
    assert image.shape[0] > 300 and image.std() > 0.01
