"""The output gate: no control character but newline and tab leaves the program, however the text is cut."""

from __future__ import annotations

import io
import itertools
import json
import os
import subprocess
import sys
import unicodedata
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ragqa.cli.gate import Output, Styled, encode_json, safe, style, visible, wants_colour
from ragqa.errors import StorageError

ANY_TEXT = st.text(st.characters(exclude_categories=()), max_size=60)  # lone surrogates too
HOSTILE = st.text(
    st.sampled_from(
        "ab 中\n\t\x1b[]\x07\x9b\x9d\x7f\r\b\u202e\u2066\u200b\u200d\ufeff\ufdd0\ufdef\udc80\U000e0041\U000e0101"
    ),
    max_size=40,
)


def is_harmless(character: str) -> bool:
    if character in "\n\t\u00ad":
        return True
    if unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp"):
        return False
    return unicodedata.bidirectional(character) not in (
        "LRE",
        "RLE",
        "LRO",
        "RLO",
        "PDF",
        "LRI",
        "RLI",
        "FSI",
        "PDI",
        "BN",
    )


@given(ANY_TEXT | HOSTILE)
def test_nothing_but_newline_and_tab_controls_a_terminal(text: str) -> None:
    shown = visible(text)
    assert [character for character in shown if not is_harmless(character) and character in text] == []
    shown.encode("utf-8")


def test_every_control_surrogate_direction_and_tag_character_is_written_out() -> None:
    dangerous = [chr(code) for code in range(sys.maxunicode + 1) if not is_harmless(chr(code))]
    assert len(dangerous) > 2000
    assert [f"U+{ord(character):04X}" for character in dangerous if visible(character) == character] == []


@given(ANY_TEXT | HOSTILE, st.lists(st.integers(0, 60), max_size=4))
def test_text_may_be_cut_anywhere(text: str, cuts: list[int]) -> None:
    places = sorted({min(cut, len(text)) for cut in cuts} | {0, len(text)})
    pieces = [text[start:end] for start, end in itertools.pairwise(places)]
    assert "".join(map(visible, pieces)) == visible(text)
    assert visible(visible(text)) == visible(text)


def test_people_see_what_was_there() -> None:
    assert visible("a\x1b[2Jb") == "a␛[2Jb"
    assert (
        visible("del\x7f c1\x9b31m rtl\u202e tag\U000e0041 \udcff") == r"del␡ c1\x9b31m rtl\u202e tag\U000e0041 \udcff"
    )
    assert visible("naïve 中文，“引號” 👍🏽 ❤️ a\tb\n") == "naïve 中文，“引號” 👍🏽 ❤️ a\tb\n"


@given(st.dictionaries(st.text(max_size=5), ANY_TEXT | HOSTILE, max_size=4))
def test_json_is_clean_and_reads_back_the_same(value: dict[str, str]) -> None:
    written = encode_json(value)
    assert "\n" not in written
    assert visible(written) == written
    assert json.loads(written) == value


def test_json_never_holds_what_is_not_json() -> None:
    with pytest.raises(ValueError, match="Out of range"):
        encode_json({"score": float("nan")})


@given(ANY_TEXT | HOSTILE, ANY_TEXT | HOSTILE)
def test_only_styled_text_is_coloured_and_plain_text_cannot_pose_as_styled(first: str, second: str) -> None:
    stream = io.StringIO()
    output = Output(stream, colour=True)
    output.write(first)
    output.write(safe(first) + second)
    output.write(first + safe(second))
    output.write(Styled(" ").join([first, second]))
    assert "\x1b" not in stream.getvalue()


def test_colour_ends_with_the_text_it_belongs_to() -> None:
    coloured, plain = io.StringIO(), io.StringIO()
    text = "a " + style("bad\x1b[2J", "bold", "red") + " b"
    Output(coloured, colour=True).line(text)
    Output(plain, colour=False).line(text)
    assert coloured.getvalue() == "a \x1b[1m\x1b[31mbad␛[2J\x1b[0m b\n"
    assert plain.getvalue() == "a bad␛[2J b\n"
    assert text.plain == "a bad␛[2J b"


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("stream", "environment", "wanted"),
    [
        (Terminal(), {"TERM": "xterm"}, True),
        (Terminal(), {"TERM": "xterm", "NO_COLOR": "1"}, False),
        (Terminal(), {"TERM": "xterm", "NO_COLOR": ""}, True),
        (Terminal(), {"TERM": "dumb"}, False),
        (Terminal(), {}, False),
        (io.StringIO(), {"TERM": "xterm"}, False),
        (None, {"TERM": "xterm"}, False),
    ],
)
def test_colour_is_for_terminals_that_want_it(
    stream: io.StringIO | None, environment: dict[str, str], wanted: bool
) -> None:
    assert wants_colour(stream, environment) is wanted


def run(code: str, **options: object) -> subprocess.CompletedProcess[bytes]:
    program = "import sys; from ragqa.cli.gate import Output; out = Output(sys.stdout)\n" + code
    environment = {
        "PATH": os.environ["PATH"],
        "LANG": "C",
        "LC_ALL": "C",
        "PYTHONCOERCECLOCALE": "0",
        "PYTHONUTF8": "0",
    }
    return subprocess.run([sys.executable, "-c", program], stderr=subprocess.PIPE, env=environment, **options)  # type: ignore[call-overload, no-any-return]


def test_output_is_utf8_whatever_the_locale() -> None:
    result = run(r"out.line('\u7b2c\u4e00 \xe9 \udc80')", stdout=subprocess.PIPE)
    assert (result.stdout.decode("utf-8"), result.stderr) == ("第一 é \\udc80\n", b"")


def test_output_follows_what_others_wrote_before() -> None:
    result = run("sys.stdout.write('first '); out.line('second')", stdout=subprocess.PIPE)
    assert result.stdout == b"first second\n"


def test_a_full_device_is_a_storage_error() -> None:
    with Path("/dev/full").open("w", encoding="utf-8") as full, pytest.raises(StorageError, match="No space left"):
        Output(full).line("x")
    with Path("/dev/full").open("w", encoding="utf-8") as full:
        Output(full, may_be_lost=True).line("x")


def test_a_reader_that_has_gone_is_a_broken_pipe_and_leaves_nothing_for_the_end() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "wb") as pipe:
        result = run("try:\n    out.line('x' * 100000)\nexcept BrokenPipeError:\n    sys.exit(7)", stdout=pipe)
    assert (result.returncode, result.stderr) == (7, b"")


def test_a_pipe_that_does_not_block_gets_every_byte() -> None:
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    child = subprocess.Popen(
        [sys.executable, "-c", "import sys, time; time.sleep(0.2); print(len(sys.stdin.read()))"],
        stdin=reader,
        stdout=subprocess.PIPE,
    )
    os.close(reader)
    with os.fdopen(writer, "w", encoding="utf-8") as pipe:
        Output(pipe).write("y" * 300_000)
    assert child.communicate()[0] == b"300000\n"


def test_a_closed_stdout_swallows_all() -> None:
    result = run("out.line('x'); Output(None).line('y')", preexec_fn=lambda: os.close(1))
    assert (result.returncode, result.stderr) == (0, b"")
    closed = io.StringIO()
    closed.close()
    Output(closed).line("z")
