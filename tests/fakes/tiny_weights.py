"""Random weights with a card, as a training run leaves them."""

from thermoscope.core.weights import (
    UNWRITTEN,
    InputSpec,
    TrainingSource,
    WeightsCard,
    write_weights,
)
from thermoscope.models.anythermal import AnyThermal
from thermoscope.models.prepare import IMAGENET_MEAN, IMAGENET_STD


def write_tiny_backbone(folder, name="anythermal_tiny", seed=0):
    """`AnyThermal.tiny` under `name` in `folder`; returns the card."""
    card = WeightsCard(
        name=name,
        model="anythermal",
        text="Random numbers.",
        licence="Apache-2.0",
        sha256=UNWRITTEN,
        input_spec=InputSpec(
            "counts",
            tone={"method": "percentile"},
            mean=IMAGENET_MEAN,
            std=IMAGENET_STD,
            size_multiple_px=14,
        ),
        sources=(TrainingSource("scenes", "Apache-2.0", "distillation"),),
        command="none",
        seed=seed,
        scores={},
        protocol="none",
        arguments={"size": "tiny"},
    )
    return write_weights(AnyThermal.tiny(seed), card, folder)[0]
