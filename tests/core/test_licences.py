import pytest

from thermoscope.core.errors import ConfigError, LicenceError
from thermoscope.core.licences import PLUGINS, Licensed, check_allowed, installed_version, terms_of


@pytest.mark.parametrize(
    ("licence", "terms"),
    [
        ("MIT", "permissive"),
        ("Apache-2.0", "permissive"),
        ("BSD-3-Clause-Clear", "permissive"),
        ("ODC-By-1.0", "permissive"),
        ("CC-BY-4.0", "permissive"),
        ("CC-BY-NC-4.0", "non-commercial"),
        ("LicenseRef-LLVIP-non-commercial", "non-commercial"),
        ("LGPL-2.1", "copyleft"),
        ("EUPL-1.2", "copyleft"),
        ("unstated", "unstated"),
        ("", "unstated"),
        ("some words of their own", "unstated"),
    ],
)
def test_terms(licence, terms):
    assert terms_of(licence) == terms


FREE = Licensed("a", "data set", "MIT")
SILENT = Licensed("b", "data set", "unstated")
NC = Licensed("c", "data set", "CC-BY-NC-4.0")
COPYLEFT = Licensed("d", "plug-in", "AGPL-3.0-only")


def test_silent_items_are_returned_not_blocked():
    assert check_allowed([FREE, SILENT]) == [SILENT]


def test_restricted_items_need_their_own_consent():
    with pytest.raises(LicenceError, match=r"c \(CC-BY-NC-4.0\), d .*--allow copyleft --allow nc"):
        check_allowed([FREE, NC, COPYLEFT])
    with pytest.raises(LicenceError, match=r"restricted: d \(AGPL-3.0-only\)"):
        check_allowed([NC, COPYLEFT], allow=["nc"])
    assert check_allowed([NC, COPYLEFT], allow=["nc", "copyleft"]) == []


def test_unknown_consent():
    with pytest.raises(ConfigError, match="--allow knows .*got 'commercial'"):
        check_allowed([], allow=["commercial"])


def test_plugins_are_permissive_and_installed_ones_say_their_version():
    assert {terms_of(p.licence) for p in PLUGINS} == {"permissive"}
    assert installed_version("numpy")
    assert installed_version("surely-not-installed") is None
