from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from thermoscope.core.config import config_from_dict, config_to_dict, read_config, write_config
from thermoscope.core.errors import ConfigError


@dataclass(frozen=True)
class Optim:
    lr: float = 1e-3
    kind: Literal["adamw", "sgd"] = "adamw"


@dataclass(frozen=True)
class Train:
    steps: int
    optim: Optim = Optim()
    crops: tuple[int, int] = (256, 320)
    sources: list[str] = field(default_factory=list)
    weights: dict[str, float] = field(default_factory=dict)
    resume: Path | None = None
    half: bool = False
    layers: tuple[int, ...] = ()


def test_nested_values_arrive():
    train = config_from_dict(
        Train,
        {
            "steps": 3,
            "optim": {"lr": 1, "kind": "sgd"},
            "crops": [1, 2],
            "sources": ["a"],
            "weights": {"x": 2},
            "resume": "a/b",
            "layers": [1, 2, 3],
        },
    )
    assert train == Train(
        3, Optim(1.0, "sgd"), (1, 2), ["a"], {"x": 2.0}, Path("a/b"), layers=(1, 2, 3)
    )


def test_exponents_as_people_write_them():
    assert config_from_dict(Optim, {"lr": "1e-3"}) == Optim(1e-3)
    with pytest.raises(ConfigError, match="config.lr must be float, got str 'fast'"):
        config_from_dict(Optim, {"lr": "fast"})


@pytest.mark.parametrize(
    ("values", "text"),
    [
        ({"steps": 1, "stps": 1}, "config has no key 'stps'. Did you mean 'steps'"),
        ({"steps": 1, "optim": {"ler": 1}}, "config.optim has no key 'ler'. Did you mean 'lr'"),
        ({}, "config lacks the key 'steps'"),
        ({"steps": 1.5}, "config.steps must be int, got float 1.5"),
        ({"steps": True}, "config.steps must be int, got bool"),
        ({"steps": 1, "optim": {"kind": "adam"}}, r"config.optim.kind must be one of \['adamw'"),
        ({"steps": 1, "crops": [1]}, "config.crops must have 2 items, got 1"),
        ({"steps": 1, "sources": "a"}, "config.sources must be a list, got str 'a'"),
        ({"steps": 1, "weights": [1]}, "config.weights must be a mapping"),
        ({"steps": 1, "resume": 4}, "config.resume must be Path, got int 4"),
        ({"steps": 1, "half": 1}, "config.half must be bool, got int 1"),
        ({"steps": 1, "optim": 4}, "config.optim must be a mapping"),
    ],
)
def test_each_fault_names_its_place(values, text):
    with pytest.raises(ConfigError, match=text):
        config_from_dict(Train, values)


def test_only_dataclasses_are_configs():
    with pytest.raises(ConfigError, match="not a dataclass"):
        config_from_dict(int, {})
    with pytest.raises(ConfigError, match="expected a dataclass instance, got int"):
        config_to_dict(3)


@given(
    steps=st.integers(),
    lr=st.floats(allow_nan=False),
    sources=st.lists(st.text()),
    resume=st.none() | st.just(Path("a b/ü")),
)
def test_yaml_round_trip(tmp_path_factory, steps, lr, sources, resume):
    path = tmp_path_factory.getbasetemp() / "config.yaml"
    config = Train(steps, Optim(lr), sources=sources, resume=resume)
    write_config(config, path)
    assert read_config(Train, path) == config


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("steps: [", "is not plain YAML"),
        ("!!python/object/apply:os.system ['true']", "is not plain YAML"),
        ("- 1", "c.yaml must be a mapping of keys, got list"),
        ("", "lacks the key 'steps'"),
    ],
)
def test_bad_files_are_refused(tmp_path, text, message):
    (tmp_path / "c.yaml").write_text(text)
    with pytest.raises(ConfigError, match=message):
        read_config(Train, tmp_path / "c.yaml")


def test_absent_file(tmp_path):
    with pytest.raises(ConfigError, match="cannot read the config"):
        read_config(Train, tmp_path / "none.yaml")
