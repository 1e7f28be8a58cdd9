"""A model service on loopback that speaks Gemini's and OpenAI's wire formats and does what a test's script says.

    service.script(gemini_answer("Rain is measured [1]."))      # one reply for each request, in order
    service.script(gemini_error(429, retry_delay="0.1s"), gemini_answer("Yes."))
    service.script(cut(gemini_answer("Half an ", "answer"), after=1, clean=False))
    environment = service.gemini_environment()                  # what a command needs to find it
    [request] = service.requests                                # what was asked: path, headers, JSON

Without a script, embeddings and token counts are answered honestly (each text has its own vector), and a generation
with a 500 that says so.
"""

from __future__ import annotations

import hashlib
import json
import threading
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Literal

KEY = "test-key-1234567890-canary"
DIMENSIONS = 8


@dataclass(frozen=True, slots=True)
class Request:
    """One request as it arrived; header names are in lower case; `raw` is the body before it was read as JSON."""

    path: str
    headers: Mapping[str, str]
    body: Any
    raw: bytes = b""


@dataclass(frozen=True, slots=True)
class Reply:
    """What is sent: after `delay_s` the head, then the chunks with `pause_s` before each, then the end.

    `end` is `clean`, `cut` (the connection closes inside the body) or `stall` (silence until the service closes).
    """

    chunks: tuple[bytes, ...] = ()
    status: int = 200
    content_type: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict)
    delay_s: float = 0.0
    pause_s: float = 0.0
    end: Literal["clean", "cut", "stall"] = "clean"


Scripted = Reply | Callable[[Request], Reply]


# --- replies in Gemini's format ---------------------------------------------------------------------------------------


def gemini_answer(*pieces: str, finish: str | None = "STOP", usage: tuple[int, int] = (11, 7)) -> Reply:
    """A streamed answer; the last piece carries `finish`, or nothing if that is None."""
    events: list[dict[str, Any]] = [
        {"candidates": [{"content": {"role": "model", "parts": [{"text": piece}]}, "index": 0}]} for piece in pieces
    ]
    if finish is not None:
        if not events:
            events = [{"candidates": [{"index": 0}]}]
        events[-1]["candidates"][0]["finishReason"] = finish
    if events:
        events[-1]["usageMetadata"] = {"promptTokenCount": usage[0], "candidatesTokenCount": usage[1]}
    return gemini_events(*events)


def gemini_events(*events: Any) -> Reply:
    """Any objects, as server-sent events."""
    return Reply(tuple(f"data: {json.dumps(event)}\r\n\r\n".encode() for event in events), content_type=_EVENTS)


def gemini_blocked(reason: str = "SAFETY") -> Reply:
    """The question itself was refused: no candidates."""
    return gemini_events({"promptFeedback": {"blockReason": reason}})


def gemini_error(status: int, message: str = "scripted failure", *, retry_delay: str | None = None) -> Reply:
    """An error as the service words it, with the wait that it asks for."""
    details = [{"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": retry_delay}] if retry_delay else []
    body = {"error": {"code": status, "message": message, "status": "SCRIPTED", "details": details}}
    return Reply((json.dumps(body).encode(),), status=status)


# --- replies in OpenAI's format ---------------------------------------------------------------------------------------


def openai_answer(*pieces: str, finish: str | None = "stop", usage: tuple[int, int] = (11, 7)) -> Reply:
    """A streamed chat completion, with its last words `[DONE]`."""
    head = {"id": "c", "object": "chat.completion.chunk", "created": 0, "model": "scripted"}
    events: list[dict[str, Any]] = [
        {**head, "choices": [{"index": 0, "delta": {"content": piece}, "finish_reason": None}]} for piece in pieces
    ]
    if finish is not None:
        events.append({**head, "choices": [{"index": 0, "delta": {}, "finish_reason": finish}]})
        counts = {"prompt_tokens": usage[0], "completion_tokens": usage[1], "total_tokens": sum(usage)}
        events.append({**head, "choices": [], "usage": counts})
    done = (b"data: [DONE]\n\n",) if finish is not None else ()
    return Reply(tuple(f"data: {json.dumps(event)}\n\n".encode() for event in events) + done, content_type=_EVENTS)


def openai_events(*deltas: Mapping[str, Any], finish: str | None = "stop") -> Reply:
    """Any deltas of a chat completion, as server-sent events."""
    reasons = [None] * (len(deltas) - 1) + [finish]
    events = [
        {"choices": [{"index": 0, "delta": delta, "finish_reason": reason}]}
        for delta, reason in zip(deltas, reasons, strict=True)
    ]
    return Reply(tuple(f"data: {json.dumps(event)}\n\n".encode() for event in events), content_type=_EVENTS)


def openai_error(
    status: int, message: str = "scripted failure", *, retry_after: str | None = None, param: str | None = None
) -> Reply:
    """An error as the service words it, with the wait that it asks for."""
    body = {"error": {"message": message, "type": "scripted", "param": param, "code": None}}
    return Reply(
        (json.dumps(body).encode(),), status=status, headers={"Retry-After": retry_after} if retry_after else {}
    )


# --- what may go wrong with any of them -------------------------------------------------------------------------------


def html(status: int = 200) -> Reply:
    """The page of a proxy that stands in the way."""
    return Reply((b"<!DOCTYPE html><html><body><h1>Bad gateway</h1></body></html>",), status, "text/html")


def raw(body: bytes, status: int = 200) -> Reply:
    """Any bytes where JSON is expected."""
    return Reply((body,), status)


def cut(reply: Reply, *, after: int, clean: bool) -> Reply:
    """The same reply, ended after some chunks: as if it were whole (`clean`), or in the middle of the body."""
    return replace(reply, chunks=reply.chunks[:after], end="clean" if clean else "cut")


def stall(reply: Reply | None = None, *, after: int = 0) -> Reply:
    """Silence: after some chunks of `reply`, or before the first byte where there is none."""
    if reply is None:
        return Reply(delay_s=3600)
    return replace(reply, chunks=reply.chunks[:after], end="stall")


def drip(reply: Reply, *, pause_s: float) -> Reply:
    """The same reply, one byte at a time."""
    return replace(reply, chunks=tuple(bytes([byte]) for byte in b"".join(reply.chunks)), pause_s=pause_s)


def huge(megabytes: int) -> Reply:
    """A body whose announced length is out of all proportion; it is cut off soon after the start."""
    return Reply((b'{"x": "',), headers={"Content-Length": str(megabytes << 20)}, end="cut")


def endless(beginning: bytes = b"data: ", *, megabytes: int, line: bool = True) -> Reply:
    """A body of unannounced length: one line that does not end, or nothing but line ends."""
    return Reply((beginning, *[(b"x" if line else b"\n") * (1 << 16)] * (megabytes << 4)), content_type=_EVENTS)


def hang_up() -> Reply:
    """The connection is closed before there is a head."""
    return Reply(status=0)


def redirect(url: str, status: int = 307) -> Reply:
    """The service is said to be elsewhere."""
    return Reply(status=status, headers={"Location": url})


_EVENTS = "text/event-stream"


class Service:
    """The running server. `url` is its root; both formats are served there."""

    def __init__(self) -> None:
        self.requests: list[Request] = []
        self._replies: deque[Scripted] = deque()
        self._lock = threading.Lock()
        self.closing = threading.Event()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    @property
    def openai_url(self) -> str:
        return f"{self.url}/v1"

    def gemini_environment(self) -> dict[str, str]:
        """The variables with which a Gemini client finds this server."""
        return {"GEMINI_API_KEY": KEY, "GOOGLE_GEMINI_BASE_URL": self.url}

    def script(self, *replies: Scripted) -> None:
        """Add replies; each request takes the next one."""
        with self._lock:
            self._replies.extend(replies)

    def forget(self) -> None:
        """Drop the replies that nobody asked for."""
        with self._lock:
            self._replies.clear()

    @property
    def unused(self) -> int:
        """How many scripted replies nobody asked for."""
        return len(self._replies)

    def close(self) -> None:
        """Stop, and let stalled replies end."""
        self.closing.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def reply(self, request: Request) -> Reply:
        """Note the request and choose what to answer."""
        with self._lock:
            self.requests.append(request)
            scripted = self._replies.popleft() if self._replies else _honest
        return scripted if isinstance(scripted, Reply) else scripted(request)


def vector(text: str) -> list[float]:
    """The vector of a text: eight numbers from its hash, not of unit length."""
    return [byte / 16 - 8 for byte in hashlib.sha256(text.encode()).digest()[:DIMENSIONS]]


def _honest(request: Request) -> Reply:
    body = request.body if isinstance(request.body, dict) else {}
    if request.path.endswith(":batchEmbedContents"):
        texts = [_gemini_text(item["content"]) for item in body["requests"]]
        return _json({"embeddings": [{"values": vector(text)} for text in texts]})
    if request.path.endswith(":embedContent"):
        return _json({"embedding": {"values": vector(_gemini_text(body["content"]))}})
    if request.path.endswith(":countTokens"):
        text = "".join(_gemini_text(content) for content in body["contents"])
        return _json({"totalTokens": max(1, len(text) // 4)})
    if request.path.endswith("/embeddings"):
        texts = [body["input"]] if isinstance(body["input"], str) else body["input"]
        rows = [{"object": "embedding", "index": n, "embedding": vector(text)} for n, text in enumerate(texts)]
        counts = {"prompt_tokens": 1, "total_tokens": 1}
        return _json({"object": "list", "model": body["model"], "data": rows[::-1], "usage": counts})
    return gemini_error(500, "the test scripted no reply for this request")


def _gemini_text(content: Mapping[str, Sequence[Mapping[str, str]]]) -> str:
    return "".join(part.get("text", "") for part in content["parts"])


def _json(value: Any) -> Reply:
    return Reply((json.dumps(value).encode(),))


def _handler(service: Service) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            sent = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            headers = {name.lower(): value for name, value in self.headers.items()}
            reply = service.reply(Request(self.path, headers, json.loads(sent) if sent else None, sent))
            self.close_connection = True
            try:
                self._send(reply)
            except OSError:
                return  # the client gave up, as some tests want it to

        do_GET = do_POST

        def _send(self, reply: Reply) -> None:
            service.closing.wait(reply.delay_s)
            if service.closing.is_set() or reply.status == 0:
                return
            self.send_response(reply.status)
            self.send_header("Content-Type", reply.content_type)
            self.send_header("Connection", "close")
            for name, value in reply.headers.items():
                self.send_header(name, value)
            chunked = "Content-Length" not in reply.headers
            if chunked:
                self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            for chunk in reply.chunks:
                service.closing.wait(reply.pause_s)
                self.wfile.write(b"%x\r\n%s\r\n" % (len(chunk), chunk) if chunked else chunk)
                self.wfile.flush()
            if reply.end == "stall":
                service.closing.wait()
            elif reply.end == "clean" and chunked:
                self.wfile.write(b"0\r\n\r\n")

        def log_message(self, format: str, *args: object) -> None:
            pass  # the test reads `requests` instead

    return Handler
