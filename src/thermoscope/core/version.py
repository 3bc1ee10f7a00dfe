"""The version, for every layer: results, reports and manifests state it."""

__all__ = ["VERSION"]

VERSION = "0.1.0"
