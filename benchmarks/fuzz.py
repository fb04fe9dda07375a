"""Damage files and read them: a right answer or one line that names the file; no crash, no hang, bounded memory.

Each kind of file is read in a process of its own, with a limit of memory and of time for each case. Every case follows
from the seed and its number, so that a finding can be made again:
``--target NAME --seed S --first N --cases 1 --keep DIR``.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import resource
import select
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from fuzz_targets import TARGETS, judge, mutate

MEMORY = 3 << 30  # bytes of address space
HANG = 45  # seconds; readers in a process of their own give up after 30


def read_cases(name: str, seed: int, first: int, cases: int, seconds: float, keep: Path | None) -> None:
    """Read damaged files, and print a line of JSON before and after each; runs in a process of its own."""
    target = TARGETS[name]
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    ended = time.monotonic() + seconds
    with tempfile.TemporaryDirectory() as temporary:
        root = Path(temporary)
        names = target.make(root)
        contents = {file: (root / file).read_bytes() for file in names}
        for file in names:  # whole, they must be read
            verdict = judge(target, root / file, root)
            assert verdict[0] == "read", (file, verdict)
            (root / file).write_bytes(contents[file])
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
        for number in range(first, first + cases):
            if time.monotonic() > ended:
                break
            rng = random.Random(f"{seed}-{number}")
            file = rng.choice(names)
            damaged = mutate(contents[file], rng, text=target.text)
            (root / file).unlink(missing_ok=True)  # another inode, since libhdf5 knows open files by theirs
            (root / file).write_bytes(damaged)
            if keep is not None:
                (keep / f"{name}-{seed}-{number}-{Path(file).name}").write_bytes(damaged)
            print(json.dumps({"case": number, "file": file}), flush=True)
            begun = time.monotonic()
            verdict, line = judge(target, root / file, root)
            took = time.monotonic() - begun
            memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
            print(json.dumps({"verdict": verdict, "line": line, "took": took, "memory": memory}), flush=True)
            (root / file).write_bytes(contents[file])


def campaign(name: str, seed: int, first: int, cases: int, seconds: float, keep: Path | None) -> dict:
    """Read ``cases`` damaged files of one kind, or as many as ``seconds`` allow; go on behind a crash or a hang."""
    verdicts: Counter[str] = Counter()
    findings: list[str] = []
    slowest, memory, number = 0.0, 0, first
    began = time.monotonic()
    while number < first + cases and (left := seconds - (time.monotonic() - began)) > 0:
        command = [sys.executable, __file__, "--target", name, "--seed", str(seed), "--first", str(number), "--worker"]
        command += ["--cases", str(first + cases - number), "--seconds", str(left)]
        command += [] if keep is None else ["--keep", str(keep)]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        assert process.stdout is not None
        assert process.stderr is not None
        os.set_blocking(process.stderr.fileno(), False)
        case: dict = {}
        while True:
            ready, _, _ = select.select([process.stdout], [], [], HANG + (60 if not case else 0))
            line = process.stdout.readline() if ready else b""
            if not line:
                break
            result = json.loads(line)
            if "case" in result:
                case, number = result, result["case"] + 1
                continue
            verdicts[result["verdict"]] += 1
            slowest, memory = max(slowest, result["took"]), max(memory, result["memory"])
            if result["verdict"] not in ("read", "refused"):
                findings.append(f"{case['case']} {case['file']}: {result['verdict']}: {result['line']}")
            case = {**case, "done": True}
        process.kill() if process.poll() is None and not ready else None
        code = process.wait()
        if code == 0:
            break
        errors = (process.stderr.read() or b"").decode(errors="replace")
        if not case or case.get("done"):
            raise SystemExit(f"{name}: the reading process ended with {code}: {errors[-2000:]}")
        what = "a hang" if not ready else f"a crash ({code})"
        verdicts[what] += 1
        findings.append(f"{case['case']} {case['file']}: {what}: {errors[-300:].strip()}")
    return {
        "target": name,
        "cases": sum(verdicts.values()),
        "read": verdicts.pop("read", 0),
        "refused": verdicts.pop("refused", 0),
        "wrong": sum(verdicts.values()),
        "slowest": slowest,
        "memory": memory,
        "seconds": time.monotonic() - began,
        "findings": findings,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--target", action="append", choices=list(TARGETS), help="kind of file; default: all")
    parser.add_argument("--cases", type=int, default=1000, help="cases of each kind (default: 1000)")
    parser.add_argument("--seconds", type=float, default=1e9, help="stop each kind after so long")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--first", type=int, default=0, help="number of the first case (default: 0)")
    parser.add_argument("--keep", type=Path, help="an existing folder to keep every damaged file in")
    parser.add_argument("--findings", type=int, default=5, help="findings to print of each kind (default: 5)")
    parser.add_argument("--worker", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    names = options.target or list(TARGETS)
    if options.worker:
        read_cases(names[0], options.seed, options.first, options.cases, options.seconds, options.keep)
        return
    print("| kind of file | cases | read | refused in one line | anything else | slowest case | peak memory |")
    print("|---|---|---|---|---|---|---|", flush=True)
    wrong = 0
    for name in names:
        done = campaign(name, options.seed, options.first, options.cases, options.seconds, options.keep)
        wrong += done["wrong"]
        counts = " | ".join(f"{done[key]:,}" for key in ("cases", "read", "refused", "wrong"))
        print(f"| {name} | {counts} | {done['slowest']:.2f} s | {done['memory']} MB |", flush=True)
        for finding in done["findings"][: options.findings]:
            print(f"    {finding}", file=sys.stderr, flush=True)
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
