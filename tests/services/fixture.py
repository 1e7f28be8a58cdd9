"""The fixture `service`: a model service of its own for each test that asks for one."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.services.server import Service


@pytest.fixture
def service() -> Iterator[Service]:
    """A running server (see `tests/services/server.py`), reached without a proxy."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NO_PROXY", "127.0.0.1")
        running = Service()
        try:
            yield running
        finally:
            running.close()
