"""What the heat balance needs to know of each part, worked out once a scene.

One row a part: the temperature it tends to without sun and sky, how much of each past hour's sun
it still holds, how far it cools towards the sky, how strongly its temperature varies over metres
and over its texture. What is NOT here: pixels (`heat`), running engines and living things
(`heat_roles`).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from thermoscope.synthetic.scene import Conditions, Material, Part, Role, Scene
from thermoscope.synthetic.sunshine import EDGES_H, Sunshine, step_response, sun_strength
from thermoscope.synthetic.texture import TextureSet
from thermoscope.synthetic.texture_tiles import pattern_of

__all__ = ["HeatTable", "heat_table"]

Floats = NDArray[np.float32]
Column = NDArray[np.float64]

STEFAN_BOLTZMANN = 5.670374e-8
BROAD_SKY_SHARE = 0.42  # of the window's deficit, over all wavelengths: CO2 and water fill the rest
DAILY_RATE = 2 * math.pi / 86400.0
AIR_SWING_K = 6.5  # half the daily wave of a clear day, as in `conditions`
INDOOR_WARM_K = 293.0  # behind a heated wall
BODY_K = 307.0
THICKNESS = 0.3  # spread of what clothing lets through
INDOOR_CALM = 0.4  # of the outdoor variation: no weather, no damp
DEEP_GROUND = 1.25  # inertia of a thick bed against a sample of its material

# Share of the way from air to body temperature; clothing and fur insulate.
BODY_SHARE = {Role.SKIN: 0.78, Role.CLOTHING: 0.36, Role.FUR: 0.26}
# Convection against a level surface of the same wind: leaves are small, ground is sheltered.
CONVECTION = {Role.LEAF: 2.6, Role.WHEEL: 1.2, Role.CLOTHING: 1.5, Role.SKIN: 1.5, Role.FUR: 1.3}
# Share of absorbed sun that heats and does not evaporate water.
DRY_SHARE = {Role.LEAF: 0.4, Role.WATER: 0.15, Role.SKIN: 0.35, Role.CLOTHING: 0.6, Role.FUR: 0.7}
GROWING_GRASS = 0.6

# Texture of the temperature: kind, scale against the albedo's, amplitude in full sun and at
# night, K. It is another drawing than the albedo's, except where courses and joints lie.
HEAT_TEXTURE = {
    "asphalt": ("stain", 1.6, 2.5, 0.69),
    "bark": ("stain", 1.0, 3.8, 0.96),
    "books": ("books", 1.0, 0.6, 0.49),
    "brick": ("brick", 1.0, 2.2, 0.58),
    "brushed": ("dust", 1.0, 1.8, 0.64),
    "concrete": ("dust", 1.4, 2.5, 0.69),
    "corrugated": ("corrugated", 1.0, 2.8, 1.11),
    "dust": ("plain", 1.0, 2.2, 0.79),
    "fabric": ("fur", 1.6, 2.5, 1.59),
    "forest": ("leaf", 0.6, 3.2, 1.45),
    "fur": ("fabric", 1.5, 2.5, 1.91),
    "grass": ("soil", 1.5, 5.2, 1.45),
    "gravel": ("gravel", 1.0, 4.0, 0.96),
    "leaf": ("forest", 1.2, 3.2, 1.27),
    "panels": ("panels", 1.0, 2.5, 0.90),
    "plain": ("dust", 1.0, 1.8, 0.49),
    "planks": ("planks", 1.0, 2.5, 0.49),
    "rock": ("stain", 0.8, 5.2, 1.27),
    "rows": ("rows", 1.0, 5.2, 1.59),
    "snow": ("plain", 1.0, 1.2, 0.79),
    "soil": ("rock", 1.3, 5.0, 1.11),
    "stain": ("concrete", 1.3, 2.5, 0.69),
    "tiles": ("tiles", 1.0, 2.2, 0.49),
    "water": ("water", 2.0, 0.6, 0.26),
    "wood": ("stain", 1.0, 2.5, 0.58),
}


@dataclass(frozen=True, eq=False)
class HeatTable:
    """One row a part, P of them; all float32 unless said otherwise.

    Attributes:
        rest_k: (P,) temperature without sun and sky, K.
        direct_k: (P, J) warming by the direct sun of each past bin on a facing surface, K.
        diffuse_k: (P,) warming by the light of an open sky now and before, K.
        cooling_k: (P,) cooling towards an open sky, K.
        metres_k: (P,) amplitude of what varies over metres, K.
        texture_k: (P,) amplitude of the temperature's texture, K.
        texture: The textures.
        object_id: (P,) int64.
    """

    rest_k: Floats
    direct_k: Floats
    diffuse_k: Floats
    cooling_k: Floats
    metres_k: Floats
    texture_k: Floats
    texture: TextureSet
    object_id: NDArray[np.int64]


def heat_table(scene: Scene, sunshine: Sunshine) -> HeatTable:
    """The rows of a scene."""
    conditions, parts = scene.conditions, scene.parts
    materials = [scene.materials[part.material] for part in parts]
    inertia = np.array([m.thermal_inertia for m in materials], np.float64)
    inertia[[p.object_id == 0 for p in parts]] *= DEEP_GROUND
    emissivity = np.array([m.emissivity for m in materials])
    exchange = _exchange(scene, parts, emissivity)
    held = np.stack([step_response(inertia, exchange, edge) for edge in EDGES_H], axis=1)
    heating = _absorption(conditions, parts, materials)[:, None] * np.diff(held, axis=1)
    alive = np.array([p.role in BODY_SHARE for p in parts])
    radiated = emissivity * _sky_deficit(conditions) * np.where(alive, 0.4, 1.0)
    strength = 0.0 if scene.indoor else sun_strength(conditions) / 0.7
    names, scales, seeds, amplitudes = _textures(parts, materials, strength, conditions.rain)
    rest = _rest(scene, parts, materials, inertia, exchange)
    outdoors = 0.0 if scene.indoor else 1.0
    calm = INDOOR_CALM if scene.indoor else 1.0
    return HeatTable(
        rest_k=rest.astype(np.float32),
        direct_k=(outdoors * heating * sunshine.direct).astype(np.float32),
        diffuse_k=(outdoors * (heating * sunshine.diffuse).sum(1)).astype(np.float32),
        cooling_k=(outdoors * radiated * step_response(inertia, exchange, 14.0)).astype(np.float32),
        metres_k=calm * _metres(parts, materials, strength, conditions.rain),
        texture_k=np.array(amplitudes, np.float32) * np.float32(calm),
        texture=TextureSet(names, scales, seeds),
        object_id=np.array([part.object_id for part in parts], np.int64),
    )


def _exchange(scene: Scene, parts: tuple[Part, ...], emissivity: Column) -> Column:
    """Heat exchange with air and radiating surroundings, W m^-2 K^-1."""
    conditions = scene.conditions
    convection = 3.0 if scene.indoor else 8.0 + 18.0 * conditions.wind + 10.0 * conditions.rain
    radiation = 4 * STEFAN_BOLTZMANN * conditions.air_k**3
    share = np.array([CONVECTION.get(p.role, 0.85 if p.object_id == 0 else 1.0) for p in parts])
    return np.asarray(radiation * emissivity + convection * share)


def _absorption(
    conditions: Conditions, parts: tuple[Part, ...], materials: list[Material]
) -> Column:
    """Share of sunlight that warms: dark paint takes more, growing plants evaporate."""
    growing = conditions.season in ("spring", "summer")
    base = np.array([m.albedo for m in materials]).mean(1)
    darker = 1 - np.array([p.tint for p in parts]).mean(1)
    share = np.array([m.solar_absorption for m in materials])
    share = np.clip(share * (1 + 0.6 * darker * np.minimum(base / 0.3, 1.0)), 0.12, 0.97)
    share *= [DRY_SHARE.get(p.role, 1.0) for p in parts]
    share *= [GROWING_GRASS if growing and m.name == "grass" else 1.0 for m in materials]
    return np.asarray(share * (1 - 0.4 * conditions.rain))


def _sky_deficit(conditions: Conditions) -> float:
    """Net long-wave loss of a level black surface at air temperature, W/m^2."""
    sky = conditions.air_k - BROAD_SKY_SHARE * (conditions.air_k - conditions.sky_k)
    return STEFAN_BOLTZMANN * (conditions.air_k**4 - sky**4)


def _rest(
    scene: Scene,
    parts: tuple[Part, ...],
    materials: list[Material],
    inertia: Column,
    exchange: Column,
) -> Column:
    """Temperature without sun and sky, K: lagged air, deep ground, bodies, heated rooms behind."""
    conditions = scene.conditions
    air = np.full(len(parts), conditions.air_k)
    if not scene.indoor:
        swing = AIR_SWING_K * (1 - 0.75 * max(conditions.cloud, conditions.fog))
        phase = 2 * math.pi * (conditions.hour - 15.0) / 24
        slow = inertia * np.sqrt(1j * DAILY_RATE)
        followed = np.real(exchange / (exchange + slow) * np.exp(1j * phase))
        air = air + swing * (followed - math.cos(phase)) - 1.0 * conditions.rain
        depth = np.array([1.0 if p.object_id == 0 else 0.25 for p in parts])
        depth[[p.role == Role.WATER for p in parts]] = 4.0
        coupling = depth * 0.5 * inertia * math.sqrt(DAILY_RATE)
        air += coupling / (coupling + exchange) * (conditions.ground_k - air)
    rest = air + np.array([p.offset_k for p in parts]) + _individual(scene)
    wear = np.clip(_normal_of(np.array([p.seed for p in parts], np.int64), 3), -2, 2)
    for row, (part, material) in enumerate(zip(parts, materials, strict=True)):
        if part.role in BODY_SHARE:
            towards = BODY_SHARE[part.role] * (0.25 + 0.75 * part.activity)
            if part.role == Role.CLOTHING:  # thin shirts and thick coats
                towards *= 1 + THICKNESS * float(wear[row])
            rest[row] = conditions.air_k + towards * (BODY_K - conditions.air_k) + part.offset_k
        elif part.role in (Role.HEATED_INTERIOR, Role.GLASS):
            rest[row] += _leak(scene, part, material) / exchange[row]
    return np.asarray(rest, np.float64)


def _individual(scene: Scene) -> Column:
    """Small offsets, K: no two things, nor two parts of one, have quite one temperature."""
    own_k, part_k = (0.45, 0.25) if scene.indoor else (0.6, 0.35)
    owner = np.array([p.object_id for p in scene.parts], np.int64)
    part = np.array([p.seed for p in scene.parts], np.int64) + np.arange(len(scene.parts))
    still = np.where(owner == 0, 0.0, 1.0)  # pieces of ground continue each other
    return np.asarray(still * (own_k * _normal_of(owner, 1) + part_k * _normal_of(part, 2)))


def _normal_of(number: NDArray[np.int64], stream: int) -> Column:
    """About normal values that depend on each number alone."""
    state = number.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15) + np.uint64(stream)
    total = np.zeros(len(number))
    for _ in range(3):
        state ^= state >> np.uint64(31)
        state *= np.uint64(0xBF58476D1CE4E5B9)
        total += (state >> np.uint64(40)).astype(np.float64) / 2**24
    return np.asarray(2 * (total - 1.5))


def _leak(scene: Scene, part: Part, material: Material) -> float:
    """Heat through the outer skin of a heated building, W/m^2: glass lets through most."""
    transfer = 5.0 if material.gloss > 0.3 else 1.0
    outside = scene.conditions.air_k
    return part.activity * transfer * max(INDOOR_WARM_K - outside, 0.0)


def _metres(
    parts: tuple[Part, ...], materials: list[Material], strength: float, rain: float
) -> Floats:
    """Amplitude, K, of damp, wear and draught."""
    still = {Role.LEAF: 0.7, Role.WATER: 0.2, Role.GLASS: 0.4, Role.SKIN: 0.9, Role.CLOTHING: 1.5}
    rows = [still.get(p.role, 1.0 + (2.0 if p.object_id == 0 else 1.2) * strength) for p in parts]
    even = np.array([0.5 if m.name == "snow" else 1.0 for m in materials])
    return np.asarray(np.array(rows) * even * (1 - 0.4 * rain), np.float32)


def _textures(
    parts: tuple[Part, ...], materials: list[Material], strength: float, rain: float
) -> tuple[list[str], list[float], list[int], list[float]]:
    """Name, scale (m), seed and amplitude (K) of each part's temperature texture."""
    names, scales, seeds, amplitudes = [], [], [], []
    for part, material in zip(parts, materials, strict=True):
        kind, _, pattern = pattern_of(material.texture)
        variant = material.texture.partition(".")[2] or "a"
        drawn, scale, sunny, dark = HEAT_TEXTURE.get(kind, ("dust", 1.0, 0.5, 0.2))
        names.append(f"{drawn}.{variant}")
        scales.append(scale * material.texture_scale_m)
        seeds.append(part.seed if pattern.laid else part.seed + 7919)
        amplitudes.append((dark + (sunny - dark) * strength) * (1 - 0.5 * rain))
    return names, scales, seeds, amplitudes
