import pytest

from thermoscope.core.errors import ConfigError, UnknownNameError
from thermoscope.core.registry import Registry


@pytest.fixture
def animals() -> Registry[int]:
    registry: Registry[int] = Registry("animal")
    registry.add("horse", 1)
    registry.add("buffalo", 2)
    return registry


def test_names_are_sorted_and_found(animals):
    assert animals.names() == ["buffalo", "horse"]
    assert list(animals) == ["buffalo", "horse"]
    assert animals.get("horse") == 1
    assert "horse" in animals
    assert "cow" not in animals
    assert len(animals) == 2


def test_unknown_name_suggests(animals):
    with pytest.raises(UnknownNameError, match="unknown animal 'hrse'. Did you mean 'horse'"):
        animals.get("hrse")


def test_a_name_is_taken_once(animals):
    with pytest.raises(ConfigError, match="animal 'horse' is registered twice"):
        animals.add("horse", 3)
    assert animals.get("horse") == 1


def test_decorator_returns_the_entry():
    functions: Registry[object] = Registry("function", listing="thermoscope.list_x()")

    @functions.register("f")
    def f() -> int:
        return 3

    assert f() == 3
    assert functions.get("f") is f
    with pytest.raises(UnknownNameError, match=r"All names: thermoscope.list_x\(\)"):
        functions.get("g")
