"""Licences as data: what weights, data sets and plug-ins may be used for, and the gate.

``thermoscope licences NAME`` stops at non-commercial and copyleft items without the user's consent
(``--allow nc``, ``--allow copyleft``).
Items that state no licence are printed, not blocked: whether to use them is the user's judgement.
What is NOT here: legal advice.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from importlib import metadata
from typing import Literal

from thermoscope.core.errors import ConfigError, LicenceError

__all__ = [
    "PLUGINS",
    "Licensed",
    "Plugin",
    "Terms",
    "check_allowed",
    "installed_version",
    "terms_of",
]

Terms = Literal["permissive", "copyleft", "non-commercial", "unstated"]
CONSENT: dict[Terms, str] = {"non-commercial": "nc", "copyleft": "copyleft"}
PERMISSIVE = (
    "apache",
    "mit",
    "bsd",
    "isc",
    "mpl",
    "cc-by-4.0",
    "cc0",
    "odc-by",
    "hpnd",
    "unlicense",
)


@dataclass(frozen=True)
class Licensed:
    """Something with a licence.

    Attributes:
        name: Of the weights, data set or package.
        kind: ``"weights"``, ``"data set"`` or ``"plug-in"``.
        licence: SPDX id where there is one, ``"unstated"`` if the source says nothing.
        note: What a user should know besides.
    """

    name: str
    kind: Literal["weights", "data set", "plug-in"]
    licence: str
    note: str = ""

    @property
    def terms(self) -> Terms:
        """The licence in one of four words."""
        return terms_of(self.licence)


@dataclass(frozen=True)
class Plugin:
    """An optional package that reads what we do not.

    Attributes:
        package: Name on the package index.
        extra: thermoscope's extra that installs it.
        licence: SPDX id, read from the package's own metadata.
        purpose: What it is used for.
        verbs: Commands that would use it.
    """

    package: str
    extra: str
    licence: str
    purpose: str
    verbs: tuple[str, ...] = ("info", "convert", "spot", "stats", "doctor")


PLUGINS = (
    Plugin("fasthcc", "formats", "MIT", "Telops HCC"),
    Plugin("fluke-thermal-reader", "formats", "MIT", "Fluke IS2"),
    Plugin("imagecodecs", "formats", "BSD-3-Clause", "JPEG-LS frames of FLIR CSQ"),
    Plugin("infiray-irg", "formats", "MIT", "InfiRay IRG"),
)


def terms_of(licence: str) -> Terms:
    """What a licence id asks for.

    Anything with an NC part is non-commercial, the GPL family (and EUPL) is copyleft, and what is
    not recognised counts as unstated, so that it is printed.

    Example:
        >>> [terms_of(x) for x in ("MIT", "CC-BY-NC-SA-4.0", "AGPL-3.0-only", "unstated")]
        ['permissive', 'non-commercial', 'copyleft', 'unstated']
    """
    text = licence.lower()
    if "-nc" in text or "non-commercial" in text or "noncommercial" in text:
        return "non-commercial"
    if any(word in text for word in ("gpl", "eupl")):
        return "copyleft"
    return "permissive" if text.startswith(PERMISSIVE) else "unstated"


def check_allowed(items: Iterable[Licensed], *, allow: Collection[str] = ()) -> list[Licensed]:
    """The items that state nothing, if all others may be used.

    Args:
        items: What a command would use.
        allow: Consents given: ``"nc"``, ``"copyleft"``.

    Returns:
        Items without a stated licence, to be printed.

    Raises:
        ConfigError: An unknown consent.
        LicenceError: A non-commercial or copyleft item without consent; all are named.
    """
    for word in allow:
        if word not in CONSENT.values():
            raise ConfigError(f"--allow knows {sorted(CONSENT.values())}, got {word!r}.")
    items = list(items)
    blocked = [i for i in items if i.terms in CONSENT and CONSENT[i.terms] not in allow]
    if blocked:
        names = ", ".join(f"{i.name} ({i.licence})" for i in blocked)
        flags = " ".join(f"--allow {w}" for w in sorted({CONSENT[i.terms] for i in blocked}))
        raise LicenceError(
            f"these are restricted: {names}. If your use is covered, repeat with {flags}."
        )
    return [i for i in items if i.terms == "unstated"]


def installed_version(package: str) -> str | None:
    """Version of an installed package, None if it is absent."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None
