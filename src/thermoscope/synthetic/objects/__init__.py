"""Things to put into a scene: each builder returns a `Model`, cached, different for every variant."""
