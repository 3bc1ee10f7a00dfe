import pickle

import pytest

from thermoscope.core import errors


@pytest.mark.parametrize(
    ("kind", "builtin"),
    [
        ("ShapeError", ValueError),
        ("UnitError", ValueError),
        ("ConfigError", ValueError),
        ("CalibrationError", ValueError),
        ("UnknownNameError", KeyError),
        ("ReadError", OSError),
        ("WriteError", OSError),
        ("DatasetNotFoundError", FileNotFoundError),
        ("DatasetCorruptError", OSError),
        ("WeightsMismatchError", RuntimeError),
        ("MissingDependencyError", ImportError),
        ("LicenceError", PermissionError),
    ],
)
def test_each_error_is_also_the_builtin_users_catch(kind, builtin):
    assert issubclass(getattr(errors, kind), (errors.ThermoscopeError, builtin))
    assert issubclass(getattr(errors, kind), errors.ThermoscopeError)
    assert issubclass(getattr(errors, kind), builtin)


def test_every_public_class_is_listed():
    public = {
        n
        for n, v in vars(errors).items()
        if isinstance(v, type) and v.__module__ == errors.__name__
    }
    assert public == set(errors.__all__)


@pytest.mark.parametrize(
    "error",
    [
        errors.ReadError("a.png: torn.", path="a.png", offset=12),
        errors.ShapeError("wrong", actual_shape=(3, 4), expected_shape="B H W"),
        errors.UnknownNameError("palette", "infern", ["inferno", "grey"]),
        errors.WeightsMismatchError("no", missing=["a"], unexpected=["b"]),
        errors.MissingDependencyError("av", extra="formats", purpose="16-bit video"),
    ],
    ids=lambda e: type(e).__name__,
)
def test_errors_cross_process_borders_whole(error):
    copy = pickle.loads(pickle.dumps(error))
    assert type(copy) is type(error)
    assert str(copy) == str(error)
    assert vars(copy) == vars(error)


def test_unknown_name_suggests_and_is_not_quoted():
    text = str(errors.UnknownNameError("palette", "infern", ["inferno", "ironbow"]))
    assert text == "unknown palette 'infern'. Did you mean 'inferno'? Known: inferno, ironbow."


def test_unknown_name_without_close_match_lists_all():
    error = errors.UnknownNameError("palette", "zzz", [])
    assert str(error) == "unknown palette 'zzz'. Known: none."
    assert error.known == ()


def test_missing_dependency_prints_the_pip_line():
    error = errors.MissingDependencyError("av", extra="formats", purpose="16-bit video")
    assert "pip install 'thermoscope[formats]'" in str(error)
    assert (error.package, error.extra) == ("av", "formats")
