"""Frozen dataclasses to YAML and back, strictly: an unknown key, a wrong type or an import fails.

Order of precedence is the caller's: preset, then file, then flags. What is NOT here: building
anything from a config. A builder reads its fields and passes plain arguments on.
"""

from __future__ import annotations

import dataclasses
import difflib
import re
import types
import typing
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, TypeVar, Union, cast

import yaml

from thermoscope.core.errors import ConfigError
from thermoscope.core.files import atomic_write

__all__ = ["config_from_dict", "config_to_dict", "read_config", "write_config"]

C = TypeVar("C")
EXPONENT_FORM = re.compile(r"[+-]?\d+[eE][+-]?\d+")  # YAML 1.1 reads 1e-3 as text


def config_to_dict(config: object) -> dict[str, Any]:
    """Plain dicts, lists, numbers and text of a dataclass, ready for YAML or JSON.

    Raises:
        ConfigError: `config` is not a dataclass instance.
    """
    if not dataclasses.is_dataclass(config) or isinstance(config, type):
        raise ConfigError(f"expected a dataclass instance, got {type(config).__name__}.")
    return {f.name: _plain(getattr(config, f.name)) for f in dataclasses.fields(config)}


def _plain(value: Any) -> Any:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return config_to_dict(value)
    if isinstance(value, Mapping):
        return {str(k): _plain(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(v) for v in value]
    return str(value) if isinstance(value, Path) else value


def config_from_dict(kind: type[C], values: Mapping[str, Any], *, where: str = "config") -> C:
    """An instance of dataclass `kind` from plain values.

    Args:
        kind: A dataclass; nested dataclasses, tuples, lists, Literals, optionals and dicts with
            text keys are understood.
        values: One entry per field; fields with a default may be absent.
        where: Dotted place, for messages.

    Raises:
        ConfigError: Unknown key (with the closest names), missing key, or a value of another type.

    Example:
        >>> @dataclasses.dataclass(frozen=True)
        ... class Optim:
        ...     lr: float = 1e-3
        >>> config_from_dict(Optim, {"lr": 0.1})
        Optim(lr=0.1)
        >>> config_from_dict(Optim, {"ler": 0.1})
        Traceback (most recent call last):
            ...
        thermoscope.core.errors.ConfigError: config has no key 'ler'. Did you mean 'lr'? Known: lr.
    """
    if not dataclasses.is_dataclass(kind):
        raise ConfigError(f"{where}: {kind!r} is not a dataclass.")
    if not isinstance(values, Mapping):
        raise ConfigError(f"{where} must be a mapping of keys, got {type(values).__name__}.")
    fields = {f.name: f for f in dataclasses.fields(kind) if f.init}
    for key in values:
        if key not in fields:
            raise ConfigError(_unknown(where, str(key), list(fields)))
    hints = typing.get_type_hints(kind)
    arguments = {k: _convert(hints[k], v, f"{where}.{k}") for k, v in values.items()}
    for name, f in fields.items():
        required = f.default is dataclasses.MISSING and f.default_factory is dataclasses.MISSING
        if required and name not in arguments:
            raise ConfigError(f"{where} lacks the key {name!r}. Add it.")
    return cast("C", kind(**arguments))


def _unknown(where: str, key: str, known: list[str]) -> str:
    close = difflib.get_close_matches(key, known, n=2)
    hint = f" Did you mean {' or '.join(repr(c) for c in close)}?" if close else ""
    return f"{where} has no key {key!r}.{hint} Known: {', '.join(known)}."


def _convert(kind: Any, value: Any, where: str) -> Any:
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if kind is Any:
        return value
    if dataclasses.is_dataclass(kind) and isinstance(kind, type):
        return config_from_dict(kind, value, where=where)
    if origin in (Union, types.UnionType):
        return _convert_union(arguments, value, where)
    if origin is Literal:
        if value not in arguments:
            raise ConfigError(f"{where} must be one of {list(arguments)}, got {value!r}.")
        return value
    if origin in (list, tuple):
        return _convert_items(origin, arguments, value, where)
    if origin in (dict, Mapping) or _is_mapping_type(origin):
        return _convert_mapping(arguments, value, where)
    return _convert_scalar(kind, value, where)


def _is_mapping_type(origin: Any) -> bool:
    return isinstance(origin, type) and issubclass(origin, Mapping)


def _convert_union(arguments: tuple[Any, ...], value: Any, where: str) -> Any:
    if value is None and type(None) in arguments:
        return None
    reasons = []
    for choice in arguments:
        if choice is type(None):
            continue
        try:
            return _convert(choice, value, where)
        except ConfigError as err:
            reasons.append(str(err))
    raise ConfigError(reasons[0] if len(reasons) == 1 else f"{where}: {' / '.join(reasons)}")


def _convert_items(origin: Any, arguments: tuple[Any, ...], value: Any, where: str) -> Any:
    if not isinstance(value, (list, tuple)):
        raise ConfigError(f"{where} must be a list, got {type(value).__name__} {value!r}.")
    if origin is list or (len(arguments) == 2 and arguments[1] is Ellipsis):
        kinds = [arguments[0]] * len(value)
    else:
        kinds = list(arguments)
    if len(kinds) != len(value):
        raise ConfigError(f"{where} must have {len(kinds)} items, got {len(value)}.")
    items = [
        _convert(k, v, f"{where}[{i}]") for i, (k, v) in enumerate(zip(kinds, value, strict=True))
    ]
    return origin(items)


def _convert_mapping(arguments: tuple[Any, ...], value: Any, where: str) -> dict[str, Any]:
    if not isinstance(value, Mapping):
        raise ConfigError(f"{where} must be a mapping, got {type(value).__name__} {value!r}.")
    return {str(k): _convert(arguments[1], v, f"{where}.{k}") for k, v in value.items()}


def _convert_scalar(kind: Any, value: Any, where: str) -> Any:
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if kind is float and isinstance(value, str) and EXPONENT_FORM.fullmatch(value):
        return float(value)
    if kind is Path and isinstance(value, str):
        return Path(value)
    exact = isinstance(value, kind) and not (isinstance(value, bool) and kind is not bool)
    if not exact:
        raise ConfigError(f"{where} must be {kind.__name__}, got {type(value).__name__} {value!r}.")
    return value


def read_config(kind: type[C], path: str | Path) -> C:
    """An instance of `kind` from a YAML file, read with the safe loader.

    Raises:
        ConfigError: No such file, not YAML, or content that does not fit `kind`.
    """
    try:
        values = yaml.safe_load(Path(path).read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as err:
        raise ConfigError(f"cannot read the config {path}: {err}.") from err
    except (yaml.YAMLError, RecursionError) as err:
        raise ConfigError(f"{path} is not plain YAML: {err}.") from err
    return config_from_dict(kind, values if values is not None else {}, where=Path(path).name)


def write_config(config: object, path: str | Path) -> None:
    """Write `config` as YAML, atomically, fields in their declared order.

    Raises:
        ConfigError: `config` is not a dataclass instance.
        WriteError: The file cannot be written.
    """
    text = yaml.safe_dump(config_to_dict(config), sort_keys=False)
    with atomic_write(path) as stream:
        stream.write(text.encode("ascii"))
