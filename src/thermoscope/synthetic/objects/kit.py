"""What a thing is made of: a mesh, its slots, the lamps and hot spots that it carries.

A `Model` is built once and placed many times; tint, activity and temperature offset come with each
placement. What is NOT here: where things stand (`thermoscope.synthetic.placement`).
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from typing import Literal

import numpy as np

from thermoscope.synthetic.meshes import Mesh, merge
from thermoscope.synthetic.scene import Role

__all__ = ["RGB", "HeatSpot", "Kit", "LampSpot", "Lit", "Model", "Slot", "rng_of"]

RGB = tuple[float, float, float]
Point = tuple[float, float, float]
Lit = Literal["always", "dark", "active"]


@dataclass(frozen=True)
class Slot:
    """One material with one role in a model.

    Attributes:
        name: "wheel", "window" ...; with the model's name in front it becomes the part's name.
        class_name: Fine class.
        material: Name in `thermoscope.synthetic.materials`.
        role: Thermal role.
        tint: A colour, or the key of a colour that the placement gives ("" = white).
        glow: Visible light of its own, see `Part`.
        lit: When it glows: "always", in the "dark", or in the dark while "active".
    """

    name: str
    class_name: str
    material: str
    role: Role = Role.PASSIVE
    tint: RGB | str = ""
    glow: float = 0.0
    lit: Lit = "always"


@dataclass(frozen=True)
class LampSpot:
    """A lamp in object coordinates; see `Lamp`. It burns in the dark; "active" ones if in use."""

    position_m: Point
    intensity: float
    colour: RGB
    direction: Point = (0.0, 0.0, 0.0)
    cone_deg: float = 180.0
    lit: Lit = "dark"


@dataclass(frozen=True)
class HeatSpot:
    """A warm spot in object coordinates, scaled by the activity of the object."""

    centre_m: Point
    radius_m: float
    delta_k: float


@dataclass(frozen=True, eq=False)
class Model:
    """A thing, ready to be placed.

    Attributes:
        name: "sedan", "oak" ...
        mesh: Its faces; `mesh.slot` indexes `slots`.
        slots: Materials and roles.
        size_m: Length, width, height of its bounding box.
        lamps: Its lights.
        heat: Its warm spots.
    """

    name: str
    mesh: Mesh
    slots: tuple[Slot, ...]
    size_m: Point
    lamps: tuple[LampSpot, ...] = ()
    heat: tuple[HeatSpot, ...] = ()


class Kit:
    """Collects the meshes of a model, slot by slot.

    Args:
        name: Of the model.
        class_name: Fine class of its slots unless one says otherwise.
    """

    def __init__(self, name: str, class_name: str) -> None:
        self.name, self.class_name = name, class_name
        self._slots: dict[Slot, int] = {}
        self._meshes: list[Mesh] = []
        self._lamps: list[LampSpot] = []
        self._heat: list[HeatSpot] = []

    def slot(
        self,
        name: str,
        material: str,
        role: Role = Role.PASSIVE,
        *,
        tint: RGB | str = "",
        class_name: str = "",
        glow: float = 0.0,
        lit: Lit = "always",
    ) -> int:
        """Index of a slot, made if new: for meshes whose faces belong to several."""
        wanted = Slot(name, class_name or self.class_name, material, role, tint, glow, lit)
        return self._slots.setdefault(wanted, len(self._slots))

    def add(self, mesh: Mesh, slot: int) -> None:
        """Add a mesh whose faces are all in one slot."""
        self._meshes.append(mesh.painted(slot))

    def add_sorted(self, mesh: Mesh) -> None:
        """Add a mesh whose faces know their slots already."""
        self._meshes.append(mesh)

    def lamp(self, lamp: LampSpot) -> None:
        """Add a light."""
        self._lamps.append(lamp)

    def warm(self, centre_m: Point, radius_m: float, delta_k: float) -> None:
        """Add a warm spot."""
        self._heat.append(HeatSpot(centre_m, radius_m, delta_k))

    def model(self) -> Model:
        """All of it as one model."""
        mesh = merge(self._meshes)
        size = np.ptp(mesh.vertices, axis=0)
        return Model(
            name=self.name,
            mesh=mesh,
            slots=tuple(self._slots),
            size_m=(float(size[0]), float(size[1]), float(size[2])),
            lamps=tuple(self._lamps),
            heat=tuple(self._heat),
        )


def rng_of(*words: str | int) -> np.random.Generator:
    """A random generator that depends on these words only: same on every machine.

    Example:
        >>> int(rng_of("oak", 3).integers(100)) == int(rng_of("oak", 3).integers(100))
        True
    """
    return np.random.default_rng(
        [zlib.crc32(w.encode()) if isinstance(w, str) else int(w) for w in words]
    )
