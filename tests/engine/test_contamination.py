"""A model that has seen the test data says so."""

from dataclasses import replace

from thermoscope.core.weights import InputSpec, TrainingSource, WeightsCard
from thermoscope.engine.contamination import contamination

CARD = WeightsCard(
    name="x.segmentation",
    model="anythermal_segmentation",
    text="",
    licence="Apache-2.0",
    sha256="0" * 64,
    input_spec=InputSpec("counts"),
    sources=(TrainingSource("msrs", "unstated", "distillation"),),
    command="",
    seed=0,
    scores={},
    protocol="",
)


def test_relatives_are_named():
    assert "msrs (which shares frames with it)" in contamination(CARD, "mfnet")
    assert "msrs (itself)" in contamination(CARD, "msrs")


def test_the_rest_is_silent():
    assert contamination(CARD, "fmb") == ""
    assert contamination(None, "mfnet") == ""
    rendered = replace(CARD, sources=(TrainingSource("scenes", "Apache-2.0", "head"),))
    assert contamination(rendered, "scenes") == ""
