import numpy as np
import pytest

from thermoscope.core.errors import ConfigError, MissingDependencyError, ShapeError
from thermoscope.engine.features import FeatureReader, component_pictures, write_features
from thermoscope.io.thermal_image import ThermalImage
from thermoscope.models.anythermal import AnyThermal


def frame(seed=0, dtype=np.uint16):
    return np.random.default_rng(seed).integers(0, 4000, (40, 60)).astype(dtype)


class TestReader:
    def test_unit_descriptor_and_grid(self):
        reader = FeatureReader(AnyThermal.tiny(), side_px=56)
        descriptor, grid = reader.read(ThermalImage(counts=frame()))
        assert descriptor.shape == (64,)
        assert np.linalg.norm(descriptor) == pytest.approx(1, abs=1e-5)
        assert grid.shape == (32, 4, 4)

    def test_equal_frames_agree_and_others_do_not(self):
        reader = FeatureReader(AnyThermal.tiny(), side_px=56)
        a, b, c = (reader.read(ThermalImage(counts=frame(s)))[0] for s in (0, 0, 1))
        assert a @ b == pytest.approx(1, abs=1e-5)
        assert a @ c < 0.9999

    def test_colour(self):
        rgb = np.random.default_rng(0).integers(0, 255, (40, 60, 3), dtype=np.uint8)
        reader = FeatureReader(AnyThermal.tiny(), modality="rgb", pooling="cls", side_px=28)
        assert reader.read(rgb)[0].shape == (32,)

    def test_errors(self):
        with pytest.raises(ConfigError, match="at least 14"):
            FeatureReader(AnyThermal.tiny(), side_px=13)
        with pytest.raises(ConfigError, match="must be trained"):
            FeatureReader(AnyThermal.tiny(), pooling="salad")
        with pytest.raises(ConfigError, match="no backbone"):
            FeatureReader("anythermal_small")


class TestFiles:
    descriptors = np.eye(3, 8, dtype=np.float32)

    def test_round_trip(self, tmp_path):
        grids = [np.full((2, 3, 4), i, np.float32) for i in range(3)]
        write_features(tmp_path / "a.npz", ["x", "y", "z"], self.descriptors, grids)
        with np.load(tmp_path / "a.npz", allow_pickle=False) as stored:
            assert stored["names"].tolist() == ["x", "y", "z"]
            np.testing.assert_array_equal(stored["descriptor"], self.descriptors)
            assert stored["grid/z"].shape == (2, 3, 4)
            assert stored["grid/z"].max() == 2

    def test_wrong_numbers_and_suffixes(self, tmp_path):
        with pytest.raises(ShapeError, match="2 names, 3 descriptors"):
            write_features(tmp_path / "a.npz", ["x", "y"], self.descriptors)
        with pytest.raises(ConfigError, match="npz"):
            write_features(tmp_path / "a.csv", ["x", "y", "z"], self.descriptors)

    def test_parquet_round_trips_or_says_what_is_missing(self, tmp_path):
        path = tmp_path / "a.parquet"
        try:
            from pyarrow import parquet
        except ImportError:
            with pytest.raises(MissingDependencyError, match=r"thermoscope\[parquet\]"):
                write_features(path, ["x", "y", "z"], self.descriptors)
            return
        write_features(path, ["x", "y", "z"], self.descriptors)
        assert parquet.read_table(path).column("name").to_pylist() == ["x", "y", "z"]


class TestPictures:
    def test_like_features_get_like_colours_in_all_pictures(self):
        rng = np.random.default_rng(0)
        kinds = rng.standard_normal((3, 16)).astype(np.float32)
        layout = np.array([[0, 1, 2], [2, 2, 1]])
        grid = kinds[layout].transpose(2, 0, 1)
        first, second = component_pictures([grid, grid[:, ::-1].copy()])
        assert first.shape == (28, 42, 3)
        centres = first[7::14, 7::14].astype(int)
        assert np.abs(centres[0, 2] - centres[1, 0]).max() < 60
        assert np.abs(centres[0, 0] - centres[0, 1]).max() > 60
        np.testing.assert_array_equal(first[::-1], second)

    def test_errors(self):
        with pytest.raises(ShapeError, match="one backbone"):
            component_pictures([])
        with pytest.raises(ShapeError, match="one backbone"):
            component_pictures([np.zeros((2, 2, 2), np.float32), np.zeros((3, 2, 2), np.float32)])
