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
from thermoscope.models.thermostereort import thermostereort_tiny


def card_of(name, model, input_spec, arguments):
    """A card that says what must be said, and nothing else."""
    return WeightsCard(
        name=name,
        model=model,
        text="",
        licence="Apache-2.0",
        sha256=UNWRITTEN,
        input_spec=input_spec,
        sources=(),
        command="",
        seed=0,
        scores={},
        protocol="",
        arguments=arguments,
    )


def write_tiny_stereo(folder, name="thermostereort_tiny"):
    """The smallest stereo network under `name` in `folder`."""
    network = thermostereort_tiny()
    card = card_of(name, "thermostereort", network.input_spec, network.arguments)
    write_weights(network, card, folder)


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
