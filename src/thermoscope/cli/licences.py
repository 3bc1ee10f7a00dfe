"""``thermoscope licences``: what every weight, data set and plug-in allows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

import tyro

from thermoscope.cli.arguments import parse, print_json, print_table
from thermoscope.cli.main import VERBS
from thermoscope.core.errors import UnknownNameError
from thermoscope.core.licences import PLUGINS, Licensed, check_allowed, installed_version
from thermoscope.core.weights import find_weights, list_weights
from thermoscope.data.catalogue import dataset_info, list_datasets

__all__ = ["Arguments", "main"]


@dataclass(frozen=True)
class Arguments:
    """Licences of weights, data sets and plug-ins; exit status 2 if a named one needs consent."""

    names: Annotated[tuple[str, ...], tyro.conf.Positional] = ()
    """A command (info ...), weights, data sets or plug-ins; everything if none is given."""
    allow: tuple[str, ...] = ()
    """Consents: nc (non-commercial), copyleft."""
    json: bool = False
    """Print JSON."""


def main(words: Sequence[str]) -> int:
    """Run the verb."""
    arguments = parse(Arguments, words, verb="licences")
    known = everything()
    items = [i for name in arguments.names for i in matching(name, known)] or known
    rows = [(i.name, i.kind, i.licence, i.terms, i.note) for i in items]
    if arguments.json:
        keys = ("name", "kind", "licence", "terms", "note")
        print_json([dict(zip(keys, row, strict=True)) for row in rows])
    else:
        print_table(("name", "kind", "licence", "terms", "note"), rows)
    if arguments.names:
        check_allowed(items, allow=arguments.allow)
    return 0


def everything() -> list[Licensed]:
    """All weights at hand, known data sets and plug-ins."""
    weights = [Licensed(n, "weights", find_weights(n)[0].licence) for n in list_weights()]
    return [*weights, *(dataset_info(n).licensed() for n in list_datasets()), *_plugins()]


def _plugins(verb: str | None = None) -> list[Licensed]:
    found = []
    for plugin in PLUGINS:
        if verb is not None and verb not in plugin.verbs:
            continue
        version = installed_version(plugin.package)
        state = f"installed {version}" if version else f"not installed, extra {plugin.extra!r}"
        note = f"{plugin.purpose}; {state}"
        found.append(Licensed(plugin.package, "plug-in", plugin.licence, note))
    return found


def matching(name: str, known: list[Licensed]) -> list[Licensed]:
    """What a command would use, or the item called `name`; weights bring their sources.

    Raises:
        UnknownNameError: Neither a command nor a known item.
    """
    if name in VERBS:
        return _plugins(name)
    found = [item for item in known if item.name == name]
    if not found:
        raise UnknownNameError("item", name, [*VERBS, *(i.name for i in known)])
    if found[0].kind == "weights":
        card, _ = find_weights(name)
        found += [Licensed(s.name, "data set", s.licence, s.use) for s in card.sources]
    return found
