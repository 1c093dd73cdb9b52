"""The side of the benchmark that starts workers and talks to them."""

from __future__ import annotations

import contextlib
import json
import os
import queue
import subprocess
import sys
import tempfile
import threading
from pathlib import Path
from typing import Any

from benchmarks.train.epoch import FOLDER

__all__ = ["Worker", "WorkerError", "installed"]

ROOT = Path(__file__).parents[1]
_THREADS = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "NUMBA_NUM_THREADS",
    "NUM_CPU_THREADS",
)


class WorkerError(RuntimeError):
    """A worker ended or did not answer."""


def installed(framework: str, python: str = sys.executable) -> bool:
    """Return whether an interpreter finds a framework."""
    code = "import importlib.util, sys; sys.exit(importlib.util.find_spec(sys.argv[1]) is None)"
    try:
        done = subprocess.run([python, "-c", code, framework], cwd=ROOT, capture_output=True, check=False)
    except OSError as error:
        raise WorkerError(f"{python} does not run: {error.strerror}") from None
    return done.returncode == 0


class Worker:
    """One framework in a process of its own.

    Args:
        framework: its name.
        threads: how many it may use.
        python: the interpreter that has it.
        timeout: seconds that an answer may take.
        data: the folder with MNIST's files.

    Attributes:
        facts: what the process says about itself.

    Raises:
        WorkerError: it did not start.
    """

    def __init__(
        self,
        framework: str,
        threads: int,
        python: str = sys.executable,
        timeout: float = 600.0,
        data: Path | None = None,
    ) -> None:
        self.framework = framework
        self.timeout = timeout
        environment = os.environ | {name: str(threads) for name in _THREADS}
        environment |= {"JAX_PLATFORMS": "cpu", "PYTHONPATH": str(ROOT)}
        if framework == "tinygrad":
            environment.setdefault("DEV", "CPU")
        if data is not None:
            environment[FOLDER] = str(data.resolve())
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 - closed in close()
        self._answers: queue.Queue[str] = queue.Queue()
        self.process = subprocess.Popen(
            [python, "-m", "benchmarks.worker", framework, str(threads)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            encoding="utf-8",
            env=environment,
            cwd=ROOT,
        )
        self._listener = threading.Thread(target=self._listen, daemon=True)
        self._listener.start()
        try:
            self.facts = self._read()
        except BaseException:
            self.close()
            raise

    def _listen(self) -> None:
        """Pass on the answers, and an empty one at the end."""
        assert self.process.stdout is not None
        with contextlib.suppress(ValueError, OSError):
            for line in self.process.stdout:
                self._answers.put(line)
        self._answers.put("")

    def _read(self) -> dict[str, Any]:
        try:
            line = self._answers.get(timeout=self.timeout)
        except queue.Empty:
            self.process.kill()
            raise WorkerError(f"{self.framework}'s worker did not answer within {self.timeout:g} s") from None
        if not line:
            code = self.process.wait()
            raise WorkerError(f"{self.framework}'s worker ended with code {code}: {self.last_words()}")
        try:
            answer: dict[str, Any] = json.loads(line)
        except json.JSONDecodeError:
            raise WorkerError(f"{self.framework}'s worker answered {line.strip()[:100]!r}") from None
        return answer

    def last_words(self) -> str:
        """Return the last line that the process wrote to stderr."""
        self._errors.seek(0)
        lines = self._errors.read().decode("utf-8", "replace").split("\n")
        return next((line.strip() for line in reversed(lines) if line.strip()), "it wrote nothing to stderr")

    def ask(self, request: dict[str, Any]) -> dict[str, Any]:
        """Send a request and return the answer.

        Raises:
            WorkerError: the process ended or did not answer in time.
        """
        assert self.process.stdin is not None
        try:
            self.process.stdin.write(json.dumps(request) + "\n")
            self.process.stdin.flush()
        except (OSError, ValueError):
            pass  # it ended; reading tells how
        return self._read()

    def time(self, key: str, seconds: float, control: bool = True) -> dict[str, Any]:
        """Return best and median seconds of one round, or the workload's error."""
        return self.ask({"do": "time", "key": key, "seconds": seconds, "control": control})

    def memory(self, key: str, calls: int = 3) -> dict[str, Any]:
        """Return the peak memory of some calls, or the workload's error; once per process."""
        return self.ask({"do": "memory", "key": key, "calls": calls})

    def close(self) -> None:
        """End the process."""
        if self.process.stdin is not None:
            with contextlib.suppress(OSError):
                self.process.stdin.close()
        try:
            self.process.wait(0.5)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self._listener.join(5)  # it ends with the stream, unless a child of the worker holds that open
        if self.process.stdout is not None and not self._listener.is_alive():
            self.process.stdout.close()
        self._errors.close()
