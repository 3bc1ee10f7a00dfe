"""Cameras, stereo, poses and point clouds. Works on plain arrays; knows no file format."""
