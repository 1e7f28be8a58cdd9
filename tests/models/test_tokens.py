"""Prompt tokens: exact where the table is at hand, else a safe estimate, and never a wait that surprises."""

from __future__ import annotations

import hashlib
import os
import time
from pathlib import Path

import pytest
import tiktoken
import tiktoken.load
from hypothesis import given
from hypothesis import strategies as st

from ragqa.models import tokens
from ragqa.models.tokens import EstimatedTokens, ExactTokens, counter, estimate
from tests.services import server
from tests.services.server import Service

ENGLISH = "The tenant may terminate this agreement with three months' notice, in writing. " * 10
TRADITIONAL = "租客可於三個月前以書面通知業主終止本合約,逾期則須按第十二條繳付租金。" * 10


@pytest.fixture(autouse=True)
def own_tables(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TIKTOKEN_CACHE_DIR", "")  # put back after the test, which `counter` changes
    monkeypatch.setattr(tiktoken.registry, "ENCODINGS", {})


def bytes_encoding() -> tiktoken.Encoding:
    """Every byte is a token, but `rain` is one."""
    ranks = {bytes([byte]): byte for byte in range(256)}
    for word in (b"ra", b"in", b"rain"):
        ranks[word] = len(ranks)
    return tiktoken.Encoding("bytes", pat_str=r"\w+|\W", mergeable_ranks=ranks, special_tokens={"<|endoftext|>": 300})


def test_exact_counts_are_tiktokens() -> None:
    exact = ExactTokens(bytes_encoding())
    assert (exact.name, exact.exact) == ("bytes", True)
    assert exact.count("rain rain") == 3
    assert exact.count("雨") == 3


def test_a_models_special_words_are_only_text_in_a_document() -> None:
    assert ExactTokens(bytes_encoding()).count("<|endoftext|>") > 1


def test_the_estimate_is_safe_for_both_languages_and_not_wasteful() -> None:
    # The exact counts of o200k_base are about one for each English word and mark, .96 for each Traditional character.
    words = len(ENGLISH.replace(",", " ,").replace(".", " .").split())
    assert words <= estimate(ENGLISH) <= 1.6 * words
    assert 0.96 * len(TRADITIONAL) <= estimate(TRADITIONAL) <= 1.3 * len(TRADITIONAL)
    assert estimate("a" * 100_000) > 20_000
    assert estimate("") == 0


@given(st.text(max_size=200), st.text(max_size=50))
def test_the_estimate_never_shrinks_as_text_grows(text: str, more: str) -> None:
    assert 0 <= estimate(text) <= estimate(text + "\n" + more)


def test_offline_nothing_is_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tokens, "_loaded", lambda deadline_s: pytest.fail("the table was asked for"))
    found = counter(tmp_path, environment={"HF_HUB_OFFLINE": "1"})
    assert isinstance(found, EstimatedTokens)
    assert not found.exact
    assert list(tmp_path.iterdir()) == []


def test_a_silent_server_costs_the_deadline_once_a_day(
    tmp_path: Path, service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fetch(url: str) -> bytes:
        import requests

        asked.append(url)
        content: bytes = requests.post(service.url, json={}).content  # as tiktoken does: without a limit on time
        return content

    asked: list[str] = []
    service.script(*[server.stall()] * 9)
    monkeypatch.setattr(tiktoken.load, "read_file", fetch)
    said: list[str] = []
    for _ in range(2):
        started = time.monotonic()
        found = counter(tmp_path, environment={}, deadline_s=0.3, on_download=lambda: said.append("fetching"))
        assert time.monotonic() - started < 5
        assert isinstance(found, EstimatedTokens)
    assert asked == [tokens._TABLE_URL]
    assert said == ["fetching"]
    os.utime(tmp_path / "tiktoken-unreachable", (0, 0))
    counter(tmp_path, environment={}, deadline_s=0.1, on_download=lambda: said.append("a day later"))
    assert said == ["fetching", "a day later"]


def test_a_refused_connection_is_an_estimate(tmp_path: Path, service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    service.close()

    def fetch(url: str) -> bytes:
        import requests

        return bytes(requests.get(service.url).content)

    monkeypatch.setattr(tiktoken.load, "read_file", fetch)
    assert isinstance(counter(tmp_path, environment={}), EstimatedTokens)


def test_a_table_at_hand_is_used_without_asking_anybody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """tiktoken checks the real table's hash, so the table here is let through under its name alone."""
    table = b"\n".join(b"%s %d" % (base64_of(byte), byte) for byte in range(256))
    folder = tmp_path / "tiktoken"
    folder.mkdir()
    (folder / hashlib.sha1(tokens._TABLE_URL.encode()).hexdigest()).write_bytes(table)
    monkeypatch.setattr(tiktoken.load, "check_hash", lambda data, wanted: True)
    monkeypatch.setattr(tiktoken.load, "read_file", lambda url: pytest.fail("asked for the table"))
    found = counter(tmp_path, environment={"HF_HUB_OFFLINE": "1"})
    assert (found.name, found.exact) == ("o200k_base", True)
    assert found.count("rain") == 4


def base64_of(byte: int) -> bytes:
    import base64

    return base64.b64encode(bytes([byte]))


def test_a_cache_that_cannot_be_written_to_is_no_error(
    tmp_path: Path, service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tiktoken.load, "read_file", lambda url: (_ for _ in ()).throw(OSError("no network")))
    assert isinstance(counter(tmp_path / "file" / "nowhere", environment={}), EstimatedTokens)
