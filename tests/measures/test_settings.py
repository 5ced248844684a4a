"""Settings out of range are refused by a sentence that names the setting and the value."""

from typing import Any

import pytest

from flatdiff.errors import SettingsError
from flatdiff.measures import MEASURES
from flatdiff.measures.quantization import reference_first

NAN, INF = float("nan"), float("inf")

REFUSED: list[tuple[str, str, list[Any]]] = [
    ("surface", "dimensions", [0, 3, "2"]),
    ("surface", "resolution", [0, 1, -5, 10**4, 2.5, "9", 300]),
    ("surface", "resolution_b", [0, 1, 10**4, 2.5]),
    ("surface", "span", [0, 0.0, -1.0, NAN, INF, -INF, 1e300]),
    ("surface", "normalization", ["", "Filter", None]),
    ("surface", "seed", [-1, 0.5, 2**32, 10**30, "0"]),
    ("lpf", "mode", ["relative", "", None]),
    ("lpf", "lpf_sigma", [-0.1, -1e-300, NAN, INF, -INF, 1e300]),
    ("lpf", "num_perturbations", [0, 2, 3, 101, -4, 100_002, 4.0, "100"]),
    ("lpf", "seed", [-1, 0.5, 2**32]),
    ("exposure", "num_sampling_steps", [0, 1, -1, 4001, 2.5, "20"]),
    ("exposure", "num_images", [0, 1, 50_001, 2.5]),
    ("exposure", "seed", [-1, 0.5, 2**32]),
    ("exposure", "eps_scale", [0, 0.0, -1.0, NAN, INF, 10.5]),
    ("exposure", "delta", [0, 1, "yes"]),
    ("exposure", "bits", [1, 9, 33, 2.5, "8"]),
    ("curvature", "num_eigenvalues", [0, 17, 2.5, "3"]),
    ("curvature", "num_probes", [0, 1, 1001, 8.0]),
    ("curvature", "num_lanczos_steps", [0, 1, 201, 2.5]),
    ("curvature", "eigen_tolerance", [0, -1.0, 0.2, NAN, INF]),
    ("curvature", "seed", [-1, 0.5, 2**32]),
    ("samples", "num_sampling_steps", [0, 1, 4001, 2.5]),
    ("samples", "num_images", [0, -1, 10_001, 2.5]),
    ("samples", "seed", [-1, 0.5, 2**32]),
    ("samples", "bits", [(1,), (33,), (2.5,), (9,), (8, 8)]),
    *(("nearby", name, [float("nan"), 1e7, "0", float("-inf")]) for name in ("a", "b")),
    ("nearby", "axes", ["", "Random", None]),
    ("nearby", "direction_seed", [-1, 0.5]),
    ("nearby", "num_images", [0, 10_001]),
    ("nearby", "num_sampling_steps", [1, 4001]),
    ("nearby", "seed", [-1, 2**32]),
    ("atlas", "axes", ["", "Random", None]),
    ("atlas", "dimensions", [0, 3, "2"]),
    ("atlas", "resolution", [1, 4, 9.5, 33, "9"]),
    ("atlas", "num_images", [0, 9, 2.5]),
    ("atlas", "num_sampling_steps", [1, 4001]),
    ("atlas", "span", [0.0, -1.0, NAN, INF]),
    ("atlas", "direction_seed", [-1, 0.5]),
    ("atlas", "seed", [-1, 2**32]),
    ("frechet", "features", ["", "Inception", "fid", None]),
    ("frechet", "num_images", [0, 1, 50_001, 2.5, "10"]),
    ("frechet", "num_sampling_steps", [0, 1, 4001, 2.5]),
    ("frechet", "reference_split", ["", "test", None]),
    ("frechet", "bits", [(1,), (33,), (8, 8)]),
    ("frechet", "seed", [-1, 0.5, 2**32]),
    ("quantization", "bits", [(1,), (0,), (33,), (2.5,), ("8",), (-8,), (8, 4, 8)]),
    ("sensitivity", "bits", [1, 9, 33, 2.5, "8"]),
    ("sensitivity", "layers", [("a", "a"), (1,), ("a", None), tuple(map(str, range(2001)))]),
    *(
        (measure, name, values)
        for measure in ("quantization", "samples", "exposure", "sensitivity")
        for name, values in (("per_channel", [0, "yes"]), ("clipping", ["", "MSE", None]))
    ),
]
CASES = [(measure, name, value) for measure, name, values in REFUSED for value in values]


@pytest.mark.parametrize(("measure", "name", "value"), CASES)
def test_out_of_range_is_refused_by_name(measure: str, name: str, value: Any) -> None:
    """The table is written by hand, from what a person may type into a form or a command."""
    with pytest.raises(SettingsError, match=f"^{name} must be .*; got "):
        MEASURES[measure].settings_type(**{name: value})


ACCEPTED: list[tuple[str, dict[str, Any]]] = [
    ("surface", {"dimensions": 1, "resolution": 2}),
    ("surface", {"dimensions": 1, "resolution": 1025}),
    ("surface", {"resolution": 256, "seed": 2**32 - 1, "span": 1e-6}),
    ("lpf", {"lpf_sigma": 0, "num_perturbations": 4}),
    ("lpf", {"lpf_sigma": 0.0, "num_perturbations": 100_000}),
    ("exposure", {"num_sampling_steps": 2, "num_images": 2}),
    ("curvature", {"num_eigenvalues": 16, "num_probes": 2, "eigen_tolerance": 0.1}),
    ("samples", {"num_images": 1, "num_sampling_steps": 2, "bits": ()}),
    ("exposure", {"eps_scale": 10.0, "delta": False, "symmetric": False}),
    ("quantization", {"bits": (2, 3, 4, 5, 6, 7, 8)}),
    ("atlas", {"resolution": 31, "num_images": 8, "num_sampling_steps": 2}),
    ("atlas", {"axes": "checkpoints", "resolution": 31, "dimensions": 1}),
    ("frechet", {"features": "inception", "num_images": 2, "reference_split": "held_out"}),
    ("frechet", {"num_images": 50_000, "bits": ()}),
    ("sensitivity", {"layers": (), "clipping": "mse"}),
]


@pytest.mark.parametrize(("measure", "values"), ACCEPTED)
def test_bounds_themselves_are_accepted(measure: str, values: dict[str, Any]) -> None:
    """The message names the bound; a value at the bound must not be refused."""
    settings = MEASURES[measure].settings_type(**values)
    assert {name: getattr(settings, name) for name in values if name != "bits"} == {
        name: value for name, value in values.items() if name != "bits"
    }


@pytest.mark.parametrize(
    ("bits", "expected"),
    [
        ((), (32,)),
        ((32,), (32,)),
        ((8, 32), (32, 8)),
        ([4, 8], (32, 4, 8)),
        ((32, 2, 32, 8), (32, 2, 8)),
    ],
)
def test_full_precision_comes_first_and_once(bits: Any, expected: tuple[int, ...]) -> None:
    """Every rise is against the first entry."""
    assert reference_first(bits) == expected
