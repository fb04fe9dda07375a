"""Damage files and read them: a right answer or one line that names the file is expected, in bounded time and memory.

Each kind of file is read in a process of its own, with a limit of memory and of time for each case. A case follows from
the seed and its number alone: ``fuzz KIND --seed S --first N --cases 1 --keep FOLDER`` makes it again. With
``--coverage`` libFuzzer damages the files that wsegs itself parses, and keeps what reaches new branches.
"""

from __future__ import annotations

import argparse
import json
import random
import re
import resource
import select
import subprocess
import sys
import tempfile
import time
import warnings
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from tests.campaigns.commands import table
from tests.campaigns.file_kinds import KINDS, Kind
from wsegs.errors import WsegsError

MEMORY = 3 << 30  # bytes of address space
HANG = 45  # seconds; readers in a subprocess give up after 30
# What tends to break readers of text.
_WORDS = """
0 -1 1 nan inf -inf 1e308 1e-320 1e999 99999999999999999999 0x10 1_000 ٣ 0..10 0..1000000000 1000000000..0 -5..5 .. 68
67 x68 y-1 x0-x0 1/(x30-x30) [ ] { } ( ) (((((((((( [[[[[[[[[[ *a !x | & - ~ ^ ** 9**9**9 ' " ` # % @ \\ \\x00 true null
yes __class__ ../ /etc/passwd C:\\x a/../../b . image split identity success confidence n_points: é \U0001f600 , ,,, ;
!!python/object:os.system keypoints shapes annotations group_id NaN Infinity <image>
<points/> <!DOCTYPE> &lt; &#0; </box>
"""
_BLANKS = ["&a ", "<<: *a", ": ", "- ", "? ", "---\n", "\0", "\r", "\r\n", "\n\n", "\t", " ", "\v", "\x1b", "\ufeff"]
_BLANKS += ["\u2028", "version: 1\n", "extends: x.yaml\n", "extends: ../../../etc/passwd\n"]
TOKENS = [token.encode() for token in [*_WORDS.split(), *_BLANKS]]


def damage(content: bytes, rng: random.Random, *, text: bool) -> bytes:
    """Return content with bytes flipped, cut out, doubled, moved, or replaced by awkward words."""
    data = bytearray(content)
    for _ in range(rng.choice((1, 1, 1, 2, 3, 8))):
        at = rng.randrange(len(data) + 1)
        end = min(len(data), at + rng.choice((1, 1, 2, 4, 16, 200)))
        kind = rng.randrange(9 if text else 6)
        words = list(re.finditer(rb"[-+.\w]+", data)) if kind == 7 else []
        if kind == 0 and data:
            data[at % len(data)] ^= 1 << rng.randrange(8)
        elif kind == 1 and data:
            data[at % len(data)] = rng.choice((0, 1, 0x7F, 0x80, 0xFE, 0xFF, rng.randrange(256)))
        elif kind == 2:
            del data[at:end]
        elif kind == 3:
            data[at:at] = data[at:end] * rng.choice((1, 1, 2, 50))
        elif kind == 4 and rng.random() < 0.3:
            del data[at:]
        elif kind == 5 and data:
            other = rng.randrange(len(data))
            data[at:end] = data[other : other + end - at]
        elif kind == 6:
            data[at:at] = rng.choice(TOKENS)
        elif kind == 7 and words:  # a number or a word becomes another
            word = rng.choice(words)
            data[word.start() : word.end()] = rng.choice(TOKENS)
        elif kind == 8 and rng.random() < 0.05:
            data[at:at] = rng.choice(TOKENS) * rng.choice((1_000, 100_000))
    return bytes(data)


def judge(kind: Kind, path: Path, root: Path) -> tuple[str, str]:
    """Read a file; return "read", "refused" or what went wrong, and a line about it."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            kind.read(path)
    except WsegsError as error:
        line = str(error)
        if "\n" in line.replace(str(root), ""):
            return "a message of several lines", line
        named = path.name in line or path.parent.name in line
        return ("refused" if named else "a message without the file's name"), line
    except AssertionError as error:
        return "a wrong answer", str(error)
    except Exception as error:
        return f"an exception ({type(error).__name__})", json.dumps(str(error))[:300]
    return "read", ""


def run(arguments: argparse.Namespace) -> bool:
    """Run the campaign and return whether every file was read rightly or refused in one line."""
    faults: list[str] = []
    columns = ["kind of file", "cases", "read", "refused in one line", "anything else", "slowest case", "peak memory"]
    campaign = _with_coverage if arguments.coverage else _campaign
    table(columns, (row for name in arguments.names for row in campaign(name, arguments, faults)))
    return not faults


def _campaign(name: str, arguments: argparse.Namespace, faults: list[str]) -> Iterator[list[object]]:
    """Read damaged files of one kind; go on behind a crash or a hang."""
    verdicts: Counter[str] = Counter()
    slowest, memory, number, last = 0.0, 0, arguments.first, arguments.first + arguments.cases
    ended = time.monotonic() + arguments.seconds
    while number < last and (left := ended - time.monotonic()) > 0:
        command = [sys.executable, "-m", "tests.campaigns.fuzz", name, arguments.seed, number, last, left]
        command += [] if arguments.keep is None else [arguments.keep]
        process = subprocess.Popen(list(map(str, command)), stdout=subprocess.PIPE)
        assert process.stdout is not None
        case = None
        while ready := select.select([process.stdout], [], [], HANG + 60 * (case is None))[0]:
            if not (line := process.stdout.readline()):
                break
            case = json.loads(line)
            number = case["number"] + 1
            if "verdict" in case:
                verdicts[case["verdict"]] += 1
                slowest, memory = max(slowest, case["took"]), max(memory, case["memory"])
                if case["verdict"] not in ("read", "refused"):
                    faults.append(f"{name} {case['number']} {case['file']}: {case['verdict']}: {case['line']}")
        if not ready:
            process.kill()
        code = process.wait()
        if code == 0:
            break
        if case is None or "verdict" in case:
            raise SystemExit(f"{name}: the reading process ended with {code}")
        verdicts["a crash or a hang"] += 1
        faults.append(f"{name} {case['number']} {case['file']}: {'a crash' if ready else 'a hang'} ({code})")
    counts = [verdicts.total(), verdicts.pop("read", 0), verdicts.pop("refused", 0), verdicts.total()]
    yield [name, *(f"{count:,}" for count in counts), f"{slowest:.2f} s", f"{memory} MB"]
    for fault in [fault for fault in faults if fault.startswith(f"{name} ")][:5]:
        print(f"    {fault}", file=sys.stderr, flush=True)


def _read_cases(name: str, seed: int, first: int, last: int, seconds: float, keep: Path | None) -> None:
    """Read damaged files in this process, and print a line of JSON before and after each."""
    kind, ended = KINDS[name], time.monotonic() + seconds
    with tempfile.TemporaryDirectory() as temporary:
        root = Path(temporary)
        names = kind.make(root)
        contents = {file: (root / file).read_bytes() for file in names}
        for file in names:
            verdict = judge(kind, root / file, root)
            assert verdict[0] == "read", (file, verdict)
            (root / file).write_bytes(contents[file])
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
        for number in range(first, last):
            if time.monotonic() > ended:
                break
            rng = random.Random(f"{seed}-{number}")
            file = rng.choice(names)
            damaged = damage(contents[file], rng, text=kind.text)
            (root / file).unlink(missing_ok=True)  # another inode, since libhdf5 knows open files by theirs
            (root / file).write_bytes(damaged)
            if keep is not None:
                (keep / f"{name}-{seed}-{number}-{Path(file).name}").write_bytes(damaged)
            case: dict[str, object] = {"number": number, "file": file}
            print(json.dumps(case), flush=True)
            began = time.monotonic()
            case["verdict"], case["line"] = judge(kind, root / file, root)
            case["took"] = time.monotonic() - began
            case["memory"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
            print(json.dumps(case), flush=True)
            (root / file).write_bytes(contents[file])


def _with_coverage(name: str, arguments: argparse.Namespace, faults: list[str]) -> Iterator[list[object]]:
    """Let libFuzzer damage each file of a kind, in a process of its own, which libFuzzer ends."""
    with tempfile.TemporaryDirectory() as temporary:
        names = KINDS[name].make(Path(temporary))
    for file in names if KINDS[name].text else ():
        with tempfile.TemporaryDirectory() as temporary:
            seconds = min(arguments.seconds, 60) / len(names)
            command = [sys.executable, "-m", "tests.campaigns.fuzz", name, arguments.seed, file, seconds, temporary]
            done = subprocess.run(list(map(str, [*command, "libfuzzer"])), capture_output=True, text=True)
        found = re.findall(r"^FAULT (.*)$", done.stdout, re.MULTILINE)
        faults += found + ([f"{file}: {done.stderr[-1500:]}"] if done.returncode else [])
        cases = (re.findall(r"#(\d+)\s+DONE", done.stderr) or ["0"])[0]
        peak = (re.findall(r"rss: (\d+)Mb", done.stderr) or ["0"])[-1]
        yield [f"{name}: {file}", f"{int(cases):,}", "", "", len(found) + bool(done.returncode), "", f"{peak} MB"]
        print("\n".join(f"    {fault}" for fault in found[:5]), file=sys.stderr, end="", flush=True)


def _fuzz_file(name: str, seed: int, file: str, seconds: float, folder: Path) -> None:
    import atheris

    with atheris.instrument_imports(include=["wsegs"]):
        kind = KINDS[name]
        kind.make(folder)
        path = folder / file
        content = path.read_bytes()
        verdict = judge(kind, path, folder)  # here, since readers import what they need when they need it
        assert verdict[0] == "read", (file, verdict)
    (folder / ".corpus").mkdir()
    (folder / ".corpus" / "whole").write_bytes(content)

    def read_case(data: bytes) -> None:
        path.write_bytes(data)
        verdict, line = judge(kind, path, folder)
        if verdict not in ("read", "refused"):
            print(f"FAULT {file}: {verdict}: {line}: {data[:2000]!r}", flush=True)

    def mutate(data: bytes, length: int, seed: int) -> bytes:
        return atheris.Mutate(data, length) if seed % 2 else damage(data, random.Random(seed), text=True)[:length]

    options = [f"-max_total_time={seconds:.0f}", f"-seed={seed + 1}", f"-timeout={HANG}", "-rss_limit_mb=3000"]
    options += ["-max_len=20000", f"-artifact_prefix={folder}/"]
    atheris.Setup([sys.argv[0], *options, str(folder / ".corpus")], read_case, custom_mutator=mutate)
    atheris.Fuzz()


if __name__ == "__main__":
    name, seed, *rest = sys.argv[1:]
    if rest[-1] == "libfuzzer":
        _fuzz_file(name, int(seed), rest[0], float(rest[1]), Path(rest[2]))
    else:
        first, last, seconds, *keep = rest
        _read_cases(name, int(seed), int(first), int(last), float(seconds), Path(keep[0]) if keep else None)
