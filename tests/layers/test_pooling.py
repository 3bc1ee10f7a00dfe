"""Poolings against hand-made numbers and an independent Sinkhorn."""

import math

import numpy as np
import pytest
import torch

from thermoscope.core.errors import ConfigError, ShapeError
from thermoscope.layers.pooling import GeM, Salad, log_sinkhorn, make_pooling

KINDS = ("cls", "mean", "cls_mean", "gem", "salad")


def sinkhorn_by_scaling(scores, rows, columns, steps):
    """The textbook iteration on the matrix itself, not on logarithms."""
    kernel = np.exp(scores.astype(np.float64))
    u, v = np.ones(len(rows)), np.ones(len(columns))
    for _ in range(steps):
        u = rows / (kernel @ v)
        v = columns / (kernel.T @ u)
    return u[:, None] * kernel * v[None]


@pytest.mark.parametrize("steps", [1, 3, 200])
def test_sinkhorn_is_that_of_the_textbook(rng, steps):
    scores = rng.normal(size=(2, 4, 7)).astype(np.float32)
    rows = np.array([1.0, 1, 1, 4])
    columns = np.ones(7)
    found = log_sinkhorn(
        torch.from_numpy(scores), torch.tensor(rows).log(), torch.tensor(columns).log(), steps
    ).exp()
    for plan, own in zip(found.numpy(), scores, strict=True):
        np.testing.assert_allclose(plan, sinkhorn_by_scaling(own, rows, columns, steps), rtol=2e-5)
    np.testing.assert_allclose(found.sum(1), 1, rtol=1e-5)
    if steps == 200:
        np.testing.assert_allclose(found.sum(2).numpy(), np.tile(rows, (2, 1)), rtol=1e-5)


def test_sinkhorn_survives_scores_that_overflow():
    scores = torch.tensor([[[500.0, -500], [-500, 500]]])
    plan = log_sinkhorn(scores, torch.zeros(2), torch.zeros(2), 3).exp()
    np.testing.assert_allclose(plan[0], np.eye(2), atol=1e-6)


def test_salad_is_its_definition_written_out(rng):
    torch.manual_seed(0)
    salad = Salad(6, clusters=3, dims=4, global_dims=2, hidden=5).eval()
    cls, grid = torch.randn(1, 6), torch.randn(1, 6, 2, 5)
    tokens = grid[0].flatten(1).T.numpy()
    weights = {k: v.numpy().astype(np.float64) for k, v in salad.state_dict().items()}

    def network(name, x, last):
        def w(i):
            return weights[f"{name}.{i}.weight"].reshape(-1, weights[f"{name}.{i}.weight"].shape[1])

        inner = np.maximum(x @ w(0).T + weights[f"{name}.0.bias"], 0)
        return inner @ w(last).T + weights[f"{name}.{last}.bias"]

    scores = np.vstack([network("assign", tokens, 3).T, np.full((1, 10), 1.0)])
    plan = sinkhorn_by_scaling(scores, np.array([1, 1, 1, 7.0]), np.ones(10), 3)[:3]
    parts = [network("scene", cls.numpy(), 2)[0], *(plan @ network("reduce", tokens, 3))]
    whole = np.concatenate([part / np.linalg.norm(part) for part in parts])
    found = salad(cls, grid)[0].detach().numpy()
    np.testing.assert_allclose(found, whole / np.linalg.norm(whole), atol=1e-5)


def test_salad_of_the_paper_has_8448_numbers():
    assert Salad(768).dims == 8448
    assert Salad(768, clusters=2, dims=3, global_dims=0).dims == 6


@pytest.mark.parametrize("side", [1, 2, 5])
def test_salad_takes_fewer_patches_than_clusters(side):
    salad = Salad(4, clusters=8, dims=2, global_dims=2, hidden=4).eval()
    shares = salad.assignment(torch.randn(2, 4, side, side))
    assert torch.isfinite(shares).all()
    assert (shares.sum(1) <= 1 + 1e-5).all()
    assert torch.isfinite(salad(torch.randn(2, 4), torch.randn(2, 4, side, side))).all()


def test_salad_ignores_the_order_of_patches():
    salad = make_pooling("salad", 4, clusters=3, dims=2, global_dims=2, hidden=4).eval()
    cls, grid = torch.randn(1, 4), torch.randn(1, 4, 3, 4)
    moved = grid.flatten(2)[:, :, torch.randperm(12)].view(1, 4, 3, 4)
    torch.testing.assert_close(salad(cls, grid), salad(cls, moved))


@pytest.mark.parametrize("kind", KINDS)
def test_descriptors_have_unit_length_and_pass_gradients(kind):
    pooling = make_pooling(kind, 8, clusters=3, dims=4, global_dims=2, hidden=8).eval()
    cls = torch.randn(3, 8, requires_grad=True)
    grid = torch.randn(3, 8, 4, 5, requires_grad=True)
    found = pooling(cls, grid)
    assert found.shape == (3, pooling.dims)
    np.testing.assert_allclose(found.norm(dim=1).detach(), 1, rtol=1e-5)
    found[:, 0].sum().backward()
    trained = [p for p in pooling.parameters() if p.grad is not None]
    assert len(trained) == len(list(pooling.parameters()))
    assert (grid.grad is not None) or kind == "cls"


def test_mean_and_gem_by_hand():
    grid = torch.tensor([[[[1.0, 3]], [[0, 4]]]])  # two channels of two patches
    cls = torch.tensor([[3.0, 4]])
    np.testing.assert_allclose(make_pooling("mean", 2)(cls, grid)[0], [math.sqrt(0.5)] * 2)
    np.testing.assert_allclose(make_pooling("cls", 2)(cls, grid)[0], [0.6, 0.8], rtol=1e-6)
    both = make_pooling("cls_mean", 2)(cls, grid)[0] * math.sqrt(2)
    np.testing.assert_allclose(both, [0.6, 0.8, math.sqrt(0.5), math.sqrt(0.5)], rtol=1e-6)
    squares = np.sqrt([5.0, 8.0])  # power 2: root of the mean square
    found = GeM(2, power=2)(cls, grid)[0].detach()
    np.testing.assert_allclose(found, squares / np.linalg.norm(squares), rtol=1e-5)


def test_bad_settings():
    with pytest.raises(ConfigError, match="pooling must be one of cls, mean.*got 'max'"):
        make_pooling("max", 4)
    with pytest.raises(ConfigError, match="clusters must be positive"):
        Salad(4, clusters=0)
    with pytest.raises(ConfigError, match="dropout must lie in"):
        Salad(4, dropout=2)
    with pytest.raises(ConfigError, match="power must be positive"):
        GeM(4, power=0)
    with pytest.raises(ShapeError, match="grid must be"):
        Salad(4, clusters=2, dims=2)(torch.zeros(1, 4), torch.zeros(1, 4, 3))
