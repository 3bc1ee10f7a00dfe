"""Ridge roofs."""

from __future__ import annotations

import numpy as np

from thermoscope.synthetic.meshes import Mesh, make, merge, outward, quads

__all__ = ["prism_roof"]


def prism_roof(
    length: float, width: float, height: float, *, hip: float = 0.0, eave: float = 0.15
) -> Mesh:
    """A ridge roof over a rectangle centred on the origin, ridge along x.

    Args:
        length: Along the ridge, m.
        width: Across it, m.
        height: Of the ridge over the eaves, m.
        hip: How far the ridge's ends stand in from the gables, m; 0 = upright gables.
        eave: Thickness of the roof at its edge, m.
    """
    x, y, r = length / 2, width / 2, max(length / 2 - hip, 0.0)
    if hip == 0 and eave > 0:
        return _saddle(x, y, height, eave)
    low = [[-x, -y, 0], [x, -y, 0], [x, y, 0], [-x, y, 0]]
    high = [[px, py, eave] for px, py, _ in low]
    ridge = [[-r, 0, height + eave], [r, 0, height + eave]]
    sides = [[k, (k + 1) % 4, 4 + (k + 1) % 4, 4 + k] for k in range(4)]
    rings = [*sides, [4, 5, 9, 8], [6, 7, 8, 9], [3, 2, 1, 0]]
    triangles = [t for a, b, c, d in rings for t in ([a, b, c], [a, c, d])]
    return make(low + high + ridge, [*triangles, [5, 6, 9], [7, 4, 8]])


def _saddle(x: float, y: float, height: float, thick: float) -> Mesh:
    """Two slabs that lean on each other: open gables."""
    low = np.array([[-y, 0.0], [0.0, height], [y, 0.0]])
    ring = np.concatenate([low + np.array([0.0, thick]), low[::-1]])
    left = np.column_stack([np.full(6, -x), ring])
    right = np.column_stack([np.full(6, x), ring])
    k, n = np.arange(6), (np.arange(6) + 1) % 6
    around = quads(np.stack([left[k], left[n], right[n], right[k]], axis=1))
    ends = [left[[0, 5, 4, 1]], left[[1, 4, 3, 2]], right[[1, 4, 5, 0]], right[[2, 3, 4, 1]]]
    return outward(merge([around, quads(np.array(ends))]))
