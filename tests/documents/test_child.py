"""A document that hangs, bursts or crashes its parser costs itself alone, and nothing of the parser outlives us."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
import zlib
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from reportlab.pdfgen.canvas import Canvas

from ragqa.config import IngestConfig
from ragqa.documents.child import ChildLoader
from ragqa.documents.loader import InProcessLoader
from ragqa.errors import DocumentError

LIMITS = IngestConfig(parse_cpu_s=20, parse_wall_s=30, parse_memory_mb=512)


@pytest.fixture
def loader() -> Iterator[ChildLoader]:
    with ChildLoader(LIMITS) as loader:
        yield loader


def pdf_of(content: bytes, *resources: bytes) -> bytes:
    """A PDF of one page with this (compressed) content, written by hand so that it may be as bad as one likes."""
    squeezed = zlib.compress(content, 9)
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 600 800] /Contents 4 0 R /Resources << /Font << /F 5 0 R >> "
        + (b"/XObject << /X0 6 0 R >> >> >>" if resources else b">> >>"),
        b"<< /Filter /FlateDecode /Length %d >>\nstream\n" % len(squeezed) + squeezed + b"\nendstream",
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
        *resources,
    ]
    data = b"%PDF-1.7\n"
    places = []
    for number, content in enumerate(objects, 1):
        places.append(len(data))
        data += b"%d 0 obj\n" % number + content + b"\nendobj\n"
    table = b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    table += b"".join(b"%010d 00000 n \n" % place for place in places)
    return data + table + b"trailer << /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF" % (len(objects) + 1, len(data))


def doubling(depth: int) -> bytes:
    """A form that draws a form twice that draws a form twice ...: a few kilobytes, 2 to the `depth` words."""
    forms = []
    for level in range(depth):
        inner = b"BT /F 9 Tf (word ) Tj ET" if level == depth - 1 else b"/X0 Do /X0 Do"
        below = b"" if level == depth - 1 else b"/XObject << /X0 %d 0 R >>" % (7 + level)
        forms.append(
            b"<< /Type /XObject /Subtype /Form /BBox [0 0 600 800] "
            b"/Resources << /Font << /F 5 0 R >> %s >> /Length %d >>\nstream\n%s\nendstream"
            % (below, len(inner), inner)
        )
    return pdf_of(b"/X0 Do", *forms)


def code_of(loader: ChildLoader, data: bytes, name: str) -> str:
    with pytest.raises(DocumentError) as caught:
        loader.load(data, name)
    return caught.value.code


def is_alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


def wait_until(condition: Callable[[], bool], *, within_s: float = 10.0) -> bool:
    deadline = time.monotonic() + within_s
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(0.02)
    return False


def children_of(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()]


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("a.txt", "圖書館每日上午九時開放。\n\nIt is closed on Monday.".encode()),
        ("b.txt", "Straße für zwölf Boxkämpfer über Köln".encode("cp1252")),
        ("c.md", b"# Title\n\nWords."),
        ("d.html", b"<html><title>T</title><h1>H</h1><p>Words &amp; more.</p></html>"),
        ("e.pdf", pdf_of(b"BT /F 12 Tf 72 700 Td (Words on a page) Tj ET")),
    ],
)
def test_gives_what_the_loader_in_this_process_gives(loader: ChildLoader, name: str, data: bytes) -> None:
    assert loader.load(data, name) == InProcessLoader().load(data, name)


@pytest.mark.parametrize(
    ("name", "data"), [("a.txt", b""), ("b.txt", b"\0" * 100), ("c.png", b"x"), ("d.pdf", b"%PDF-1")]
)
def test_refuses_what_the_loader_in_this_process_refuses(loader: ChildLoader, name: str, data: bytes) -> None:
    errors = []
    for one in (loader, InProcessLoader()):
        with pytest.raises(DocumentError) as caught:
            one.load(data, name)
        errors.append((caught.value.code, caught.value.message, caught.value.remedy, caught.value.skipped))
    assert errors[0] == errors[1]


def test_the_password_reaches_the_parser(
    loader: ChildLoader, make_pdf: Callable[..., bytes], text_page: Callable[..., Callable[[Canvas], None]]
) -> None:
    data = make_pdf(text_page("The key is under the mat."), encrypt="secret")
    assert code_of(loader, data, "a.pdf") == "encrypted"
    assert loader.load(data, "a.pdf", password="secret").text == "The key is under the mat."


def test_a_small_file_costs_about_a_millisecond(loader: ChildLoader) -> None:
    loader.load(b"warm", "a.txt")
    started = time.process_time()
    for _ in range(100):
        loader.load(b"The library opens at nine.", "a.txt")
    assert (time.process_time() - started) / 100 < 0.005


def test_a_document_that_takes_too_much_processor_time_ends() -> None:
    with ChildLoader(replace(LIMITS, parse_cpu_s=1, parse_memory_mb=4096)) as loader:
        started = time.monotonic()
        assert code_of(loader, doubling(30), "bomb.pdf") == "timeout"
        assert time.monotonic() - started < 20
        assert loader.load(b"The next one is read.", "a.txt").text == "The next one is read."


def test_a_document_that_takes_too_long_ends() -> None:
    with ChildLoader(replace(LIMITS, parse_cpu_s=60, parse_wall_s=1, parse_memory_mb=4096)) as loader:
        assert code_of(loader, doubling(30), "bomb.pdf") == "timeout"
        assert loader.load(b"The next one is read.", "a.txt").text == "The next one is read."


def test_a_document_that_needs_too_much_memory_ends() -> None:
    with ChildLoader(replace(LIMITS, parse_memory_mb=128)) as loader:
        assert code_of(loader, "長".encode() * 40_000_000, "a.txt") == "memory"
        assert loader.load(b"The next one is read.", "a.txt").text == "The next one is read."


def test_a_text_that_is_too_large_is_refused() -> None:
    with ChildLoader(replace(LIMITS, parse_text_mb=1)) as loader:
        assert code_of(loader, b"word " * 300_000, "a.txt") == "output"
        assert len(loader.load(b"word " * 200_000, "a.txt").text) == 1_000_000


def test_a_crash_is_told_and_the_next_document_is_read(loader: ChildLoader) -> None:
    loader.load(b"start", "a.txt")
    (child,) = children_of(os.getpid())
    threading.Timer(0.3, os.kill, (child, signal.SIGSEGV)).start()
    assert code_of(loader, doubling(30), "bomb.pdf") == "crashed"
    assert loader.load(b"The next one is read.", "a.txt").text == "The next one is read."


def test_a_crash_is_no_lack_of_memory_however_large_the_parent_is(loader: ChildLoader) -> None:
    ballast = bytearray(os.urandom(1)) * (900 << 20)  # more than the child may have
    loader.load(b"start", "a.txt")
    del ballast
    (child,) = children_of(os.getpid())
    os.kill(child, signal.SIGSEGV)
    wait_until(lambda: not is_alive(child))
    assert code_of(loader, b"words " * 100_000, "a.txt") == "crashed"


def test_a_child_that_died_between_two_documents_costs_one_of_them_at_most(loader: ChildLoader) -> None:
    loader.load(b"start", "a.txt")
    (child,) = children_of(os.getpid())
    os.kill(child, signal.SIGSEGV)
    wait_until(lambda: not is_alive(child))
    assert code_of(loader, b"words " * 100_000, "a.txt") == "crashed"
    assert loader.load(b"words", "a.txt").text == "words"


def test_closing_leaves_no_process() -> None:
    loader = ChildLoader(LIMITS)
    loader.load(b"words", "a.txt")
    assert len(children_of(os.getpid())) == 1
    loader.close()
    assert children_of(os.getpid()) == []
    assert loader.load(b"again", "a.txt").text == "again"
    loader.close()


def test_what_a_library_prints_leads_nowhere(loader: ChildLoader) -> None:
    """Only the two pipes are left, under numbers that no library writes to by habit."""
    loader.load(b"start", "a.txt")
    (child,) = children_of(os.getpid())
    assert [str(Path(f"/proc/{child}/fd/{number}").readlink()) for number in (0, 1, 2)] == ["/dev/null"] * 3


@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGTERM])
def test_the_child_dies_with_the_parent_even_in_a_parse(tmp_path: Path, end: signal.Signals) -> None:
    (tmp_path / "bomb.pdf").write_bytes(doubling(30))
    script = f"""
        from ragqa.config import IngestConfig
        from ragqa.documents.child import ChildLoader
        loader = ChildLoader(IngestConfig(parse_memory_mb=8192))
        loader.load(b"start", "a.txt")
        print("ready", flush=True)
        loader.load(open({str(tmp_path / "bomb.pdf")!r}, "rb").read(), "bomb.pdf")
    """
    with subprocess.Popen([sys.executable, "-c", textwrap.dedent(script)], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        assert parent.stdout.readline() == "ready\n"
        (child,) = children_of(parent.pid)
        time.sleep(0.3)
        assert is_alive(child)
        parent.send_signal(end)
        parent.wait(10)
    assert wait_until(lambda: not is_alive(child))


def test_an_interrupt_ends_the_child_without_a_word(tmp_path: Path) -> None:
    """Ctrl-C goes to the whole foreground group: the child is in none, so only the parent speaks."""
    (tmp_path / "bomb.pdf").write_bytes(doubling(30))
    script = f"""
        from ragqa.config import IngestConfig
        from ragqa.documents.child import ChildLoader
        try:
            with ChildLoader(IngestConfig(parse_memory_mb=8192)) as loader:
                loader.load(b"start", "a.txt")
                print("ready", flush=True)
                loader.load(open({str(tmp_path / "bomb.pdf")!r}, "rb").read(), "bomb.pdf")
        except KeyboardInterrupt:
            print("interrupted")
    """
    with subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(script)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as parent:
        assert parent.stdout is not None and parent.stderr is not None
        assert parent.stdout.readline() == "ready\n"
        (child,) = children_of(parent.pid)
        time.sleep(0.3)
        os.killpg(parent.pid, signal.SIGINT)
        assert (parent.stdout.read(), parent.stderr.read(), parent.wait(10)) == ("interrupted\n", "", 0)
    assert wait_until(lambda: not is_alive(child))


def test_a_module_in_the_working_directory_is_not_imported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("json.py", "selectors.py", "ragqa.py"):
        (tmp_path / name).write_text("raise SystemExit('imported from the working directory')\n", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    with ChildLoader(LIMITS) as loader:
        assert loader.load(b"words", "a.txt").text == "words"


def test_the_child_knows_no_keys_and_can_write_no_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GEMINI_API_KEY", "canary-key")
    with ChildLoader(LIMITS) as loader:
        loader.load(b"words", "a.txt")
        (child,) = set(children_of(os.getpid()))
        assert b"canary-key" not in Path(f"/proc/{child}/environ").read_bytes()
        limits = Path(f"/proc/{child}/limits").read_text(encoding="ascii")
        chosen = [line.split()[-3:-1] for line in limits.splitlines() if line.startswith(("Max file size", "Max core"))]
        assert chosen == [["0", "0"]] * 2


def test_a_child_serves_many_documents_and_is_then_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ragqa.documents.child._MOST_FILES", 3)
    seen = set()
    with ChildLoader(LIMITS) as loader:
        for number in range(6):
            assert loader.load(f"text {number}".encode(), "a.txt").text == f"text {number}"
            seen.update(children_of(os.getpid()))
    assert len(seen) == 2
