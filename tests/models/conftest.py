"""The built-in embedder, prepared once for the whole run."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from ragqa.models.builtin import BuiltinEmbedder


@pytest.fixture
def builtin() -> BuiltinEmbedder:
    return BuiltinEmbedder(Path(os.environ["RAGQA_CACHE_DIR"]), threads=2)
