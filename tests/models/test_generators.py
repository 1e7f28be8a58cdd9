"""Both written generators, against a server that fails in every way a model service does: one promise for both."""

from __future__ import annotations

import subprocess
import sys
import time
import traceback
from collections.abc import Callable

import pytest

from ragqa.errors import ConfigError, MissingKey, ServiceError
from ragqa.models import gemini, openai_compatible, transport
from ragqa.models.gemini import GeminiGenerator
from ragqa.models.openai_compatible import OpenAICompatibleGenerator
from ragqa.ports import Finish, Generator
from ragqa.types import Usage
from tests.services import server
from tests.services.dialects import DIALECTS, REQUEST, Dialect, make_gemini, make_openai, read
from tests.services.server import KEY, Reply, Service

GEMINI_REASONS = ["MAX_TOKENS", "SAFETY", "RECITATION", "BLOCKLIST", "PROHIBITED_CONTENT", "SPII", "LANGUAGE", "OTHER"]
GEMINI_REASONS += ["MALFORMED_FUNCTION_CALL", "A_REASON_OF_TOMORROW"]


NONSENSE = [b"\xff\xfe\x00", b"[1, 2]", b"{", b'"words"', b"data: nonsense\n\n", b'data: {"candidates": 5}\n\n']
NONSENSE += [
    b'data: {"choices": "x"}\n\n',
    b'data: {"choices": [{"delta": {"content": 5}}]}\n\n',
    b'data: {"choices": [7]}\n\n',
]


@pytest.fixture(params=DIALECTS)
def dialect(request: pytest.FixtureRequest) -> Dialect:
    return DIALECTS[request.param]


# --- what goes well ---------------------------------------------------------------------------------------------------


def test_pieces_arrive_in_order_and_the_end_is_said(dialect: Dialect, service: Service) -> None:
    service.script(dialect.answer("It rains ", "on Monday ", "[1]。雨"))
    assert read(dialect.make(service)) == ("It rains on Monday [1]。雨", Finish(True, "", Usage(11, 7)))


def test_pieces_are_handed_on_as_they_come(dialect: Dialect, service: Service) -> None:
    service.script(server.stall(dialect.answer("first", "second"), after=1))
    pieces = iter(dialect.make(service).generate(REQUEST))
    assert next(pieces) == "first"


def test_the_whole_request_is_sent_and_nothing_else(service: Service) -> None:
    service.script(server.gemini_answer("Yes."), server.openai_answer("Yes."))
    read(make_gemini(service))
    read(make_openai(service))
    first, second = service.requests
    assert first.path.endswith("/models/m:streamGenerateContent?alt=sse")
    assert first.headers["x-goog-api-key"] == KEY
    assert first.body["contents"] == [{"parts": [{"text": REQUEST.prompt}], "role": "user"}]
    assert first.body["systemInstruction"]["parts"] == [{"text": REQUEST.system}]
    assert first.body["generationConfig"]["temperature"] == 0.0
    assert first.body["generationConfig"]["maxOutputTokens"] >= REQUEST.max_tokens
    assert second.path == "/v1/chat/completions"
    assert second.headers["authorization"] == f"Bearer {KEY}"
    assert [message["content"] for message in second.body["messages"]] == [REQUEST.system, REQUEST.prompt]
    assert second.body["max_tokens"] == REQUEST.max_tokens
    assert "response_format" not in second.body
    assert not {"responseMimeType", "responseJsonSchema"} & first.body["generationConfig"].keys()


def test_thoughts_are_not_part_of_the_answer(service: Service) -> None:
    parts = [{"text": "Let me think.", "thought": True}, {"text": "On Monday."}]
    service.script(server.gemini_events({"candidates": [{"content": {"parts": parts}, "finishReason": "STOP"}]}))
    assert read(make_gemini(service))[0] == "On Monday."


# --- answers that are not finished ------------------------------------------------------------------------------------


@pytest.mark.parametrize("reason", GEMINI_REASONS)
@pytest.mark.parametrize("pieces", [(), ("It rains",)])
def test_gemini_stopped_by_anything_but_stop_is_incomplete(
    service: Service, reason: str, pieces: tuple[str, ...], recwarn: pytest.WarningsRecorder
) -> None:
    service.script(server.gemini_answer(*pieces, finish=reason))
    text, finish = read(make_gemini(service))
    assert text == "".join(pieces)
    assert not finish.complete
    assert finish.reason
    assert len(service.requests) == 1
    assert not recwarn.list  # a warning would reach the terminal


@pytest.mark.parametrize("reason", ["length", "content_filter", "tool_calls", "a_reason_of_tomorrow"])
def test_openai_stopped_by_anything_but_stop_is_incomplete(service: Service, reason: str) -> None:
    service.script(server.openai_answer("It rains", finish=reason))
    text, finish = read(make_openai(service))
    assert text == "It rains"
    assert not finish.complete
    assert finish.reason


def test_a_refused_question_is_incomplete_and_says_why(service: Service) -> None:
    service.script(server.gemini_blocked("SAFETY"))
    assert read(make_gemini(service)) == ("", Finish(False, "Gemini refused the question (SAFETY)"))


@pytest.mark.parametrize("clean", [True, False])
@pytest.mark.parametrize("after", [1, 2])
def test_a_stream_that_merely_ends_is_incomplete(dialect: Dialect, service: Service, clean: bool, after: int) -> None:
    service.script(server.cut(dialect.answer("one ", "two ", "three"), after=after, clean=clean))
    text, finish = read(dialect.make(service))
    assert text == "one two "[: 4 * after]
    assert not finish.complete
    assert "broke" in finish.reason
    assert len(service.requests) == 1


def test_a_piece_cut_in_its_middle_is_incomplete(dialect: Dialect, service: Service) -> None:
    whole = dialect.answer("one ", "two")
    service.script(Reply((whole.chunks[0], whole.chunks[1][:20]), content_type=whole.content_type))
    text, finish = read(dialect.make(service))
    assert text == "one "
    assert not finish.complete


def test_an_empty_reply_is_incomplete(dialect: Dialect, service: Service) -> None:
    service.script(Reply(), server.gemini_events({"candidates": []}))
    assert not read(dialect.make(service))[1].complete


@pytest.mark.parametrize("written", ["", " \n"])
def test_a_finished_answer_without_words_is_incomplete(dialect: Dialect, service: Service, written: str) -> None:
    service.script(dialect.answer(written))
    assert "without writing" in read(dialect.make(service))[1].reason


# --- refusals and tries -----------------------------------------------------------------------------------------------


def test_nothing_is_asked_twice_once_words_have_come(dialect: Dialect, service: Service) -> None:
    service.script(server.cut(dialect.answer("one", "two"), after=1, clean=False), dialect.answer("again"))
    assert read(dialect.make(service))[0] == "one"
    assert len(service.requests) == 1


def test_a_broken_stream_is_not_taken_up_again_behind_our_back(service: Service) -> None:
    """Gemini's library would, given this token, and it would not stop after four tries."""
    piece = {"content": {"parts": [{"text": "one "}]}, "continuationToken": "dG9rZW4="}
    events = server.gemini_events({"candidates": [piece]}, {"candidates": [piece]})
    service.script(server.cut(events, after=1, clean=False), server.gemini_answer("two"))
    text, finish = read(make_gemini(service))
    assert (text, finish.complete) == ("one ", False)
    assert len(service.requests) == 1


def test_a_fixed_temperature_is_left_out_when_the_model_says_so(service: Service) -> None:
    refusal = server.openai_error(400, "Unsupported value: 'temperature' does not support 0", param="temperature")
    service.script(refusal, server.openai_answer("Monday."))
    assert read(make_openai(service))[1].complete
    assert ["temperature" in request.body for request in service.requests] == [True, False]


# --- replies that are none, and services that are not there -----------------------------------------------------------


@pytest.mark.parametrize("body", NONSENSE)
def test_a_reply_that_makes_no_sense_is_never_an_answer(dialect: Dialect, service: Service, body: bytes) -> None:
    service.script(*[server.raw(body)] * 4)
    assert not outcome(dialect.make(service))


def test_a_proxys_page_is_never_an_answer(dialect: Dialect, service: Service) -> None:
    service.script(server.html(200))
    assert not outcome(dialect.make(service))


def outcome(generator: Generator) -> bool:
    """Whether the answer is complete; a ServiceError is not."""
    try:
        return read(generator)[1].complete
    except ServiceError:
        return False


def test_silence_before_the_first_word_ends(
    dialect: Dialect, service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transport, "IDLE_S", 0.3)
    service.script(server.stall())
    with pytest.raises(ServiceError, match=r"silent for 0\.3 seconds"):
        read(dialect.make(service))
    assert len(service.requests) == 1


def test_silence_in_the_middle_leaves_an_incomplete_answer(
    dialect: Dialect, service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transport, "IDLE_S", 0.3)
    service.script(server.stall(dialect.answer("one ", "two"), after=1))
    text, finish = read(dialect.make(service))
    assert (text, finish.complete) == ("one ", False)
    assert "silent" in finish.reason


def test_a_reply_that_trickles_in_ends_in_time(dialect: Dialect, service: Service) -> None:
    service.script(server.drip(dialect.answer("one"), pause_s=0.1))
    started = time.monotonic()
    with pytest.raises(ServiceError, match=r"within 0\.8 seconds"):
        read(dialect.make(service, timeout_s=0.8))
    assert time.monotonic() - started < 10


# --- keys -------------------------------------------------------------------------------------------------------------


def test_the_key_is_in_no_error(dialect: Dialect, service: Service) -> None:
    service.script(dialect.error(400, f"the key {KEY} is not valid"))
    with pytest.raises(ServiceError) as caught:
        read(dialect.make(service))
    told = caught.value
    assert KEY not in told.message + told.remedy + "".join(traceback.format_exception(told))
    assert "[key]" in told.message


@pytest.mark.parametrize(
    "make",
    [
        lambda: GeminiGenerator("m", environment={}, timeout_s=1),
        lambda: OpenAICompatibleGenerator("openai:gpt", environment={}, timeout_s=1),
    ],
)
def test_a_missing_key_is_said_at_once(make: Callable[[], Generator]) -> None:
    with pytest.raises(MissingKey) as caught:
        make()
    assert "export" in caught.value.remedy


def test_nothing_heavy_is_loaded_before_the_key_is_known() -> None:
    code = (
        "import sys; from ragqa.models import gemini, openai_compatible; "
        "print([m for m in ('google.genai', 'openai', 'numpy', 'httpx2') if m in sys.modules])"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True).stdout == "[]\n"


def test_a_local_server_needs_no_key(service: Service) -> None:
    service.script(server.openai_answer("Monday."))
    local = OpenAICompatibleGenerator(f"openai:m@{service.openai_url}", environment={}, timeout_s=5)
    assert read(local)[1].complete


def test_both_names_of_the_gemini_key_are_known() -> None:
    assert gemini.api_key({"GOOGLE_API_KEY": "b"}) == "b"
    assert gemini.api_key({"GEMINI_API_KEY": "a", "GOOGLE_API_KEY": "b"}) == "a"
    assert gemini.api_key({"GEMINI_API_KEY": ""}) is None


# --- names ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "model", "url"),
    [
        ("openai:gpt-5", "gpt-5", "https://api.openai.com/v1"),
        ("openai:llama3.2@http://localhost:11434/v1/", "llama3.2", "http://localhost:11434/v1"),
        ("openai:org/model@v2@https://host/v1", "org/model@v2", "https://host/v1"),
        ("openai:model@v2", "model@v2", "https://api.openai.com/v1"),
    ],
)
def test_a_name_is_a_model_and_an_address(name: str, model: str, url: str) -> None:
    assert openai_compatible.parse(name) == openai_compatible.Endpoint(model, url)


@pytest.mark.parametrize("name", ["openai:", "openai:@http://host", "openai:m@http://", "openai:m@https:///v1"])
def test_a_name_that_is_none_is_refused(name: str) -> None:
    with pytest.raises(ConfigError, match="does not name a model"):
        openai_compatible.parse(name)


def test_a_missing_client_library_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(openai_compatible.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ConfigError) as caught:
        OpenAICompatibleGenerator("openai:m@http://localhost/v1", environment={}, timeout_s=1)
    assert caught.value.remedy == "pip install 'ragqa[openai]'"
