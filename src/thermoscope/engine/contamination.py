"""Whether a model has seen the data that it is to be scored on.

Some data sets are drawn from others: a model that trained on the one has seen part of the other.
Source: the pages of MSRS (Tang et al., 2022) and SemanticRT (Ji et al., ACM MM 2023).
"""

from __future__ import annotations

from thermoscope.core.weights import WeightsCard

__all__ = ["contamination"]

RELATED: tuple[frozenset[str], ...] = (
    frozenset({"mfnet", "msrs"}),
    frozenset({"llvip", "semanticrt"}),
)


def contamination(card: WeightsCard | None, data: str) -> str:
    """A warning if the weights trained on `data` or on a relative of it, else an empty text.

    Args:
        card: Of the weights; None = nothing is known, and nothing is said.
        data: Name of the data set to score on.

    Example:
        >>> contamination(None, "mfnet")
        ''
    """
    if card is None or data == "scenes":  # splits of rendered scenes share no world
        return ""
    related = {data}.union(*(family for family in RELATED if data in family))
    seen = sorted({source.name for source in card.sources} & related)
    if not seen:
        return ""
    why = "itself" if seen == [data] else "which shares frames with it"
    return (
        f"{card.name} was trained on {', '.join(seen)} ({why}): scores on {data} are no test "
        "unless the split was held out."
    )
