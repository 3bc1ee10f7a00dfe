"""Sections of the demo report in which networks look: places, features, depth, classes.

Each runs on bundled weights and says so in a sentence where those are absent.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from thermoscope.core.errors import ThermoscopeError
from thermoscope.core.weights import list_weights
from thermoscope.engine import report as page
from thermoscope.sensor.palette import apply_palette
from thermoscope.sensor.tone import tone_map

if TYPE_CHECKING:
    from thermoscope.engine.demo import DemoFrame, Section
    from thermoscope.engine.place_views import PlaceView

__all__ = ["dense_section", "place_section"]

BACKBONE, PLACE_MODEL = "anythermal_small", "anythermal_small.place"
PLACES = 8
SHOWN_QUERIES = 3
FIRST = 3
WIDTH_PX = 224
TILE_PX, GAP_PX = 320, 8
Picture = NDArray[np.uint8]


def place_section(frames: Sequence[DemoFrame]) -> Iterator[Section]:
    """Thermal pictures by night look for their places among colour pictures by day."""
    del frames  # places need a map, which single frames of the user are not
    title = "Places: thermal by night, found in colour by day"
    if BACKBONE not in list_weights():
        yield title, [_absent(BACKBONE)]
        return
    try:
        yield title, _places()
    except ThermoscopeError as err:
        yield title, [page.notice(str(err), "warning")]


def _absent(name: str) -> page.Fragment:
    return page.notice(
        f"The weights {name} are not in this installation. thermoscope models lists those at hand.",
        "warning",
    )


def _places() -> list[page.Fragment]:
    from thermoscope.engine.place_index import PlaceIndex
    from thermoscope.engine.place_views import PlaceChoice, open_places
    from thermoscope.models.place import place_model

    pair = open_places(
        PlaceChoice(split="test", count=PLACES, frames_per_scene=1, rate_hz=1.0, preset="small")
    )
    gallery = [pair.gallery.view(i, "rgb") for i in range(PLACES)]
    queries = [pair.queries.view(i, "thermal") for i in range(PLACES)]
    model = place_model(PLACE_MODEL)
    index = PlaceIndex(model.dims, identity=model.identity)
    described = model.describe([v.picture for v in gallery], modality="rgb")
    names = [str(i) for i in range(PLACES)]
    index.add(described, names, positions_m=np.stack([v.position_m for v in gallery]))
    found = index.search(model.describe([v.picture for v in queries]), k=FIRST)
    right = sum(matches[0].name == name for matches, name in zip(found, names, strict=True))
    parts: list[page.Fragment] = [
        page.paragraph(
            f"{PLACES} rendered places the network never saw, mapped in colour by day. For each "
            f"thermal picture of the same place by night the nearest descriptors are shown; "
            f"{right} of {PLACES} places come first. One tower encodes both bands."
        )
    ]
    for number in range(SHOWN_QUERIES):
        shown = [_colour(gallery[int(match.name)]) for match in found[number]]
        said = [
            f"{match.rank}. cosine {match.similarity:.2f}"
            + (" (the same place)" if match.name == names[number] else "")
            for match in found[number]
        ]
        caption = f"thermal query; the nearest of the map: {', '.join(said)}"
        parts.append(page.picture(_strip([_thermal(queries[number]), *shown]), caption))
    parts.append(page.heading("What the backbone sees"))
    parts += _features(gallery[:2], queries[:2])
    return parts


def _features(gallery: Sequence[PlaceView], queries: Sequence[PlaceView]) -> list[page.Fragment]:
    """Dense features as colours, in both bands, after and (where it is installed) before."""
    from thermoscope.engine.features import FeatureReader, component_pictures
    from thermoscope.models.load import load_model
    from thermoscope.models.teachers import load_teacher

    networks = {"after distillation": load_model(BACKBONE)}
    note = "Like colours are like features, within a row."
    try:
        teacher = load_teacher("dinov2_small_offline").network
        networks["before it (the frozen teacher)"] = teacher
    except ThermoscopeError:
        note += " With the extra teachers installed, the features before distillation stand below."
    rows = [page.paragraph(note)]
    for label, network in networks.items():
        colour = FeatureReader(network, modality="rgb", side_px=WIDTH_PX)
        thermal = FeatureReader(network, modality="thermal", side_px=WIDTH_PX)
        grids = [
            r.read(v.picture)[1]
            for r, views in ((colour, gallery), (thermal, queries))
            for v in views
        ]
        seen = component_pictures(grids)
        count = len(gallery)
        for place in range(count):
            strip = [_colour(gallery[place]), seen[place]]
            strip += [seen[count + place], _thermal(queries[place])]
            caption = f"colour by day, its features, features of thermal by night, it: {label}"
            rows.append(page.picture(_strip(strip), caption))
    return rows


def _strip(pictures: Sequence[Picture]) -> Picture:
    """Pictures side by side at one size."""
    import cv2

    size = (TILE_PX, TILE_PX * 3 // 4)
    tiles = [np.asarray(cv2.resize(p, size, interpolation=cv2.INTER_AREA)) for p in pictures]
    gap = np.full((size[1], GAP_PX, 3), 255, np.uint8)
    parts = [part for tile in tiles for part in (tile, gap)]
    return np.concatenate(parts[:-1], axis=1)


def _thermal(view: PlaceView) -> Picture:
    return apply_palette(tone_map(view.picture), "inferno")


def _colour(view: PlaceView) -> Picture:
    planes: NDArray[Any] = view.picture
    return np.asarray(np.rint(planes.transpose(1, 2, 0) * 255), dtype=np.uint8)


def dense_section(frames: Sequence[DemoFrame]) -> Iterator[Section]:
    """Depth and classes of every frame that could be read, each from the one frame alone."""
    title = "Depth and classes from one thermal frame"
    wanted = [f"{BACKBONE}.depth", f"{BACKBONE}.segmentation"]
    missing = [name for name in wanted if name not in list_weights()]
    if missing:
        yield title, [_absent(" and ".join(missing))]
        return
    from thermoscope.engine.dense_pictures import depth_picture, segmentation_picture
    from thermoscope.models.load import load_model

    depth, classes = (load_model(name) for name in wanted)
    unit = "metres" if depth.metric else "no unit"
    parts: list[page.Fragment] = [
        page.paragraph(
            f"Depth in {unit}. Both heads learned on rendered scenes: on other cameras and places "
            "they guess, and the scale of depth is the least certain."
        )
    ]
    for frame in frames:
        if frame.image is None:
            continue
        try:
            grey = tone_map(frame.image.values)
            pictures = [
                page.picture(depth_picture(depth.predict(frame.image)), f"{frame.title}: depth"),
                page.picture(
                    segmentation_picture(grey, classes.predict(frame.image)),
                    f"{frame.title}: classes",
                ),
            ]
        except ThermoscopeError as err:
            parts.append(page.notice(f"{frame.title}: {err}", "warning"))
        else:
            parts.append(page.gallery(pictures))
    yield title, parts
