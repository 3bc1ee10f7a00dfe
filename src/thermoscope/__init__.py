"""thermoscope: thermal-infrared perception.

The public names load on first use: ``import thermoscope`` imports neither torch nor OpenCV.

    >>> import thermoscope
    >>> sorted(thermoscope.__all__)[:2]
    ['Sample', 'ThermalImage']
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from thermoscope.core.version import VERSION

if TYPE_CHECKING:
    from thermoscope.core.errors import ThermoscopeError
    from thermoscope.core.sample import Sample
    from thermoscope.core.weights import list_weights
    from thermoscope.data.catalogue import list_datasets
    from thermoscope.io.read import read
    from thermoscope.io.sequence import open_sequence
    from thermoscope.io.thermal_image import ThermalImage
    from thermoscope.models.load import list_models, load_model

__version__ = VERSION

__all__ = [
    "Sample",
    "ThermalImage",
    "ThermoscopeError",
    "list_datasets",
    "list_models",
    "list_weights",
    "load_model",
    "open_sequence",
    "read",
]

_HOME = {
    "Sample": "core.sample",
    "ThermalImage": "io.thermal_image",
    "ThermoscopeError": "core.errors",
    "list_datasets": "data.catalogue",
    "list_models": "models.load",
    "list_weights": "core.weights",
    "load_model": "models.load",
    "open_sequence": "io.sequence",
    "read": "io.read",
}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'thermoscope' has no attribute {name!r}")
    value = getattr(import_module(f"thermoscope.{_HOME[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*__all__, "__version__"])
