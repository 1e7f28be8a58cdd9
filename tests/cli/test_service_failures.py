"""Every row of the table in `docs/services.md` through the command line: what is printed, how it ends, no key."""

from __future__ import annotations

import functools
import json
import re
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from ragqa import wiring
from ragqa.answering import template
from ragqa.cli.main import run
from ragqa.models import gemini, openai_compatible
from ragqa.models.retrying import Retries
from tests.services import server
from tests.services.dialects import DIALECTS, Dialect
from tests.services.server import KEY, Reply, Service

PAGE = Path(__file__).parents[2] / "docs" / "services.md"
QUESTION = "How many days of holiday does a full-time employee in Leeds get each year?"
WORDS = ("A full-time employee in Leeds gets 27 days", " of annual leave a year [1].")


@dataclass(frozen=True)
class Failure:
    """One way to fail: the replies, repeated without end, and what is different about the environment."""

    replies: Callable[[Dialect], list[Reply]]
    words: bool = False
    """Whether some words of an answer come."""
    environment: Mapping[str, str] = field(default_factory=dict)


def refused(*statuses: int) -> Failure:
    # Each is tried apart in `tests/models/test_transport.py`; here the first of them stands for all.
    return Failure(lambda dialect: [dialect.error(statuses[0], f"no, {KEY}")])


def answer(dialect: Dialect) -> Reply:
    return dialect.answer(*WORDS)


def blocked(dialect: Dialect) -> list[Reply]:
    filtered = server.openai_events({"refusal": f"I cannot, {KEY}"})
    return [server.gemini_blocked("SAFETY") if dialect.finish == "STOP" else filtered]


FAILURES: dict[str, Failure] = {
    "refused with 408, 429, 500, 502, 503, 504 or 529": refused(503, 429),
    "the wait that the service asks for is longer than the limits": Failure(
        lambda dialect: [dialect.error(429, f"no, {KEY}", **dialect.wait_for(4700))]
    ),
    "refused with 400, 401, 402, 403, 404, 409, 413 or 422": refused(401),
    "a redirect": Failure(lambda dialect: [server.redirect(f"http://127.0.0.1:9/{KEY}")]),
    "nobody listens at the address": Failure(lambda dialect: []),
    "the connection closes before the reply": Failure(lambda dialect: [server.hang_up()]),
    "silence before the first word": Failure(lambda dialect: [server.stall()]),
    "silence inside the answer": Failure(lambda dialect: [server.stall(answer(dialect), after=1)], words=True),
    "the whole takes longer than its limit": Failure(
        lambda dialect: [
            Reply(answer(dialect).chunks[:1] + (b": waiting\n\n",) * 99, content_type="text/event-stream", pause_s=0.1)
        ],
        words=True,
        environment={"RAGQA_ANSWER_TIMEOUT_S": "1"},
    ),
    "the connection breaks inside the answer": Failure(
        lambda dialect: [server.cut(answer(dialect), after=1, clean=False)], words=True
    ),
    "the answer merely ends, without a word on why": Failure(
        lambda dialect: [server.cut(answer(dialect), after=1, clean=True)], words=True
    ),
    "it ends for any reason but that the model was done": Failure(
        lambda dialect: [dialect.answer(*WORDS, finish=f"SOMETHING_{KEY}")], words=True
    ),
    "it ends without a word of an answer": Failure(lambda dialect: [dialect.answer("")]),
    "the question is refused by the service's rules": Failure(blocked),
    "HTML, or JSON that is no reply": Failure(lambda dialect: [server.raw(f'{{"{KEY}": [1]}}\n<html>'.encode())]),
    "a reply of more than 64 MiB, announced or not": Failure(lambda dialect: [server.huge(megabytes=65)]),
    "a service is named and its key is not set": Failure(
        lambda dialect: [], environment={"GEMINI_API_KEY": "", "OPENAI_API_KEY": ""}
    ),
    "a key that no request can carry": Failure(
        lambda dialect: [], environment={"GEMINI_API_KEY": f"“{KEY}”", "OPENAI_API_KEY": f"“{KEY}”"}
    ),
}


def table() -> Iterator[tuple[str, int, int]]:
    """The rows of the page: what happens, how often the service is asked, the exit code."""
    for line in PAGE.read_text("utf-8").splitlines():
        if found := re.fullmatch(r"\| (.+?) \| (\d) \| .+ \| (\d) \|", line):
            yield found[1], int(found[2]), int(found[3])


ROWS = {what: (asked, code) for what, asked, code in table()}


def test_the_page_names_every_failure() -> None:
    assert list(ROWS) == list(FAILURES)


def test_every_name_on_the_page_is_one() -> None:
    names = re.findall(r"`(openai:[^`]+)`", PAGE.read_text("utf-8"))
    addresses = [openai_compatible.parse(name).url for name in names if "MODEL" not in name]
    assert len(addresses) >= 8
    assert all(re.search(r"/v1$", address) for address in addresses)


def test_the_prompt_on_the_page_is_one() -> None:
    lines = [line.removeprefix("    ") for line in PAGE.read_text("utf-8").splitlines() if line.startswith("    ")]
    assert "{rules}" in template.parse("\n".join(lines), name="the page").text


@pytest.fixture
def in_process(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The command runs in this process, with short pauses, a short patience, and the embedding model loaded once."""
    quick = functools.partial(Retries, first_pause_s=0.01)
    monkeypatch.setattr(gemini, "Retries", quick)
    monkeypatch.setattr(openai_compatible, "Retries", quick)
    monkeypatch.setenv("RAGQA_ANSWER_IDLE_S", "0.5")
    monkeypatch.setattr(wiring, "embedder", _embedder)
    monkeypatch.chdir(tmp_path)


_real = wiring.embedder


def _embedder(*_: object, **__: object) -> object:
    return _loaded()


@functools.cache
def _loaded() -> object:
    from ragqa.config import EmbeddingConfig

    return _real(EmbeddingConfig(), notice=lambda line: None)


@pytest.mark.parametrize("what", FAILURES)
@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_failure_ends_as_the_page_says(
    in_process: None,
    sample_index: Path,
    sealed_home: Path,
    tmp_path: Path,
    service: Service,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    dialect: str,
    what: str,
) -> None:
    failure, (asked, code) = FAILURES[what], ROWS[what]
    model = f"openai:m@{service.openai_url}" if dialect == "openai" else "gemini:m"
    if dialect == "openai" and failure.environment.get("OPENAI_API_KEY") == "":
        model = "openai:m"  # only OpenAI itself is known to want one
    environment = {**service.gemini_environment(), "OPENAI_API_KEY": KEY, **failure.environment}
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    replies = failure.replies(DIALECTS[dialect])
    if not replies:
        service.close()

    arguments = ["ask", QUESTION, "--model", model, "--index", str(sample_index)]
    ended = []
    for options in (["--debug"], ["--json"]):
        service.requests.clear()
        service.script(*replies * 5)
        ended.append(run([*arguments, *options]))
        assert len(service.requests) == asked
        service.forget()
        out, err = capfd.readouterr()
        assert KEY not in out + err
        assert "Traceback" not in err or "--debug" in options
        assert "Sources" not in out
        if code == 5 and options == ["--json"]:
            result = json.loads(out)
            assert (result["status"], bool(result["answer"])) == ("incomplete", failure.words)
            assert result["reason"] and result["hits"]
        elif code == 5:
            if failure.words:
                assert out.strip() in (WORDS[0], "".join(WORDS))
                assert "the answer is incomplete: " in err
            else:
                assert run(["search", QUESTION, "--index", str(sample_index)]) == 0
                assert capfd.readouterr().out == out
                assert "there is no answer: " in err
    assert ended == [code, code]
    for folder in (sealed_home, sample_index, tmp_path):
        for file in folder.rglob("*"):
            assert KEY.encode() not in (file.read_bytes() if file.is_file() else bytes(file.name, "utf-8"))


@pytest.mark.parametrize("options", [[], ["--debug"], ["--json"]])
def test_a_service_that_fails_an_ingest_tells_no_key(
    tmp_path: Path,
    service: Service,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    options: list[str],
) -> None:
    for name, value in {**service.gemini_environment(), "RAGQA_EMBEDDING_MODEL": "gemini:m"}.items():
        monkeypatch.setenv(name, value)
    service.script(*[server.gemini_error(403, f"no, {KEY}")] * 9)
    (tmp_path / "a.md").write_text("It rains.", encoding="utf-8")
    assert run(["ingest", str(tmp_path), "--index", str(tmp_path / ".ragqa"), *options]) == 5
    assert service.requests
    out, err = capfd.readouterr()
    assert "403" in err and KEY not in out + err
    for file in tmp_path.rglob("*"):
        assert file.is_dir() or KEY.encode() not in file.read_bytes()


def test_a_reranker_that_fails_tells_no_key_and_changes_nothing(
    in_process: None,
    sample_index: Path,
    service: Service,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    arguments = ["search", QUESTION, "--index", str(sample_index)]
    assert run([*arguments, "--no-rerank"]) == 0
    found = capfd.readouterr().out
    service.script(*[server.openai_error(401, f"no, {KEY}")] * 9)
    assert run([*arguments, "--rerank", f"openai:m@{service.openai_url}", "--debug"]) == 0
    out, err = capfd.readouterr()
    assert out == found
    assert "not reranked" in err and KEY not in out + err


# --- before anything is loaded ----------------------------------------------------------------------------------------

HEAVY = {
    "numpy",
    "torch",
    "faiss",
    "onnxruntime",
    "tokenizers",
    "google.genai",
    "openai",
    "httpx2",
    "pydantic",
    "tiktoken",
}
PROGRAM = """
import json, sys
from ragqa.cli.main import run
code = run(json.loads(sys.argv[1]))
print(json.dumps([code, sorted(sys.modules)]))
"""


@pytest.mark.parametrize(
    ("arguments", "fix"),
    [
        (["--model", "gemini:m"], "export GEMINI_API_KEY="),
        (["--model", "openai:m"], "export OPENAI_API_KEY="),
        (["--rerank", "gemini:m"], "export GEMINI_API_KEY="),
    ],
)
def test_a_missing_key_is_told_before_anything_heavy_is_loaded(
    sample_index: Path, arguments: list[str], fix: str
) -> None:
    command = ["ask", QUESTION, "--index", str(sample_index), *arguments]
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, json.dumps(command)], capture_output=True, text=True, check=True
    )
    code, modules = json.loads(done.stdout)
    assert code == 2
    assert fix in done.stderr
    assert not HEAVY & set(modules)
