"""The packages of the extra ``export``, found when they are needed."""

from __future__ import annotations

import sys
from importlib import import_module
from typing import Any

from thermoscope.core.errors import MissingDependencyError

__all__ = ["openvino_package", "optional_package"]

REPORTER = "openvino_telemetry"


def optional_package(name: str, *, purpose: str) -> Any:
    """A module of the extra ``export``.

    Raises:
        MissingDependencyError: Not installed.
    """
    try:
        return import_module(name)
    except ImportError as err:
        raise MissingDependencyError(name, extra="export", purpose=purpose) from err


def openvino_package(*, purpose: str) -> Any:
    """OpenVINO, which then reports its use to nobody.

    Importing it would start a package that sends events over the network; where that package
    cannot be imported OpenVINO goes without. An OpenVINO imported earlier is left as it is.

    Raises:
        MissingDependencyError: Not installed.
    """
    if "openvino" not in sys.modules:
        sys.modules.setdefault(REPORTER, None)  # type: ignore[arg-type]  # Python's own sign
    return optional_package("openvino", purpose=purpose)
