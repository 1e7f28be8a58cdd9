"""How the process ends: interrupted at any moment, with streams that are closed or full, started by nohup."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

HERE = [sys.executable, "-m", "ragqa"]
SWALLOWS = """
import os, signal, sys
from ragqa.cli import main

def run(arguments):
    try:
        os.kill(os.getpid(), getattr(signal, sys.argv[1]))
        signal.sigtimedwait([], 5)
    except KeyboardInterrupt:
        pass
    raise ImportError("initialization failed")

main.run = run
main.main()
"""
WAITS = """
import signal, sys
from ragqa.cli import main

def run(arguments):
    print("ready", flush=True)
    signal.sigtimedwait([], float(sys.argv[1]))
    return 0

main.run = run
main.main()
"""


@pytest.mark.parametrize(("name", "code"), [("SIGINT", 130), ("SIGTERM", 143), ("SIGHUP", 129)])
def test_an_interrupt_that_a_library_turns_into_an_error_of_its_own_is_an_interrupt(name: str, code: int) -> None:
    done = subprocess.run([sys.executable, "-c", SWALLOWS, name], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (code, "ragqa: interrupted\n")


def test_an_error_without_an_interrupt_keeps_its_traceback() -> None:
    program = SWALLOWS.replace("os.kill", "(lambda *_: None)").replace("5)", "0)")
    done = subprocess.run([sys.executable, "-c", program, "SIGINT"], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "ImportError: initialization failed" in done.stderr


def test_what_nohup_protects_outlives_its_terminal() -> None:
    command = ["nohup", sys.executable, "-c", WAITS, "0.3"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL)
    assert process.stdout is not None and process.stdout.readline() == b"ready\n"
    process.send_signal(signal.SIGHUP)
    assert process.wait(timeout=20) == 0


def test_signals_in_a_row_end_it_without_a_traceback() -> None:
    process = subprocess.Popen([sys.executable, "-c", WAITS, "20"], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout is not None and process.stdout.readline() == b"ready\n"
    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT, signal.SIGTERM):
        process.send_signal(number)
        time.sleep(0.002)
    _, complaint = process.communicate(timeout=20)
    assert process.returncode in (143, -signal.SIGHUP, -signal.SIGINT, -signal.SIGTERM)
    assert b"Traceback" not in complaint


def test_an_interrupt_with_stderr_closed_has_its_exit_code() -> None:
    command = ["sh", "-c", f'exec "{sys.executable}" -c "$0" SIGINT 2>&-', SWALLOWS]
    assert subprocess.run(command, check=False, timeout=60).returncode == 130


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no /dev/full here")  # noqa: PTH110
@pytest.mark.parametrize("arguments", [["--help"], ["ask", "--help"], ["--version"]])
def test_help_on_a_full_device_is_an_error_of_one_line(arguments: list[str], tmp_path: Path) -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [*HERE, *arguments], stdout=full, stderr=subprocess.PIPE, text=True, check=False, cwd=tmp_path
        )
    assert done.returncode == 1
    assert done.stderr == "ragqa: cannot write: No space left on device\n"


@pytest.mark.parametrize("redirection", ["2>&-", "2>/dev/full"])
def test_a_command_that_is_not_whole_is_a_usage_error_also_where_nobody_is_told(
    redirection: str, tmp_path: Path
) -> None:
    command = ["sh", "-c", f'exec "{sys.executable}" -m ragqa config {redirection}']
    assert subprocess.run(command, check=False, cwd=tmp_path, timeout=60).returncode == 2


def test_a_working_directory_that_is_gone_is_an_error_of_one_line(tmp_path: Path) -> None:
    script = f'mkdir gone && cd gone && rmdir ../gone && exec "{sys.executable}" -m ragqa search x'
    done = subprocess.run(["sh", "-c", script], capture_output=True, text=True, check=False, cwd=tmp_path)
    assert done.returncode == 1
    assert done.stderr == "ragqa: the working directory does not exist any more (cd to one that does)\n"
