"""What is not text is not indexed; what is text is not refused."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ragqa.documents import quality
from ragqa.documents.loader import InProcessLoader
from ragqa.errors import DocumentError


@pytest.mark.parametrize(
    "data",
    [
        b"\x89PNG\r\n\x1a\n" + b"text after the magic" * 50,
        b"\x7fELF\x02\x01\x01" + bytes(200),
        b"PK\x03\x04" + b"rest",
        b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(512),
        bytes(65536),
        random.Random(1).randbytes(65536),
    ],
    ids=["png", "elf", "zip", "ole", "zeros", "noise"],
)
def test_binary_is_refused_under_a_text_name(data: bytes) -> None:
    assert quality.is_binary(data)
    with pytest.raises(DocumentError) as caught:
        InProcessLoader().load(data, "notes.txt")
    assert caught.value.code == "binary"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "big5", "gb18030"])
@pytest.mark.parametrize("text", ["圖書館每日上午九時開放。" * 20, "The library opens at nine. " * 20])
def test_text_is_no_binary_in_any_encoding(text: str, encoding: str) -> None:
    assert not quality.is_binary(text.encode(encoding))


def test_a_text_with_escape_sequences_is_no_binary() -> None:
    assert not quality.is_binary(b"\x1b[31mThe library\x1b[0m opens at nine\x07 b\x08bold\n" * 20)


@pytest.mark.parametrize(
    "data", [b"", b" \n\t\r\n ", b"\xef\xbb\xbf", b"\xff\xfe", b"...\n---\n", "\u3000\u2028".encode()]
)
def test_blank_files_are_skipped_as_empty(data: bytes) -> None:
    with pytest.raises(DocumentError) as caught:
        InProcessLoader().load(data, "notes.txt")
    assert (caught.value.code, caught.value.skipped) == ("empty", True)


@pytest.mark.parametrize(
    "text", ["\ue000\ue001 a \ue002" * 30, "(cid:12)(cid:7)(cid:31)" * 30 + "a", "a\ufffd\ufffd" * 30]
)
def test_codes_of_glyphs_are_garbled(text: str) -> None:
    assert quality.is_garbled(text)
    with pytest.raises(DocumentError) as caught:
        quality.require_language(text)
    assert caught.value.code == "garbled"


def test_a_few_icons_are_allowed() -> None:
    assert not quality.is_garbled("\uf0b7 The first point of the list\n\uf0b7 The second point of the list\n")


@given(st.text())
def test_the_share_is_a_share(text: str) -> None:
    assert 0.0 <= quality.garbled_share(text) <= 1.0


@given(st.text(st.characters(categories=["L", "N", "P", "Z"])))
def test_language_is_never_garbled(text: str) -> None:
    assert quality.garbled_share(text) == 0.0


def test_noise_of_any_size_never_reads_as_language() -> None:
    for size in (512, 4096, 70_000):
        with pytest.raises(DocumentError):
            InProcessLoader().load(random.Random(size).randbytes(size), "noise.txt")
