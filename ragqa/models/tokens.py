"""Counts the tokens of a prompt: exactly with tiktoken's tables where they are at hand, else by a safe estimate."""

from __future__ import annotations

import hashlib
import math
import os
import re
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from ragqa.models.hub import is_offline
from ragqa.ports import TokenCounter

if TYPE_CHECKING:
    import tiktoken

ENCODING = "o200k_base"
_TABLE_URL = "https://openaipublic.blob.core.windows.net/encodings/o200k_base.tiktoken"
_DEADLINE_S = 3.0
_UNREACHABLE_S = 24 * 3600

_MARGIN = 1.2
"""With it, fewer than one text in a hundred has more tokens than estimated (fitted on English and Chinese)."""

_PARTS = re.compile(
    r"(?P<dense>[\u1100-\u11ff\u2e80-\u9fff\ua960-\ua97f\uac00-\ud7ff\uf900-\ufaff\uff66-\uff9d\U00020000-\U0003ffff])"
    r"|(?P<digits>\d{1,3})|(?P<latin>[A-Za-z\u00c0-\u024f]+)|(?P<newline>\n)|(?P<space>\s+)|(?P<mark>[!-~])|(?P<other>.)",
    re.DOTALL,
)
_COSTS = {"dense": 0.94, "digits": 1.53, "newline": 0.72, "mark": 0.37, "other": 1.5}
_WORD, _LETTER_FROM_7, _LETTER_FROM_21 = 1.06, 0.135, 0.55


def counter(
    cache_dir: Path,
    *,
    environment: Mapping[str, str],
    deadline_s: float = _DEADLINE_S,
    on_download: Callable[[], None] | None = None,
) -> TokenCounter:
    """The best counter that is to be had within `deadline_s`.

    tiktoken fetches its table (about 4 MB) at the first use, without any limit on time. It gets a thread of its own
    and the deadline; a failure is remembered for a day, and nothing is fetched at all where HF_HUB_OFFLINE is set.
    """
    folder = Path(environment.get("TIKTOKEN_CACHE_DIR") or cache_dir / "tiktoken")
    stamp = cache_dir / "tiktoken-unreachable"
    table = folder / hashlib.sha1(_TABLE_URL.encode(), usedforsecurity=False).hexdigest()
    if not table.is_file():
        if is_offline(environment) or _is_fresh(stamp):
            return EstimatedTokens()
        if on_download is not None:
            on_download()
    os.environ["TIKTOKEN_CACHE_DIR"] = str(folder)
    encoding = _loaded(deadline_s)
    if encoding is None:
        _touch(stamp)
        return EstimatedTokens()
    return ExactTokens(encoding)


def estimate(text: str) -> int:
    """Tokens of `text`, rather too many than too few; long runs of letters without a space count as what they are."""
    tokens = 0.0
    for part in _PARTS.finditer(text):
        kind = part.lastgroup or "other"
        if kind == "latin":
            letters = part.end() - part.start()
            tokens += _WORD + _LETTER_FROM_7 * min(max(0, letters - 6), 14) + _LETTER_FROM_21 * max(0, letters - 20)
        elif kind == "space":
            tokens += 0.1 * (part.end() - part.start() - 1)
        else:
            tokens += _COSTS[kind]
    return math.ceil(tokens * _MARGIN)


class EstimatedTokens:
    """Implements `ports.TokenCounter` without any table."""

    name = "estimate"
    exact = False

    def count(self, text: str) -> int:
        return estimate(text)


class ExactTokens:
    """Implements `ports.TokenCounter` with one of tiktoken's encodings."""

    exact = True

    def __init__(self, encoding: tiktoken.Encoding) -> None:
        self.name = encoding.name
        self._encoding = encoding

    def count(self, text: str) -> int:
        """The special words of a model count as the text that they are when they stand in a document."""
        return len(self._encoding.encode_ordinary(text))


def _loaded(deadline_s: float) -> tiktoken.Encoding | None:
    """The encoding, if it is loaded in time. A thread that comes too late still leaves the table for the next run."""
    loaded: list[tiktoken.Encoding] = []

    def load() -> None:
        import tiktoken

        try:
            loaded.append(tiktoken.get_encoding(ENCODING))
        except (OSError, ValueError):
            return  # unreachable (requests' errors are OSErrors), or not the table it should be

    thread = threading.Thread(target=load, daemon=True, name="ragqa-tiktoken")
    thread.start()
    thread.join(deadline_s)
    return loaded[0] if loaded else None


def _is_fresh(stamp: Path) -> bool:
    try:
        return 0 <= time.time() - stamp.stat().st_mtime < _UNREACHABLE_S
    except OSError:
        return False


def _touch(stamp: Path) -> None:
    try:
        stamp.touch()
    except OSError:
        return  # a cache that cannot be written to costs the deadline again next time, nothing more
