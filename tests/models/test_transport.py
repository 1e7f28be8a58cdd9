"""Refusals and broken connections, in both wire formats: how often a service is asked, and what is said."""

from __future__ import annotations

import gzip
import socket
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from ragqa.errors import ConfigError, ServiceError
from ragqa.models import transport
from ragqa.models.gemini import GeminiGenerator
from ragqa.models.openai_compatible import OpenAICompatibleGenerator
from ragqa.models.retrying import Retries
from ragqa.ports import Generator
from tests.services import server
from tests.services.dialects import DIALECTS, QUICK, Dialect, make_gemini, make_openai, read
from tests.services.server import KEY, Reply, Service

PASSING = (408, 429, 500, 502, 503, 504, 529)
LASTING = (301, 307, 400, 401, 402, 403, 404, 409, 413, 422)
BODIES: dict[str, Callable[[Reply], Reply]] = {
    "its own": lambda reply: reply,
    "html": lambda reply: server.html(reply.status),
    "empty": lambda reply: server.raw(b"", reply.status),
    "not JSON": lambda reply: server.raw(b'{"error": {"mess', reply.status),
    "a list": lambda reply: server.raw(b'[{"error": {"message": "scripted failure"}}]', reply.status),
    "another shape": lambda reply: server.raw(b'{"error": 5, "detail": [["?"]]}', reply.status),
    "torn": lambda reply: server.cut(reply, after=1, clean=False),
}


@pytest.fixture(params=DIALECTS)
def dialect(request: pytest.FixtureRequest) -> Dialect:
    return DIALECTS[request.param]


def failure(generator: Generator) -> ServiceError:
    with pytest.raises(ServiceError) as caught:
        read(generator)
    assert KEY not in caught.value.line
    return caught.value


# --- refusals ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("status", "tries"), [*((s, 4) for s in PASSING), *((s, 1) for s in LASTING)])
def test_how_often_each_refusal_is_tried(dialect: Dialect, service: Service, status: int, tries: int) -> None:
    service.script(*[dialect.error(status)] * 9)
    assert failure(dialect.make(service)).message.endswith(f"refused with {status}: scripted failure")
    assert len(service.requests) == tries


@pytest.mark.parametrize("body", BODIES)
@pytest.mark.parametrize(("status", "tries"), [(429, 4), (400, 1), (503, 4)])
def test_a_refusal_counts_whatever_it_is_written_in(
    dialect: Dialect, service: Service, status: int, tries: int, body: str
) -> None:
    service.script(*[BODIES[body](dialect.error(status))] * 9)
    said = failure(dialect.make(service)).message
    assert f"refused with {status}: " in said
    assert "<" not in said
    assert len(service.requests) == tries


@pytest.mark.parametrize("status", PASSING)
def test_a_failure_that_passes_is_forgotten(dialect: Dialect, service: Service, status: int) -> None:
    service.script(dialect.error(status), server.html(status), server.hang_up(), dialect.answer("Monday."))
    assert read(dialect.make(service))[1].complete
    assert len(service.requests) == 4


def seconds(wait: float) -> str:
    return str(wait)


def date(wait: float) -> str:
    return format_datetime(datetime.now(UTC) + timedelta(seconds=wait + 1), usegmt=True)


@pytest.mark.parametrize("worded", [seconds, date])
def test_a_wait_in_the_head_of_a_refusal_is_kept(
    dialect: Dialect, service: Service, worded: Callable[[float], str]
) -> None:
    started = time.monotonic()
    service.script(Reply(status=429, headers={"Retry-After": worded(0.3)}), dialect.answer("Monday."))
    assert read(dialect.make(service))[1].complete
    assert time.monotonic() - started >= 0.3


def test_a_wait_in_the_body_of_a_refusal_is_kept(dialect: Dialect, service: Service) -> None:
    service.script(dialect.error(503, **dialect.wait_for(0.3)), dialect.answer("Monday."))
    started = time.monotonic()
    assert read(dialect.make(service))[1].complete
    assert time.monotonic() - started >= 0.3


@pytest.mark.parametrize("worded", [seconds, date])
def test_a_wait_beyond_the_budget_fails_at_once(
    dialect: Dialect, service: Service, worded: Callable[[float], str]
) -> None:
    service.script(Reply(status=429, headers={"Retry-After": worded(90_000)}))
    assert "the service asks to wait" in failure(dialect.make(service)).remedy
    service.script(dialect.error(429, **dialect.wait_for(4700)))
    assert "the service asks to wait 4700 seconds" in failure(dialect.make(service)).remedy
    assert len(service.requests) == 2


def test_a_wait_that_the_time_limit_does_not_allow_is_not_begun(dialect: Dialect, service: Service) -> None:
    service.script(*[dialect.error(429, **dialect.wait_for(47))] * 9)
    started = time.monotonic()
    assert "47 seconds" in failure(dialect.make(service, timeout_s=30, retries=Retries())).remedy
    assert time.monotonic() - started < 25
    assert len(service.requests) == 1


def test_nobody_is_asked_on_behalf_of_one_who_left(dialect: Dialect, service: Service) -> None:
    service.script(*[dialect.error(429, **dialect.wait_for(0.6))] * 9)
    failure(dialect.make(service, timeout_s=1.0, retries=Retries(budget_s=9)))
    asked = len(service.requests)
    time.sleep(0.8)
    assert len(service.requests) == asked


@pytest.mark.parametrize(("status", "tries"), [(503, 4), (400, 1)])
def test_a_refusal_inside_a_reply_that_began_well_counts_too(
    dialect: Dialect, service: Service, status: int, tries: int
) -> None:
    error = {"error": {"code": status, "message": f"no, {KEY}", "status": "SCRIPTED"}}
    service.script(*[server.gemini_events(error)] * 9)
    assert "no, [key]" in failure(dialect.make(service)).message
    assert len(service.requests) == tries


def test_an_account_without_credit_is_not_asked_again(service: Service) -> None:
    body = b'{"error": {"message": "You exceeded your current quota", "code": "insufficient_quota"}}'
    service.script(*[server.raw(body, 429)] * 9)
    assert "no credit" in failure(make_openai(service)).remedy
    assert len(service.requests) == 1


@pytest.mark.parametrize(
    ("status", "message", "remedy"),
    [
        (401, "no", "check the key"),
        (403, "no", "check the key"),
        (404, "no such model", "model"),
        (413, "no", "answer.prompt_tokens"),
        (400, "This model's maximum context length is 4096 tokens", "answer.prompt_tokens"),
    ],
)
def test_a_refusal_says_what_helps(dialect: Dialect, service: Service, status: int, message: str, remedy: str) -> None:
    service.script(dialect.error(status, message))
    assert remedy in failure(dialect.make(service)).remedy


def test_a_huge_refusal_is_read_only_at_its_beginning(dialect: Dialect, service: Service) -> None:
    page = server.endless(b"<html>busy ", megabytes=30)
    service.script(Reply(page.chunks, status=401, content_type="text/html"))
    assert failure(dialect.make(service)).message.endswith("…")


def test_the_key_is_not_sent_where_a_redirect_leads(dialect: Dialect, service: Service) -> None:
    other = Service()
    try:
        service.script(server.redirect(f"{other.url}/v1/chat/completions"))
        assert "307" in failure(dialect.make(service)).message
        assert other.requests == []
    finally:
        other.close()


# --- replies that are too large ---------------------------------------------------------------------------------------


def test_an_announced_length_beyond_the_limit_is_not_read(dialect: Dialect, service: Service) -> None:
    service.script(server.huge(megabytes=500))
    assert "500 MiB" in failure(dialect.make(service)).message
    assert len(service.requests) == 1


@pytest.mark.parametrize("reply", [server.endless(megabytes=30), server.endless(b"\n", megabytes=30, line=False)])
def test_a_reply_without_an_end_is_left_at_the_limit(
    dialect: Dialect, service: Service, monkeypatch: pytest.MonkeyPatch, reply: Reply
) -> None:
    monkeypatch.setattr(transport, "LARGEST_REPLY", 2 << 20)
    service.script(reply)
    assert "more than 2 MiB" in failure(dialect.make(service)).message
    assert len(service.requests) == 1


def test_words_before_the_limit_are_an_incomplete_answer(
    dialect: Dialect, service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transport, "LARGEST_REPLY", 2 << 20)
    beginning = b"".join(dialect.answer("one ", finish=None).chunks)
    service.script(server.endless(beginning + b"data: ", megabytes=30))
    text, finish = read(dialect.make(service))
    assert (text, finish.complete) == ("one ", False)
    assert "more than 2 MiB" in finish.reason


def test_no_packed_reply_is_asked_for_or_unpacked(dialect: Dialect, service: Service) -> None:
    body = gzip.compress(b"".join(dialect.answer("Monday.").chunks))
    service.script(Reply((body,), content_type="text/event-stream", headers={"Content-Encoding": "gzip"}))
    assert "compressed" in failure(dialect.make(service)).message
    assert service.requests[0].headers["accept-encoding"] == "identity"


# --- connections ------------------------------------------------------------------------------------------------------


def test_an_absent_service_is_named(dialect: Dialect, service: Service) -> None:
    service.close()
    told = failure(dialect.make(service))
    assert "cannot be reached" in told.message and "running" in told.remedy


def test_a_connection_closed_before_the_reply_is_tried_again(dialect: Dialect, service: Service) -> None:
    service.script(*[server.hang_up()] * 9)
    assert "broke the connection" in failure(dialect.make(service)).message
    assert len(service.requests) == 4


def test_a_name_that_nobody_knows(dialect: Dialect, service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*arguments: object, **named: object) -> None:
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    told = failure(dialect.make(service))
    assert "cannot be reached: [Errno -2] Name or service not known" in told.message
    assert "network" in told.remedy


def test_a_connection_has_ten_seconds(dialect: Dialect, service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    allowed: list[object] = []

    def refuse(address: object, timeout: object = None, *others: object, **named: object) -> socket.socket:
        allowed.append(timeout)
        raise TimeoutError

    monkeypatch.setattr(socket, "create_connection", refuse)
    assert "within 10 seconds" in failure(dialect.make(service)).message
    assert allowed == [10.0]


def test_silence_has_thirty_seconds(dialect: Dialect, service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    allowed: list[object] = []
    real = socket.socket.settimeout

    def note(self: socket.socket, value: float | None) -> None:
        allowed.append(value)
        real(self, value)

    monkeypatch.setattr(socket.socket, "settimeout", note)
    service.script(dialect.answer("Monday."))
    read(dialect.make(service))
    assert allowed.count(30.0) >= 2  # to write the request, and to read the reply


def test_a_service_may_be_given_another_patience(service: Service) -> None:
    service.script(server.stall(), server.stall())
    named = {"timeout_s": 20.0, "idle_s": 0.2, "retries": QUICK}
    local = OpenAICompatibleGenerator(f"openai:m@{service.openai_url}", environment={}, **named)  # type: ignore[arg-type]
    for generator in (GeminiGenerator("m", environment=service.gemini_environment(), **named), local):  # type: ignore[arg-type]
        assert "silent for 0.2 seconds" in failure(generator).message


def test_one_client_serves_all_threads(dialect: Dialect, service: Service) -> None:
    """A second one would be thrown away, and Gemini's closes itself in the middle of a call."""
    service.script(*[dialect.answer("Monday.")] * 8)
    generator = dialect.make(service)
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: read(generator)[0], range(8)))
    assert answers == ["Monday."] * 8


def test_two_keys_are_no_reason_to_talk(
    service: Service, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("GEMINI_API_KEY", KEY)
    monkeypatch.setenv("GOOGLE_API_KEY", "another")
    service.script(server.gemini_answer("Monday."))
    read(make_gemini(service))
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize(
    "proxy", ["nonsense://x", "http://127.0.0.1:1"], ids=["no proxy at all", "a proxy that is not there"]
)
def test_a_proxy_that_cannot_be_is_said(
    dialect: Dialect, service: Service, monkeypatch: pytest.MonkeyPatch, proxy: str
) -> None:
    monkeypatch.delenv("NO_PROXY")
    monkeypatch.setenv("HTTP_PROXY", proxy)
    monkeypatch.setenv("ALL_PROXY", proxy)
    assert "cannot be" in failure(dialect.make(service)).message


@pytest.mark.parametrize("url", ["ftp://127.0.0.1", "http://127.0.0.1:notaport"])
def test_an_address_that_cannot_be_is_said(url: str) -> None:
    environment = {"GEMINI_API_KEY": KEY, "GOOGLE_GEMINI_BASE_URL": url}
    told = failure(GeminiGenerator("m", environment=environment, timeout_s=20, retries=QUICK))
    assert "Gemini cannot be asked" in told.message and "address" in told.remedy


# --- keys -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("key", [f"{KEY[:9]}\n{KEY[9:]}", f"“{KEY}”", f"{KEY} {KEY}"])
@pytest.mark.parametrize("name", ["GEMINI_API_KEY", "OPENAI_API_KEY"])
def test_a_key_that_no_request_can_carry_is_told_without_showing_it(name: str, key: str) -> None:
    with pytest.raises(ConfigError) as caught:
        if name == "GEMINI_API_KEY":
            GeminiGenerator("m", environment={name: key}, timeout_s=1)
        else:
            OpenAICompatibleGenerator("openai:m", environment={name: key}, timeout_s=1)
    assert name in caught.value.message
    assert KEY not in caught.value.line and KEY[:9] not in caught.value.line


def test_no_address_holds_a_password() -> None:
    with pytest.raises(ConfigError, match="holds a name or a password") as caught:
        OpenAICompatibleGenerator(f"openai:m@https://user:{KEY}@host/v1", environment={}, timeout_s=1)
    assert KEY not in caught.value.line


@pytest.mark.parametrize("make", [make_gemini, make_openai])
def test_a_reason_that_repeats_the_key_is_told_without_it(make: Callable[..., Generator], service: Service) -> None:
    answer = server.gemini_answer if make is make_gemini else server.openai_answer
    service.script(answer("one", finish=f"BAD_{KEY}"))
    finish = read(make(service))[1]
    assert "[key]" in finish.reason and KEY not in finish.reason
