"""The command on a card makes the config again that ran, read by the parser that users meet."""

import shlex
from dataclasses import replace
from pathlib import Path

import pytest

from thermoscope.cli.train import parsed
from thermoscope.recipes.catalogue import RECIPES, load_recipe
from thermoscope.recipes.train_command import train_command


def command(recipe, config):
    return train_command(recipe, config, load_recipe(recipe).presets, name="mine")


def understood(line):
    """The config that the command line tool makes of a command."""
    _, verb, recipe, *words = shlex.split(line)
    assert verb == "train"
    arguments, config = parsed(load_recipe(recipe), words)
    assert arguments.out == Path("runs/mine")
    return config


@pytest.mark.parametrize("recipe", sorted(RECIPES))
def test_presets_are_named_and_nothing_else(recipe):
    for name, config in load_recipe(recipe).presets.items():
        expected = f"thermoscope train {recipe} --preset {name} --out runs/mine"
        assert command(recipe, config) == expected


def changed(recipe, **changes):
    presets = load_recipe(recipe).presets
    config = presets["small"]
    for path, value in changes.items():
        *outer, last = path.split("__")
        if outer:
            inner = replace(getattr(config, outer[0]), **{last: value})
            config = replace(config, **{outer[0]: inner})
        else:
            config = replace(config, **{last: value})
    return config


def test_where_rendered_frames_are_kept_is_left_out_and_a_data_set_is_not():
    base = load_recipe("depth").presets["small"]
    kept = replace(base, train=replace(base.train, root=Path("cache")))
    assert command("depth", kept) == command("depth", base)
    own = replace(base, train=replace(base.train, data="folder", root=Path("mine")))
    assert "--train.data folder --train.root mine" in command("depth", own)


@pytest.mark.parametrize(
    ("recipe", "changes", "flags"),
    [
        ("depth", {"loop__steps": 7, "loop__seed": 2}, "--loop.steps 7 --loop.seed 2"),
        ("depth", {"score": False, "layers": (1, 2, 3, 4)}, "--layers 1 2 3 4 --no-score"),
        ("depth", {"size_px": None}, "--size-px None"),
        ("segmentation", {"terms": ("dice",)}, "--terms dice"),
        ("segmentation", {"train__taxonomy": "fine"}, "--train.taxonomy fine"),
        ("distill_anythermal", {"fold": (1, 5)}, "--fold 1 5"),
        (
            "distill_anythermal",
            {"symmetric": False, "without_position": False},
            "--no-symmetric --no-without-position",
        ),
        ("distill_anythermal", {"views__scale": (0.2, 0.5)}, "--views.scale 0.2 0.5"),
        ("place_recognition", {"val__environments": ("urban",)}, "--val.environments urban"),
    ],
)
def test_changed_options_are_flags_that_make_the_config_again(recipe, changes, flags):
    config = changed(recipe, **changes)
    line = command(recipe, config)
    assert line == f"thermoscope train {recipe} --preset small {flags} --out runs/mine"
    assert understood(line) == config


def test_an_option_of_one_data_set_of_several():
    config = load_recipe("distill_anythermal").presets["small"]
    scenes = replace(config.sources[2], count=90)
    config = replace(config, sources=(*config.sources[:2], scenes, config.sources[3]))
    line = command("distill_anythermal", config)
    assert "--preset small --sources.2.count 90 --out" in line
    assert understood(line) == config


def test_the_nearest_preset_is_taken():
    paper = load_recipe("depth").presets["paper"]
    line = command("depth", replace(paper, tag="mine"))
    assert line == "thermoscope train depth --preset paper --tag mine --out runs/mine"


def test_more_data_sets_than_the_preset_are_left_to_the_file():
    config = load_recipe("distill_anythermal").presets["small"]
    line = command("distill_anythermal", replace(config, sources=config.sources * 2))
    assert line == "thermoscope train distill_anythermal --config config.yaml --out runs/mine"


def test_folders_of_one_machine_and_the_way_of_running_stay_out():
    config = load_recipe("depth").presets["small"]
    train = replace(config.train, data="folder", root=Path("/home/somebody/frames"))
    loop = replace(config.loop, workers=3, checkpoint_every=50)
    line = command("depth", replace(config, train=train, loop=loop))
    assert "--train.root frames " in line
    assert "workers" not in line
    assert "checkpoint" not in line
