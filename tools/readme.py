"""Keeps the README true: runs every `console` block in it and writes what really comes out.

    python tools/readme.py            # rewrite README.md
    python tools/readme.py --check    # exit 1 and show the difference where it is not as the program prints

The blocks run in order in one temporary folder that holds a copy of `sample_docs`, without keys, 100 columns wide.
Times and sizes are shown as they were when written: any number of seconds equals any other.
"""

from __future__ import annotations

import difflib
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
README = ROOT / "README.md"
BLOCK = re.compile(r"(?<=^```console\n).*?(?=^```$)", re.MULTILINE | re.DOTALL)
SECONDS = re.compile(r"\b\d+\.\d+ s\b|\b\d+(\.\d+)? [kM]B\b")
MARK = "\x1e"


def rewritten(text: str) -> str:
    """`text` with the output of every console block as it is now."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name).resolve()
        shutil.copytree(ROOT / "sample_docs", folder / "sample_docs")
        return BLOCK.sub(lambda block: _run(block.group(), folder), text)


def same(one: str, other: str) -> bool:
    """Whether two texts differ in nothing but times and sizes."""
    return SECONDS.sub("N", one) == SECONDS.sub("N", other)


def _run(block: str, folder: Path) -> str:
    commands = [line[2:] for line in block.splitlines() if line.startswith("$ ")]
    # A command's exit status is put back before the next one, so that `echo $?` shows it.
    script = "".join(f"{command}\n_status=$?; printf '{MARK}'; (exit $_status)\n" for command in commands)
    hidden = ("GEMINI_", "GOOGLE_", "OPENAI_", "RAGQA_")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(hidden)}
    environment |= {name: os.environ[name] for name in ("RAGQA_CACHE_DIR",) if name in os.environ}
    environment |= {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", "COLUMNS": "100"}
    environment["XDG_STATE_HOME"] = str(folder / ".state")
    done = subprocess.run(
        ["bash", "-c", script],
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    outputs = done.stdout.replace(str(folder), "/home/me").split(MARK)
    return "\n".join(f"$ {command}\n{_ended(out)}" for command, out in zip(commands, outputs, strict=False))


def _ended(output: str) -> str:
    lines = (line.rstrip() for line in output.strip("\n").splitlines())
    return "".join(f"{line}\n" for line in lines)


def main() -> None:
    now = README.read_text(encoding="utf-8")
    real = rewritten(now)
    if "--check" not in sys.argv:
        README.write_text(now if same(now, real) else real, encoding="utf-8")
    elif not same(now, real):
        sys.stderr.writelines(difflib.unified_diff(now.splitlines(True), real.splitlines(True), "README.md", "real"))
        sys.exit(1)


if __name__ == "__main__":
    main()
