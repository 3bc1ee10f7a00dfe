from dataclasses import replace

import numpy as np
import pytest
import torch
from tests.fakes.distill_run import small_pairs, small_task
from tests.fakes.pair_collection import pair_collection

from thermoscope.core.errors import ConfigError, UnitError
from thermoscope.engine.loop import fit
from thermoscope.losses.distill import resampled
from thermoscope.models.anythermal import AnyThermal
from thermoscope.models.teachers import Teacher
from thermoscope.recipes.distill_anythermal import PRESETS, DistillTask
from thermoscope.recipes.distill_memory import PositionMean
from thermoscope.recipes.pair_sources import PairSource, load_pairs
from thermoscope.recipes.pair_views import Pair, ViewConfig, as_pair, random_view, whole_view

PLAIN = ViewConfig(
    size_px=(28, 42),
    scale=(1, 1),
    aspect=1,
    flip=0,
    polarity=0,
    tone=0,
    blur=0,
    noise=0,
    darkness=0,
)


class TestViews:
    pair = small_pairs(1)[0]

    def test_without_changes_a_view_is_the_whole_picture(self):
        views = random_view(self.pair, PLAIN, np.random.default_rng(0))
        rgb, thermal = whole_view(self.pair, (28, 42))
        np.testing.assert_allclose(views.rgb, rgb, atol=1e-6)
        np.testing.assert_allclose(views.thermal, thermal, atol=0.01)
        np.testing.assert_allclose(views.clean, views.clean_rgb)

    def test_bands_are_cut_and_flipped_together(self):
        both = Pair(np.repeat(self.pair.thermal[:, :, None], 3, axis=2), self.pair.thermal, "a", 0)
        config = replace(PLAIN, scale=(0.3, 0.5), flip=0.5, aspect=1.3)
        for seed in range(8):
            views = random_view(both, config, np.random.default_rng(seed))
            np.testing.assert_allclose(views.clean, views.thermal, atol=1e-6)

    def test_polarity_inverts_thermal_only(self):
        views = random_view(self.pair, replace(PLAIN, polarity=1), np.random.default_rng(0))
        plain = random_view(self.pair, PLAIN, np.random.default_rng(0))
        np.testing.assert_allclose(views.thermal, 1 - plain.thermal, atol=1e-6)
        np.testing.assert_allclose(views.rgb, plain.rgb)

    def test_misaligned_window_overlaps_the_thermal_one(self):
        height, width = 48, 64
        rows, columns = np.mgrid[:height, :width]
        code = np.stack((rows * 4, columns * 3, rows * 0), axis=2).astype(np.uint8)
        pair = Pair(code, code[:, :, 0], "a", 0)
        config = replace(PLAIN, scale=(0.3, 0.3), misalign=0.2)
        moved = []
        for seed in range(20):
            views = random_view(pair, config, np.random.default_rng(seed))
            gap = (views.clean_rgb[0].mean() - views.clean[0].mean()) * 255 / 4
            moved.append(abs(gap))
            assert abs(gap) < 0.35 * height * 0.55
        assert max(moved) > 2

    def test_warp_leads_from_the_thermal_to_the_colour_window(self):
        rows, columns = np.mgrid[:96, :128]
        code = np.stack((rows * 2, columns * 1.9, rows * 0), axis=2).astype(np.uint8)
        pair = Pair(code, code[:, :, 0], "a", 0)
        config = replace(PLAIN, size_px=(56, 56), scale=(0.3, 0.6), misalign=0.25, flip=0.5)
        for seed in range(8):
            views = random_view(pair, config, np.random.default_rng(seed))
            warp = torch.from_numpy(views.warp)[None]
            found, inside = resampled(torch.from_numpy(views.clean_rgb)[None], warp, (56, 56))
            gap = (found[0, :2] - torch.from_numpy(views.clean[:2])).abs().amax(dim=0)
            assert float((gap * inside[0]).max()) * 255 < 4
            assert 0.4 < float(inside.mean()) <= 1

    def test_extreme_changes_stay_in_range(self):
        config = ViewConfig(size_px=(28, 28), tone=3, noise=0.5, blur=1, darkness=1, polarity=0.5)
        config = replace(config, rgb_as_thermal=0.5, misalign=0.3)
        for seed in range(10):
            views = random_view(self.pair, config, np.random.default_rng(seed))
            for plane in (views.rgb, views.thermal, views.clean, views.clean_rgb):
                assert plane.shape == (3, 28, 28)
                assert plane.dtype == np.float32
                assert 0 <= plane.min() <= plane.max() <= 1

    def test_same_seed_same_view(self):
        a, b = (random_view(self.pair, ViewConfig(), np.random.default_rng(3)) for _ in range(2))
        assert np.array_equal(a.thermal, b.thermal)

    def test_settings(self):
        with pytest.raises(ConfigError, match="scale must rise"):
            ViewConfig(scale=(0.5, 0.2))


class TestPairs:
    def test_sample_without_a_band(self):
        with pytest.raises(UnitError, match="must hold rgb"):
            as_pair({"counts": np.zeros((1, 4, 4), np.uint16)}, source="x", index=0)

    def test_long_frames_are_reduced(self):
        sample = {
            "counts": np.arange(960 * 600, dtype=np.uint32).reshape(1, 600, 960).astype(np.uint16),
            "rgb": np.zeros((3, 300, 480), np.float32),
        }
        pair = as_pair(sample, source="x", index=4)
        assert pair.thermal.shape == (300, 480)
        assert pair.rgb.shape == (300, 480, 3)

    def test_scenes_need_a_count(self):
        with pytest.raises(ConfigError, match="scenes never end"):
            PairSource("scenes")

    def test_revisited_scenes_pair_day_with_night(self, tmp_path):
        source = PairSource("scenes", tmp_path, count=8, visits=2, seed=1)
        pairs = load_pairs(source)
        crossed = [p for p in pairs if p.source == "scenes_revisited"]
        assert (len(pairs), len(crossed)) == (12, 4)
        assert not any(p.aligned for p in crossed)
        assert {p.index for p in crossed} == {p.index for p in pairs}

    @pytest.mark.parametrize("fold", [(5, 5), (-1, 5)])
    def test_a_fold_that_there_is_not(self, fold, tmp_path):
        pair_collection(tmp_path)
        with pytest.raises(ConfigError, match="are counted from 0"):
            load_pairs(PairSource("roadscene", tmp_path), fold=fold)

    def test_choices_are_not_made_on_val(self, tmp_path):
        pair_collection(tmp_path)
        with pytest.raises(ConfigError, match="folds divide the list 'train'"):
            load_pairs(PairSource("roadscene", tmp_path, split="val"), fold=(0, 2))

    def test_folds_divide_the_real_pairs_and_no_rendered_one(self, tmp_path):
        pair_collection(tmp_path)
        source = PairSource("roadscene", tmp_path)
        parts = [load_pairs(source, fold=(k, 3), held_out=True) for k in range(3)]
        names = [{pair.name for pair in part} for part in parts]
        assert sorted(map(len, names)) == [2, 2, 2]  # six frames, each a block of its own
        rest = {pair.name for pair in load_pairs(source, fold=(0, 3))}
        assert rest == names[1] | names[2]
        assert not rest & names[0]
        scenes = PairSource("scenes", tmp_path / "scenes", count=1)
        assert load_pairs(scenes, fold=(0, 3), held_out=True) == []

    @pytest.mark.real
    def test_real_pairs(self, real_data):
        pairs = load_pairs(PairSource("roadscene", real_data, split="val"))
        assert len(pairs) == 26
        assert all(p.rgb.shape[:2] == p.thermal.shape and p.aligned for p in pairs)


class TestPositionMean:
    def test_what_depends_on_the_place_goes_and_the_mean_stays(self):
        place = torch.arange(6.0).reshape(1, 2, 3)
        seen = torch.randn(400, 4, 1, 1, generator=torch.Generator().manual_seed(0))
        memory = PositionMean(4, (2, 3))
        grids = seen + place
        memory.add(grids[:100])
        memory.add(grids[100:])
        torch.testing.assert_close(memory.removed(grids), (seen + 2.5).expand_as(grids))

    def test_nothing_seen_nothing_removed(self):
        grids = torch.randn(2, 3, 2, 2, generator=torch.Generator().manual_seed(0))
        assert torch.equal(PositionMean(3, (2, 2)).removed(grids), grids)


class TestTask:
    def test_targets_lose_their_place_in_the_window(self):
        with_place, without = (
            small_task(batch_size=8),
            small_task(batch_size=8, without_position=True),
        )
        batch = with_place.batch(0, 0, 1)
        same = with_place._target(batch["clean_rgb"], lambda rows: rows)
        freed = without._target(batch["clean_rgb"], lambda rows: rows)
        assert torch.equal(same.cls, freed.cls)
        spread = freed.grid.mean(dim=0).std(dim=(1, 2)).max()
        assert spread < 1e-4 < same.grid.mean(dim=0).std(dim=(1, 2)).max()
        assert without.position.count == 8

    def test_processes_share_what_one_would_see(self):
        task = small_task()
        whole = task.batch(3, 0, 1)
        halves = [task.batch(3, rank, 2) for rank in range(2)]
        for name in ("thermal", "rgb", "clean_rgb", "warp"):
            assert torch.equal(whole[name], torch.cat([h[name] for h in halves]))
        assert not torch.equal(whole["thermal"], task.batch(4, 0, 1)["thermal"])

    def test_sources_are_seen_equally_often(self):
        task = small_task()
        seen = torch.cat([task.batch(s, 0, 1)["source"] for s in range(10)])
        assert seen.float().mean() == 0.5

    def test_batches_of_one_source(self):
        task = small_task(one_source=True)
        sources = [set(task.batch(s, 0, 1)["source"].tolist()) for s in range(10)]
        assert all(len(s) == 1 for s in sources)
        assert len({s.pop() for s in sources}) == 2

    def test_training_brings_the_bands_together(self, tmp_path):
        task = small_task(steps=40, batch_size=8)
        result = fit(task, task.config.loop, tmp_path)
        contrast = [row["contrast"] for row in result.history]
        assert np.mean(contrast[-8:]) < 0.8 * np.mean(contrast[:8])

    @pytest.mark.parametrize(
        "changes",
        [
            {"partner": "teacher", "symmetric": False, "tokens": ("cls",), "anchor_weight": 0.0},
            {"trainable": "blocks"},
            {"trainable": "lora", "lora_rank": 2},
            {"patch_block": 1, "patch_nce_weight": 1.0},
            {"without_position": True, "patch_nce_weight": 1.0},
            {"views": ViewConfig(size_px=(42, 42), misalign=0.2), "queue": 6},
        ],
    )
    def test_every_choice_trains_and_gives_a_plain_backbone(self, changes, tmp_path):
        task = small_task(steps=2, **changes)
        before = {k: v.clone() for k, v in task.student.state_dict().items()}
        result = fit(task, task.config.loop, tmp_path)
        assert np.isfinite(result.history[-1]["loss"])
        student = task.finished()
        assert set(student.state_dict()) == set(AnyThermal("tiny").state_dict())
        patch = "backbone.embeddings.patch_embeddings.projection.weight"
        moved = not torch.equal(student.state_dict()[patch], before[patch])
        assert moved == (changes.get("trainable", "all") == "all")

    def test_unaligned_pairs_do_not_enter_dense_losses(self):
        task = small_task()
        batch = task.batch(0, 0, 1)
        batch["aligned"] = torch.zeros(4)
        found = task.losses(batch, lambda rows: rows)
        assert found["patch"] == 0
        assert found["contrast"] > 0

    def test_the_teacher_never_changes(self, tmp_path):
        task = small_task(steps=2)
        before = {k: v.clone() for k, v in task.teacher.state_dict().items()}
        fit(task, task.config.loop, tmp_path)
        assert not task.teacher.training
        assert all(torch.equal(v, before[k]) for k, v in task.teacher.state_dict().items())

    def test_scores_find_partners_among_all(self):
        pairs = small_pairs(6)
        grey = [replace(p, rgb=np.repeat(p.thermal[:, :, None], 3, axis=2)) for p in pairs]
        teacher = Teacher(AnyThermal.tiny(), name="tiny")
        task = DistillTask(PRESETS["tiny"], AnyThermal.tiny(), teacher, pairs, grey)
        assert task.scores() == {"recall_at_1": 1.0, "recall_at_5": 1.0, "recall_at_10": 1.0}
        assert task.student.training
        assert small_task().scores() == {}

    def test_presets_are_what_they_say(self):
        paper = PRESETS["paper"]
        assert (paper.loop.optimizer, paper.loop.learning_rate) == ("sgd", 1e-3)
        assert (paper.temperature, paper.symmetric, paper.partner) == (0.07, False, "teacher")
        assert paper.views.size_px == (308, 504)
        assert "llvip" not in {source.data for source in PRESETS["small"].sources}

    def test_errors(self):
        teacher = Teacher(AnyThermal.tiny(), name="tiny")
        config = PRESETS["tiny"]
        with pytest.raises(ConfigError, match="no pair to learn from"):
            DistillTask(config, AnyThermal.tiny(), teacher, [])
        nothing = replace(config, contrast_weight=0, patch_weight=0)
        with pytest.raises(ConfigError, match="weight 0"):
            DistillTask(nothing, AnyThermal.tiny(), teacher, small_pairs())
        with pytest.raises(ConfigError, match="'cls' and 'mean'"):
            DistillTask(replace(config, tokens=()), AnyThermal.tiny(), teacher, small_pairs())
