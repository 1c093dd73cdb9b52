"""The command line of the benchmarks."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks import machine, plot, report
from benchmarks.client import ROOT, WorkerError, installed
from benchmarks.session import Options, Session
from benchmarks.summary import peak, summarise
from benchmarks.train.epoch import find
from benchmarks.workload import OURS, PEERS, RINGS, Workload, load

__all__ = ["main"]

RESULTS = ROOT / "benchmarks" / "results"
FORMAT = 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description="Time this package and its peers: in turns, each in a process of its own. "
        "The ratio is the peer's time divided by ours.",
    )
    parser.add_argument("ring", nargs="?", choices=RINGS, help="only this ring")
    parser.add_argument(
        "--filter",
        default="",
        metavar="TEXT",
        help="only workloads with this in ring/group/name; several by '|'",
    )
    parser.add_argument(
        "--threads", default=str(machine.cores()), help="thread counts, by comma (default: %(default)s)"
    )
    parser.add_argument("--rounds", type=int, default=5, help="turns of each framework (default: %(default)s)")
    parser.add_argument("--seconds", type=float, default=0.5, help="per turn (default: %(default)s)")
    parser.add_argument("--peers", default=",".join(PEERS), help="whom to compare with (default: %(default)s)")
    parser.add_argument(
        "--python",
        action="append",
        default=[],
        metavar="PEER=PATH",
        help="the interpreter of a peer that is installed elsewhere",
    )
    parser.add_argument("--memory", action="store_true", help="measure peak memory too, in fresh processes")
    parser.add_argument("--no-time", action="store_true", help="do not measure time: with --memory, only memory")
    parser.add_argument("--data", metavar="DIR", help="folder with MNIST (default: data, or ../shared/data)")
    parser.add_argument("--timeout", type=float, default=600.0, help="seconds that a turn may take")
    parser.add_argument(
        "--json",
        nargs="?",
        const="",
        metavar="FILE",
        help="write the results there; without FILE into benchmarks/results, named by the machine",
    )
    parser.add_argument("--date", default="", help="goes into the results, and into the name of their file")
    parser.add_argument("--plot", metavar="FILE", help="draw the ratios (needs matplotlib)")
    parser.add_argument("--list", action="store_true", help="list the workloads and end")
    return parser


def _choose(ring: str | None, text: str) -> list[Workload]:
    wanted = [part for part in text.lower().split("|") if part]
    found = load((ring,) if ring else RINGS)
    return [w for w in found if not wanted or any(part in w.key.lower() for part in wanted)]


def _list(workloads: Sequence[Workload]) -> None:
    for workload in workloads:
        peers = [OURS, "torch", *workload.peers]
        print(f"{workload.key}  ({', '.join(peers)})")


def _pairs(parser: argparse.ArgumentParser, values: Sequence[str]) -> dict[str, str]:
    found = {}
    for value in values:
        name, _, path = value.partition("=")
        if name not in PEERS or not path:
            parser.error(f"--python {value}: expected PEER=PATH with a peer of {', '.join(PEERS)}")
        found[name] = path
    return found


def _counts(parser: argparse.ArgumentParser, text: str) -> list[int]:
    parts = text.split(",")
    if not all(part.strip().isdecimal() and int(part) > 0 for part in parts):
        parser.error(f"--threads {text}: expected positive numbers, by comma, as in --threads 1,2")
    return [int(part) for part in parts]


def _find(workloads: Sequence[Workload], peers: Sequence[str], python: dict[str, str]) -> list[str]:
    """Return the frameworks that are installed and have something to do; say which are not."""
    found = []
    for framework in (OURS, *peers):
        if not any(w.form(framework) for w in workloads):
            continue
        if installed(framework, python.get(framework, sys.executable)):
            found.append(framework)
        else:
            print(f"{framework} is not installed: skipped")
    return found


def _measure(session: Session, workloads: Sequence[Workload]) -> None:
    options = session.options
    for threads in options.threads:
        told = session.facts.copy()
        if options.timing:
            session.begin(threads, options.frameworks)
        counting = options.timing and any(w.flops or w.bytes for w in workloads)
        if counting:
            session.measure_peaks(threads)
        for framework, facts in session.facts.items():
            if str(threads) in facts:
                print(("  " if framework in told else "") + report.worker(framework, facts[str(threads)]))
        most = peak(session.peaks, (), threads)
        if most:
            figures = f"{most['gflops']:.0f} Gflop/s, {most['gbytes']:.0f} GB/s"
            print(f"the machine's peak on {report.counted(threads)}: {figures}")
        title = ""
        for workload in workloads:
            heading = report.heading(workload.ring, f"{workload.group}, {report.counted(threads)}")
            if heading != title:
                print(title := heading)
            record = session.run(workload, threads)
            most = peak(session.peaks, session.results, threads)
            print(report.line(record, most, session.disagreement(record)), flush=True)
        if counting:
            session.measure_peaks(threads)  # the first time may have been a busy moment


def _write(path: Path, results: dict[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    print(f"written: {path.name}")


def main(argv: Sequence[str] | None = None) -> int:
    """Run the benchmarks; returns the exit code."""
    parser = _parser()
    args = parser.parse_args(argv)
    if args.json in RINGS:
        parser.error(f"--json {args.json}: name the ring first, as in: python -m benchmarks {args.json} --json")
    if args.rounds < 1 or args.seconds <= 0:
        parser.error("--rounds must be at least 1 and --seconds positive")
    if args.no_time and not args.memory:
        parser.error("--no-time leaves nothing to measure without --memory")
    peers = [p for p in args.peers.split(",") if p]
    if unknown := set(peers) - set(PEERS):
        parser.error(f"--peers: {', '.join(sorted(unknown))} is none of {', '.join(PEERS)}")
    workloads = _choose(args.ring, args.filter)
    if args.list:
        _list(workloads)
        return 0
    data = find(args.data)
    if data is None and any(w.data for w in workloads):
        print("MNIST was not found (--data DIR): its epochs are skipped")
        workloads = [w for w in workloads if not w.data]
    if args.no_time:
        workloads = [w for w in workloads if w.warm]
    if not workloads:
        print(f"no workload has {args.filter!r} in its name; --list shows them", file=sys.stderr)
        return 2
    python = _pairs(parser, args.python)
    try:
        frameworks = _find(workloads, peers, python)
    except WorkerError as error:
        print(error, file=sys.stderr)
        return 2
    options = Options(
        frameworks=frameworks,
        threads=_counts(parser, args.threads),
        rounds=args.rounds,
        seconds=args.seconds,
        memory=args.memory,
        timing=not args.no_time,
        python=python,
        timeout=args.timeout,
        data=data,
    )
    return _run(args, Session(options), workloads)


def _run(args: argparse.Namespace, session: Session, workloads: Sequence[Workload]) -> int:
    facts = machine.describe()
    for text in report.machine(facts):
        print(text)
    complete = True
    try:
        _measure(session, workloads)
    except KeyboardInterrupt:
        complete = False
        print("\nstopped; what was measured so far follows")
    finally:
        session.close()
    options = session.options
    results: dict[str, Any] = {
        "format": FORMAT,
        "date": args.date,
        "complete": complete,
        "machine": facts,
        "options": {
            "rounds": options.rounds,
            "seconds": options.seconds,
            "threads": list(options.threads),
            "filter": args.filter,
            "ring": args.ring,
        },
        "frameworks": session.facts,
        "peaks": session.peaks,
        "control": session.control(),
        "failures": session.failures,
        "results": session.results,
        "summary": summarise(session.results),
    }
    for text in report.epilogue(results):
        print(text)
    if args.json is not None:
        name = "-".join(part for part in (args.date, machine.slug(facts)) if part)
        _write(Path(args.json) if args.json else RESULTS / f"{name}.json", results)
    if args.plot:
        plot.draw(results, Path(args.plot))
    if not complete:
        return 130
    return 1 if session.failures else 0
