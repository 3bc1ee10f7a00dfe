"""Things to put into a scene: each builder returns a cached `Model`, another for every variant."""
