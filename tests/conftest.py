"""Every test has a temporary HOME and no network but loopback."""

from __future__ import annotations

import os
import signal
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.services.fixture import service as service  # every room may ask for a model service on loopback


@pytest.fixture(autouse=True, scope="session")
def default_signals() -> None:
    """Signals do what they do for a user, also where the run itself was started in the background or by nohup.

    Ignored signals are inherited by every process that a test starts, and would hide what interrupts do.
    """
    for number, default in (
        (signal.SIGINT, signal.default_int_handler),
        (signal.SIGTERM, signal.SIG_DFL),
        (signal.SIGHUP, signal.SIG_DFL),
    ):
        if signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, default)


@pytest.fixture(autouse=True)
def sealed_home(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """HOME, XDG folders and every RAGQA_* and key variable of the developer are out of reach.

    The model cache is shared by the whole run, because exporting the built-in model takes seconds.
    """
    home = tmp_path_factory.mktemp("home")
    for name in [name for name in os.environ if name.startswith(("RAGQA_", "XDG_", "GEMINI_", "GOOGLE_", "OPENAI_"))]:
        if name not in ("RAGQA_SHARED", "RAGQA_CACHE_DIR"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    if "RAGQA_CACHE_DIR" not in os.environ:
        shared = Path(tmp_path_factory.getbasetemp()).parent / "ragqa-test-cache"
        monkeypatch.setenv("RAGQA_CACHE_DIR", str(shared))
    return home


@pytest.fixture(autouse=True, scope="session")
def closed_network() -> Iterator[None]:
    """Any connection beyond loopback fails the test that opened it."""
    real = socket.socket.connect

    def connect(self: socket.socket, address: object) -> None:
        if self.family in (socket.AF_INET, socket.AF_INET6):
            host = str(address[0]) if isinstance(address, tuple) else str(address)
            if host not in ("127.0.0.1", "::1", "localhost"):
                raise AssertionError(f"a test tried to reach {host}")
        real(self, address)  # type: ignore[arg-type]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket.socket, "connect", connect)
        yield


@pytest.fixture(scope="session")
def shared() -> Path:
    """The development folder with real documents and benchmarks; tests that need it skip where it is absent."""
    named = os.environ.get("RAGQA_SHARED")
    if not named or not Path(named).is_dir():
        pytest.skip("RAGQA_SHARED does not name the folder of development documents")
    return Path(named)
