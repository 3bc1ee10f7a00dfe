"""A data set's layout on disk, every frame of the box world: true files in milliseconds."""

from dataclasses import replace

from tests.synthetic.box_world import box_world

from thermoscope.synthetic.families import Moment, Place
from thermoscope.synthetic.layouts import LAYOUTS
from thermoscope.synthetic.layouts.layout import Entry
from thermoscope.synthetic.observe import Observation, Settings
from thermoscope.synthetic.rig import rig_preset
from thermoscope.synthetic.world import World


def write_box_layout(root, name, count=8, preset="tiny"):
    """`count` frames in the shares of the data set `name`; returns `root`."""
    layout = LAYOUTS.get(name)
    rig = replace(rig_preset(preset), rgb=None) if layout.aligned else rig_preset(preset)
    settings = Settings(rig, layout.taxonomy, "rectified", True, "stereo", layout.rate_hz, 3.0)
    world = World(box_world(), Place("urban", 5, "train", 12.0, None, 0), lasting_s=3.0)
    frames = []
    for block in layout.blocks(count, "all"):
        for index in range(block.count):
            entry = Entry(len(frames), index, block)
            seen = Observation(world, Moment(world.place, 0, 0, len(frames) % 3), settings)
            frames.append((entry, layout.write(root, entry, seen)))
    layout.finish(root, frames)
    return root
