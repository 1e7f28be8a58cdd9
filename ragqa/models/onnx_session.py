"""Opens an ONNX graph on the processor: one thread a run, no telemetry, and no word of the runtime's own."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ragqa.errors import RagqaError


def open_session(graph: Path, *, unusable: type[RagqaError], what: str, remedy: str) -> Any:
    """The session of `graph`, whose runs may stand side by side. A graph that cannot be loaded raises `unusable`."""
    # While it is loaded, the runtime would give this machine an identifier, keep it in the home folder, and report
    # to its makers; its own disable_telemetry_events comes too late for that.
    os.environ["ORT_DISABLE_TELEMETRY"] = "1"
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.log_severity_level = 4
    try:
        return onnxruntime.InferenceSession(str(graph), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # the runtime's errors share no base class below it
        raise unusable(f"{what} cannot be loaded: {error}", remedy=remedy) from error


def processors() -> int:
    """Those that this process may use, where the system tells."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:
        return os.cpu_count() or 1
