"""Rendered worlds: procedural scenes, ray-cast exactly, with thermal physics and a virtual rig."""
