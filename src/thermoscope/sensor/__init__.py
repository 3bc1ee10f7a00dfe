"""Physics of the camera: counts and kelvin, tone mapping, palettes, noise, shutter, defects.

Works on plain arrays and small frozen parameter sets; knows no file format.
"""
