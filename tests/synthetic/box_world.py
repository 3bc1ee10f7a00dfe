"""A world small enough to check by hand: flat ground, one near box, one far wall."""

from __future__ import annotations

import numpy as np

from thermoscope.synthetic.scene import Conditions, Material, Part, Role, Scene

NEAR_BOX = ((4.0, -1.0, 0.0), (5.0, 1.0, 3.0))  # metres: low and high corner
FAR_WALL = ((20.0, -8.0, 0.0), (21.0, 8.0, 12.0))


def box_faces(low, high):
    corners = np.array(
        [[(low, high)[b >> axis & 1][axis] for axis in range(3)] for b in range(8)], np.float32
    )
    quads = [(0, 2, 3, 1), (4, 5, 7, 6), (0, 1, 5, 4), (2, 6, 7, 3), (0, 4, 6, 2), (1, 3, 7, 5)]
    faces = [t for a, b, c, d in quads for t in ((a, b, c), (a, c, d))]
    return corners, np.array(faces, np.int32)


def box_world(*, indoor=False, hour=12.0) -> Scene:
    """Looking east (+x) from the origin: box at 4 m, wall at 20 m, ground below, sky above."""
    ground = np.array([[-50, -50, 0], [50, -50, 0], [50, 50, 0], [-50, 50, 0]], np.float32)
    vertices, faces, parts = [ground], [np.array([[0, 1, 2], [0, 2, 3]], np.int32)], [0, 0]
    for number, (low, high) in enumerate((NEAR_BOX, FAR_WALL), start=1):
        corners, triangles = box_faces(low, high)
        faces.append(triangles + sum(len(v) for v in vertices))
        vertices.append(corners)
        parts += [number] * len(triangles)
    return Scene(
        vertices=np.concatenate(vertices),
        faces=np.concatenate(faces),
        face_part=np.array(parts, np.int32),
        parts=(
            Part("ground", "road", 0, 0),
            Part("box", "car", 1, 1, Role.PASSIVE, offset_k=8.0),
            Part("wall", "building", 2, 0, seed=3),
        ),
        materials=(Material("asphalt"), Material("painted_metal", emissivity=0.9)),
        conditions=Conditions(hour, (0.3, 0.2, 0.9), 290.0, 250.0, 285.0),
        environment="urban",
        seed=0,
        route=np.array([[0.0, 0.0], [1.0, 0.0], [2.0, 0.2], [3.0, 0.2]]),
        ground_z=np.zeros(4),
        indoor=indoor,
    )
