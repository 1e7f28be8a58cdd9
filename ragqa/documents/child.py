"""Parses and draws documents in a child process that may hang, crash or burst: killed, it costs that document alone.

The parent writes a request (a JSON line, then the file's bytes), the child answers with a JSON line. Nothing else
passes between them. The child has its own session, so that Ctrl-C reaches the parent only; it dies when the parent
does.
"""

from __future__ import annotations

import base64
import contextlib
import json
import os
import resource
import selectors
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO

from ragqa.config import IngestConfig
from ragqa.documents.pictures import Picture
from ragqa.errors import DocumentError
from ragqa.types import Block, Document, Page

_MEGABYTE = 1 << 20
_PIECE = 1 << 16
_MOST_FILES = 2000
_MOST_GROWTH = 300 * _MEGABYTE
_OPEN_FILES = 64
_PEAK_UNIT = 1 if sys.platform == "darwin" else 1024
"""What the system counts `ru_maxrss` in."""


class ChildLoader:
    """Implements ports.Loader with a child that is started for the first document and kept for the next ones.

    Raises DocumentError `timeout`, `memory`, `output` or `crashed` where the limits of `config` end a document.
    To be used from one thread: the system ends the child with the thread that started it.
    """

    def __init__(self, config: IngestConfig) -> None:
        self._config = config
        self._child: _Child | None = None

    def __enter__(self) -> ChildLoader:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the child, if there is one. The loader may be used again."""
        child, self._child = self._child, None
        if child is not None:
            child.kill()

    def load(self, data: bytes, name: str, *, password: str | None = None) -> Document:
        return _document(self._ask(data, {"name": name, "password": password})["document"])

    def picture(self, data: bytes, page: int, quotes: Sequence[str], *, password: str | None = None) -> Picture:
        """A page of a PDF, counted from 1, with the words of `quotes` boxed; under the same limits."""
        request = {"password": password, "page": page, "quotes": list(quotes)}
        drawn = self._ask(data, request)["picture"]
        return Picture(base64.b64decode(drawn["png"]), drawn["quotes"], drawn["boxed"], drawn["bare"])

    def _ask(self, data: bytes, request: Mapping[str, object]) -> dict[str, Any]:
        if self._child is None:
            self._child = _Child(self._config)
        child = self._child
        try:
            answer = child.ask({**request, "size": len(data)}, data)
        except BaseException:  # an interrupt as well: half a request must not meet the next one
            self.close()
            raise
        if child.is_worn(answer):
            self.close()
        error = answer.get("error")
        if error is not None:
            raise DocumentError(error["message"], code=error["code"], remedy=error["remedy"], skipped=error["skipped"])
        return answer


def _document(fields: Mapping[str, Any]) -> Document:
    return Document(
        text=fields["text"],
        title=fields["title"],
        language=fields["language"],
        loader=fields["loader"],
        pages=tuple(Page(*page) for page in fields["pages"]),
        blocks=tuple(Block(*block) for block in fields["blocks"]),
        warnings=tuple(fields["warnings"]),
    )


class _Child:
    """One child process and the pipes to it."""

    def __init__(self, config: IngestConfig) -> None:
        limits = {
            "cpu_s": config.parse_cpu_s,
            "memory": config.parse_memory_mb * _MEGABYTE,
            "text": config.parse_text_mb * _MEGABYTE,
            "parent": os.getpid(),
        }
        self._config = config
        self._served = 0
        self._first_memory = 0
        self._inherited_peak = 1.1 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * _PEAK_UNIT
        # -P: the working directory may hold anything, also a module of the same name as one of ours.
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", "ragqa.documents.child", json.dumps(limits)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=_environment(),
            start_new_session=True,
            bufsize=0,
        )
        assert self._process.stdin is not None and self._process.stdout is not None
        self._in, self._out = self._process.stdin.fileno(), self._process.stdout.fileno()
        os.set_blocking(self._in, False)
        os.set_blocking(self._out, False)

    def ask(self, header: Mapping[str, object], data: bytes) -> dict[str, Any]:
        """Send one document and wait for the answer, at most as long as the limits allow."""
        request = [memoryview(json.dumps(header).encode() + b"\n"), memoryview(data)]
        deadline = time.monotonic() + self._config.parse_wall_s
        # What the text may have, six bytes for each if all is escaped, and as much again for its structure.
        most = 12 * self._config.parse_text_mb * _MEGABYTE
        answer = bytearray()
        with selectors.DefaultSelector() as selector:
            selector.register(self._out, selectors.EVENT_READ)
            selector.register(self._in, selectors.EVENT_WRITE)
            while not answer.endswith(b"\n"):
                ready = selector.select(max(0.0, deadline - time.monotonic()))
                if not ready:
                    raise self._ended(f"it took longer than {self._config.parse_wall_s} s", "timeout")
                for key, _ in ready:
                    if key.fd == self._in:
                        if not self._write(request):
                            selector.unregister(self._in)
                        continue
                    piece = os.read(self._out, _PIECE)
                    if not piece:
                        raise self._lost()
                    answer += piece
                    if len(answer) > most:
                        raise self._ended("its text is larger than ingest.parse_text_mb allows", "output")
        self._served += 1
        parsed: dict[str, Any] = json.loads(answer)
        return parsed

    def _write(self, request: list[memoryview]) -> bool:
        """Write as much as fits into the pipe; false when all is written, or nobody reads any more."""
        while request and not request[0]:
            request.pop(0)
        if request:
            try:
                request[0] = request[0][os.write(self._in, request[0][: 16 * _PIECE]) :]
            except BlockingIOError:
                return True
            except BrokenPipeError:  # it died; what it died of is told by its status
                return False
        return any(request)

    def is_worn(self, answer: Mapping[str, Any]) -> bool:
        """Whether the next document deserves a fresh child: this one is old, has grown, or is on its way out."""
        memory = int(answer["memory"])
        self._first_memory = self._first_memory or memory
        too_large = memory - self._first_memory > _MOST_GROWTH
        return bool(answer["leaving"]) or self._served >= _MOST_FILES or too_large

    def _ended(self, why: str, code: str) -> DocumentError:
        self.kill()
        return DocumentError(why, code=code, remedy=_REMEDIES.get(code, ""))

    def _lost(self) -> DocumentError:
        """The child went away by itself: say why, as far as the system tells."""
        status, used = self._reap()
        limit = self._config.parse_memory_mb * _MEGABYTE
        if status == -signal.SIGXCPU:
            return self._ended(f"it took more than {self._config.parse_cpu_s} s of processor time", "timeout")
        # A child begins with its parent's peak (Linux counts it across exec), which says nothing of its own.
        if status == -signal.SIGKILL or used > max(0.8 * limit, self._inherited_peak):
            return self._ended(f"it needs more memory than {self._config.parse_memory_mb} MB", "memory")
        ended = signal.Signals(-status).name if status < 0 else f"status {status}"
        return self._ended(f"the parser crashed ({ended})", "crashed")

    def _reap(self) -> tuple[int, int]:
        """The exit status of a child that closed its pipe, and the most memory it had, in bytes."""
        with contextlib.suppress(ProcessLookupError):
            deadline = time.monotonic() + 5
            while time.monotonic() < deadline:
                pid, status, usage = os.wait4(self._process.pid, os.WNOHANG)
                if pid:
                    self._process.returncode = os.waitstatus_to_exitcode(status)
                    return self._process.returncode, usage.ru_maxrss * _PEAK_UNIT
                time.sleep(0.005)
        return 0, 0

    def kill(self) -> None:
        """End the child and whatever it may have started, and take its status so that nothing is left of it."""
        if self._process.returncode is None:
            try:
                os.killpg(self._process.pid, signal.SIGKILL)
            except (ProcessLookupError, PermissionError):
                self._process.kill()
            self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()


_REMEDIES = {
    "timeout": "raise ingest.parse_cpu_s and ingest.parse_wall_s if it is worth the wait",
    "memory": "raise ingest.parse_memory_mb if this machine has it",
    "output": "split it, or raise ingest.parse_text_mb",
}


def _environment() -> dict[str, str]:
    """The parent's environment, with this very package first, and without the keys of any service."""
    kept = {name: value for name, value in os.environ.items() if not name.endswith(("_KEY", "_TOKEN", "_SECRET"))}
    home = str(Path(__file__).resolve().parents[2])
    kept["PYTHONPATH"] = os.pathsep.join(filter(None, (home, kept.get("PYTHONPATH", ""))))
    return kept


# --- inside the child -------------------------------------------------------------------------------------------------


def _serve(limits: Mapping[str, int]) -> None:
    """Answer requests until the parent closes the pipe."""
    _die_with(limits["parent"])
    requests, answers = _take_pipes()
    _limit_once(limits["memory"])
    from ragqa.documents.loader import InProcessLoader

    loader = InProcessLoader()
    while line := requests.readline():
        header = json.loads(line)
        _limit_processor_time(limits["cpu_s"])
        leaving = False
        try:
            data = _read_exactly(requests, header["size"])
            answer: dict[str, Any] = (
                {"picture": _drawn(data, header)}
                if "page" in header
                else {"document": _fields(loader, data, header, limits["text"])}
            )
        except DocumentError as error:
            answer = {"error": _error(error)}
        except MemoryError:
            leaving = True
            answer = {"error": _error(_too_much_memory(limits["memory"]))}
        except RecursionError:
            answer = {"error": _error(DocumentError("it is nested too deeply", code="damaged"))}
        except Exception as error:  # noqa: BLE001  (this process exists so that a bug costs one document)
            leaving = True
            message = f"the parser failed: {type(error).__name__}: {error}".split("\n")[0][:300]
            answer = {"error": _error(DocumentError(message, code="crashed"))}
        data = b""
        answer |= {"memory": _memory(), "leaving": leaving}
        answers.write(json.dumps(answer, separators=(",", ":")).encode() + b"\n")
        answers.flush()
        if leaving:
            return


def _die_with(parent: int) -> None:
    """Ask the system to kill this process when the parent is gone, however it went, and whatever runs here."""
    if sys.platform == "linux":
        import ctypes

        ctypes.CDLL(None, use_errno=True).prctl(1, signal.SIGKILL, 0, 0, 0)  # 1: PR_SET_PDEATHSIG
    if os.getppid() != parent:
        os._exit(0)


def _take_pipes() -> tuple[BinaryIO, BinaryIO]:
    """The two pipes, out of the reach of any library that prints or reads: 0, 1 and 2 lead nowhere from now on."""
    requests, answers = os.dup(0), os.dup(1)
    nowhere = os.open(os.devnull, os.O_RDWR)
    for standard in (0, 1, 2):
        os.dup2(nowhere, standard)
    os.close(nowhere)
    return os.fdopen(requests, "rb"), os.fdopen(answers, "wb")


def _limit_once(memory: int) -> None:
    """Limits that hold for all documents: memory beyond what is mapped now, no core dump, no file written."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    wanted = ((resource.RLIMIT_CORE, 0), (resource.RLIMIT_FSIZE, 0), (resource.RLIMIT_NOFILE, _OPEN_FILES))
    for kind, limit in (*wanted, (resource.RLIMIT_AS, _mapped() + memory)):
        _, hard = resource.getrlimit(kind)
        value = limit if hard == resource.RLIM_INFINITY else min(limit, hard)
        with contextlib.suppress(ValueError, OSError):  # a system that does not know the limit
            resource.setrlimit(kind, (value, value))


def _limit_processor_time(seconds: int) -> None:
    """The next document may take so many seconds; the system kills this process when they are used up."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    _, hard = resource.getrlimit(resource.RLIMIT_CPU)
    limit = int(usage.ru_utime + usage.ru_stime) + 1 + seconds
    resource.setrlimit(resource.RLIMIT_CPU, (limit if hard == resource.RLIM_INFINITY else min(limit, hard), hard))


def _mapped() -> int:
    """Bytes of address space in use; 0 where the system does not tell."""
    return _statm(0)


def _memory() -> int:
    """Bytes of memory in use; 0 where the system does not tell."""
    return _statm(1)


def _statm(column: int) -> int:
    try:
        words = Path("/proc/self/statm").read_text(encoding="ascii").split()
    except OSError:
        return 0
    return int(words[column]) * resource.getpagesize()


def _read_exactly(requests: BinaryIO, size: int) -> bytes:
    data = requests.read(size)
    if len(data) != size:
        os._exit(0)  # the parent went away in the middle of a request
    return data


def _fields(loader: Any, data: bytes, header: Mapping[str, Any], most: int) -> dict[str, Any]:
    document: Document = loader.load(data, header["name"], password=header["password"])
    if len(document.text) > most or len(document.text.encode()) > most:
        raise DocumentError(f"its text has more than {most // _MEGABYTE} MB", code="output", remedy=_REMEDIES["output"])
    return {
        "text": document.text,
        "title": document.title,
        "language": document.language,
        "loader": document.loader,
        "pages": [(page.number, page.start, page.end, page.label) for page in document.pages],
        "blocks": [(block.start, block.end, block.kind, block.level) for block in document.blocks],
        "warnings": document.warnings,
    }


def _drawn(data: bytes, header: Mapping[str, Any]) -> dict[str, Any]:
    from ragqa.documents.pictures import draw

    drawn = draw(data, header["page"], header["quotes"], password=header["password"])
    png = base64.b64encode(drawn.png).decode("ascii")
    return {"png": png, "quotes": drawn.quotes, "boxed": drawn.boxed, "bare": drawn.bare}


def _error(error: DocumentError) -> dict[str, object]:
    return {"code": error.code, "message": error.message, "remedy": error.remedy, "skipped": error.skipped}


def _too_much_memory(memory: int) -> DocumentError:
    message = f"it needs more memory than {memory // _MEGABYTE} MB"
    return DocumentError(message, code="memory", remedy=_REMEDIES["memory"])


if __name__ == "__main__":
    _serve(json.loads(sys.argv[1]))
