"""Damage text files where that reaches new branches of wsegs, as libFuzzer does it (``pip install atheris``).

``fuzz.py`` damages blindly; here what was read in a new way is kept and damaged again, so that mistakes behind mistakes
are found, too. Readers, and what is a right answer, are those of ``fuzz_targets.py``; half of the damage is theirs,
half libFuzzer's. Each file to begin with has a process of its own; files that failed are left in ``--keep DIR``.
"""

from __future__ import annotations

import argparse
import json
import random
import re
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

MEMORY = 3000  # MB, of which libFuzzer ends the process
HANG = 30  # seconds, after which it calls a case a hang
LENGTH = 20_000  # bytes of a case at most

# Sealed files and those that a process of its own reads teach libFuzzer nothing; fuzz.py reads them.
KINDS = ("rules", "schemes", "class-maps", "refinements", "recipes", "attribute-tables", "celeba-folders")
KINDS += ("pts-and-csv-imports", "journals", "runs")


def fuzz_file(kind: str, name: str, seed: int, seconds: int, keep: Path) -> None:
    """Read damaged copies of one file until the time is over; runs in a process of its own, which libFuzzer ends."""
    import atheris

    root = Path(tempfile.mkdtemp(dir=keep))
    corpus = root / ".corpus"
    corpus.mkdir()
    with atheris.instrument_imports(include=["wsegs"]):
        from fuzz_targets import TARGETS, judge, mutate

        target = TARGETS[kind]
        target.make(root)
        path = root / name
        content = path.read_bytes()
        verdict = judge(target, path, root)  # here, since readers import what they need when they need it
        assert verdict[0] == "read", (name, verdict)
    (corpus / "whole").write_bytes(content)
    verdicts: Counter[str] = Counter()
    slowest = 0.0

    def read_case(data: bytes) -> None:
        nonlocal slowest
        path.write_bytes(data)
        begun = time.monotonic()
        verdict, line = judge(target, path, root)
        slowest = max(slowest, time.monotonic() - begun)
        verdicts[verdict] += 1
        if verdict not in ("read", "refused"):
            number = verdicts.total() - verdicts["read"] - verdicts["refused"]
            (keep / f"{kind}-{seed}-{number}-{path.name}").write_bytes(data)
            print(f"    {name}: {verdict}: {line}", file=sys.stderr, flush=True)
        if verdicts.total() % 100 == 0:
            report()

    def report() -> None:
        (keep / "counts.json").write_text(json.dumps({"verdicts": verdicts, "slowest": slowest}))

    def damage(data: bytes, length: int, seed: int) -> bytes:
        if seed % 2:
            return atheris.Mutate(data, length)
        return mutate(data, random.Random(seed), text=target.text)[:length]

    report()
    options = [f"-max_total_time={seconds}", f"-seed={seed + 1}", f"-timeout={HANG}", f"-rss_limit_mb={MEMORY}"]
    options += [f"-max_len={LENGTH}", f"-artifact_prefix={keep}/{kind}-{seed}-", "-print_final_stats=1"]
    atheris.Setup([sys.argv[0], *options, str(corpus)], read_case, custom_mutator=damage)
    atheris.Fuzz()


def campaign(kind: str, seed: int, seconds: int, keep: Path | None) -> int:
    """Fuzz each file of a kind in turn, print a row of the table; return how many cases were not right."""
    from fuzz_targets import TARGETS

    with tempfile.TemporaryDirectory() as temporary:
        names = TARGETS[kind].make(Path(temporary))
    verdicts: Counter[str] = Counter()
    slowest, memory, begun, ended = 0.0, 0, 0, 0
    for name in names:
        with tempfile.TemporaryDirectory() as temporary:
            folder = Path(temporary) if keep is None else keep
            command = [sys.executable, __file__, "--target", kind, "--file", name, "--keep", str(folder)]
            command += ["--seed", str(seed), "--seconds", str(max(1, seconds // len(names)))]
            process = subprocess.run(command, capture_output=True, text=True, errors="replace")
            counts = json.loads((folder / "counts.json").read_text())
        verdicts.update(counts["verdicts"])
        slowest = max(slowest, counts["slowest"])
        branches = [int(number) for number in re.findall(r"\bcov: (\d+)", process.stderr)] or [0]
        begun, ended = begun + branches[0], ended + branches[-1]
        memory = max([memory, *(int(number) for number in re.findall(r"peak_rss_mb:\s*(\d+)", process.stderr))])
        sys.stderr.write("".join(re.findall(r"^    .*\n", process.stderr, re.MULTILINE)[:5]))
        if process.returncode:
            verdicts["a crash, a hang or too much memory"] += 1
            print(f"    {name}: code {process.returncode}: {process.stderr[-1500:]}", file=sys.stderr)
    total, read, refused = verdicts.total(), verdicts["read"], verdicts["refused"]
    wrong = total - read - refused
    figures = f"{total:,} | {read:,} | {refused:,} | {wrong:,} | {slowest:.2f} s | {memory} MB | {begun:,} to {ended:,}"
    print(f"| {kind} | {figures} |", flush=True)
    return wrong


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--target", action="append", choices=KINDS, help="kind of file; default: all")
    parser.add_argument("--seconds", type=int, default=60, help="for each kind (default: 60)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--keep", type=Path, help="an existing folder for the files that failed")
    parser.add_argument("--file", help=argparse.SUPPRESS)
    options = parser.parse_args()
    kinds = options.target or list(KINDS)
    if options.file:
        fuzz_file(kinds[0], options.file, options.seed, options.seconds, options.keep)
        return
    print("| kind of file | cases | read | refused | anything else | slowest case | peak memory | branches |")
    print("|---|---|---|---|---|---|---|---|", flush=True)
    sys.exit(1 if sum(campaign(kind, options.seed, options.seconds, options.keep) for kind in kinds) else 0)


if __name__ == "__main__":
    main()
