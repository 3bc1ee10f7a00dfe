"""What the cameras of a rig saw of a board: names outside, numbers inside, blobs unbiased."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from thermoscope.geometry.pose import transform
from thermoscope.rig.bundle import Bundle, Sight
from thermoscope.rig.calibration_target import Target
from thermoscope.rig.target_detectors import Detection

__all__ = ["Sights", "Views"]

Floats = NDArray[np.float64]
Views = Mapping[str, Mapping[str, Detection]]

LEAST_POINTS = 6


@dataclass(frozen=True)
class Sights:
    """Detections as numbers, with the names beside them.

    Attributes:
        cameras: Names; the first camera is the rig.
        views: Names.
        sights: What was seen, by number of camera and view.
        ids: Points of the target in each sight.
    """

    cameras: tuple[str, ...]
    views: tuple[str, ...]
    sights: tuple[Sight, ...]
    ids: tuple[NDArray[np.int64], ...]

    @classmethod
    def of(cls, views: Views, target: Target) -> Sights:
        """All detections with at least 6 points."""
        cameras, sights, ids = tuple(views), [], []
        names = sorted({view for seen in views.values() for view in seen})
        for index, camera in enumerate(cameras):
            for view, found in views[camera].items():
                if len(found.ids) < LEAST_POINTS:
                    continue
                points = target.points[found.ids]
                sights.append(Sight(index, names.index(view), points, found.points))
                ids.append(found.ids)
        return cls(cameras, tuple(names), tuple(sights), tuple(ids)).without(())

    def only(self, camera: str) -> list[Sight]:
        """The sights of one camera."""
        return [s for s in self.sights if self.cameras[s.camera] == camera]

    def kept(self, chosen: Sequence[int]) -> Sights:
        """Only these sights; views that nobody sees any more go."""
        used = sorted({self.sights[i].view for i in chosen})
        sights = [
            Sight(s.camera, used.index(s.view), s.points, s.pixels)
            for s in (self.sights[i] for i in chosen)
        ]
        names = tuple(self.views[v] for v in used)
        return Sights(self.cameras, names, tuple(sights), tuple(self.ids[i] for i in chosen))

    def without(self, outliers: Sequence[str]) -> Sights:
        """Less the sights named camera/view."""
        return self.kept([i for i in range(len(self.sights)) if self.name(i) not in outliers])

    def name(self, index: int) -> str:
        """camera/view of a sight."""
        sight = self.sights[index]
        return f"{self.cameras[sight.camera]}/{self.views[sight.view]}"

    def unbiased(self, bundle: Bundle, target: Target) -> Sights:
        """Blob centroids moved to where the centres of the blobs project.

        A disk seen at an angle is larger on its near side, and a wide lens bends it: its centroid
        is not the image of its centre. The difference follows from the present estimate.
        """
        outlines = target.outlines
        if outlines is None:
            return self
        moved = []
        for sight, ids in zip(self.sights, self.ids, strict=True):
            pose = bundle.T_camera_rig[sight.camera] @ bundle.T_rig_board[sight.view]
            camera = bundle.cameras[sight.camera]
            ring, shown = camera.project(transform(pose, outlines[ids]))
            centre, seen = camera.project(transform(pose, sight.points))
            bias = np.where((shown.all(axis=1) & seen)[:, None], _centroids(ring) - centre, 0.0)
            moved.append(Sight(sight.camera, sight.view, sight.points, sight.pixels - bias))
        return Sights(self.cameras, self.views, tuple(moved), self.ids)


def _centroids(rings: Floats) -> Floats:
    """(N, 2) centroid of the area inside each closed ring (N, P, 2)."""
    origin = rings.mean(axis=1, keepdims=True)
    a, b = rings - origin, np.roll(rings, -1, axis=1) - origin
    cross = a[..., 0] * b[..., 1] - a[..., 1] * b[..., 0]
    area = cross.sum(axis=1)
    moment = ((a + b) * cross[..., None]).sum(axis=1) / 3
    return np.asarray(origin[:, 0] + moment / np.where(area, area, 1.0)[:, None])
