import math

import pytest
import torch

from thermoscope.core.errors import ConfigError, ShapeError
from thermoscope.losses.distill import (
    collapse_statistics,
    info_nce,
    patch_cosine,
    patch_info_nce,
)


def rows(count=4, width=8, seed=0):
    return torch.randn(count, width, generator=torch.Generator().manual_seed(seed))


class TestInfoNce:
    def test_two_orthogonal_pairs_by_hand(self):
        x = torch.eye(2)
        expected = math.log(1 + math.exp(-1 / 0.5))
        assert info_nce(x, x, temperature=0.5).item() == pytest.approx(expected, rel=1e-5)

    def test_chance_level_is_the_log_of_the_batch(self):
        x = torch.ones(8, 4)
        assert info_nce(x, x).item() == pytest.approx(math.log(8), rel=1e-5)

    def test_length_does_not_matter(self):
        a, b = rows(), rows(seed=1)
        assert info_nce(a, b).item() == pytest.approx(info_nce(a * 7, b * 0.1).item(), rel=1e-5)

    def test_one_way_differs_from_symmetric_and_is_half_of_it(self):
        a, b = rows(), rows(seed=1)
        forth = info_nce(a, b, symmetric=False)
        back = info_nce(b, a, symmetric=False)
        assert info_nce(a, b).item() == pytest.approx((forth + back).item() / 2, rel=1e-5)

    def test_ignored_pairs_are_no_negatives(self):
        x = torch.eye(3)
        x[1] = x[0]
        ignored = torch.zeros(3, 3, dtype=torch.bool)
        ignored[0, 1] = ignored[1, 0] = True
        assert info_nce(x, x, ignored=ignored) < 0.1 * info_nce(x, x)

    def test_the_own_pair_is_never_ignored(self):
        loss = info_nce(rows(), rows(), ignored=torch.ones(4, 4, dtype=torch.bool))
        assert loss.item() == pytest.approx(0.0, abs=1e-6)

    def test_a_queue_adds_negatives(self):
        x = rows()
        assert info_nce(x, x, queue=x) > info_nce(x, x)
        empty = torch.zeros(0, 8)
        assert info_nce(x, x, queue=empty).item() == pytest.approx(info_nce(x, x).item())

    def test_gradient(self):
        a = rows(3, 4).double().requires_grad_()
        b = rows(3, 4, 1).double().requires_grad_()
        assert torch.autograd.gradcheck(lambda q, k: info_nce(q, k, temperature=0.3), (a, b))

    def test_errors(self):
        with pytest.raises(ShapeError, match=r"\(B, C\)"):
            info_nce(rows(3), rows(4))
        with pytest.raises(ConfigError, match="positive"):
            info_nce(rows(), rows(), temperature=0)


class TestPatchLosses:
    def grid(self, seed=0):
        return torch.randn(2, 6, 4, 5, generator=torch.Generator().manual_seed(seed))

    def test_cosine_bounds(self):
        g = self.grid()
        assert patch_cosine(g, g * 3).item() == pytest.approx(0, abs=1e-5)
        assert patch_cosine(g, -g).item() == pytest.approx(2, abs=1e-5)

    def test_weight_zero_leaves_a_picture_out(self):
        g = self.grid()
        mixed = torch.stack((g[0], -g[1]))
        first = torch.tensor([1.0, 0.0])[:, None, None]
        assert patch_cosine(mixed, g, weight=first).item() == pytest.approx(0, abs=1e-5)
        assert patch_cosine(mixed, g, weight=first * 0).item() == 0
        assert patch_info_nce(mixed, g, weight=first * 0).item() == 0

    def test_patches_of_weight_zero_are_neither_asked_nor_wrong_answers(self):
        g = self.grid()[:1]
        twin = g.clone()
        twin[..., 3, 4] = twin[..., 0, 0]  # two places that look alike, far apart
        seen = torch.ones(1, 4, 5)
        seen[0, 3, 4] = 0
        both = patch_info_nce(twin, twin, temperature=0.01)
        assert patch_info_nce(twin, twin, temperature=0.01, weight=seen) < 0.2 * both

    def test_shifted_patches_are_punished(self):
        g = self.grid()
        assert patch_info_nce(g, g) < 0.5
        assert patch_info_nce(g, g.roll(2, dims=3)) > 3

    def test_neighbours_are_not_wrong(self):
        flat = torch.ones(1, 3, 3, 3)
        wide = patch_info_nce(flat, flat, neighbourhood=2).item()
        assert wide == pytest.approx(0, abs=1e-6)  # every other patch is a neighbour
        none = patch_info_nce(flat, flat, neighbourhood=0).item()
        assert none == pytest.approx(math.log(9), rel=1e-5)

    def test_errors(self):
        with pytest.raises(ShapeError, match="both grids"):
            patch_cosine(self.grid(), self.grid()[:, :, :3])
        with pytest.raises(ConfigError, match="positive"):
            patch_info_nce(self.grid(), self.grid(), temperature=-1)


class TestCollapse:
    def test_equal_rows_are_a_collapse(self):
        found = collapse_statistics(torch.ones(4, 8))
        assert found["collapsed"] == 1
        assert found["cosine"] == pytest.approx(1)

    def test_random_rows_are_not(self):
        found = collapse_statistics(rows(64, 32))
        assert found["collapsed"] == 0
        assert abs(found["cosine"]) < 0.1
        assert found["active"] == 1

    def test_one_row(self):
        with pytest.raises(ShapeError, match="B >= 2"):
            collapse_statistics(rows(1))
