"""Images laid out for people: every pixel where a loop puts it."""

import numpy as np
import pytest

from flatdiff.images.grid import image_grid


@pytest.mark.parametrize(
    ("count", "height", "width", "channels", "columns"),
    [(1, 8, 8, 1, 1), (6, 8, 8, 1, 3), (5, 8, 8, 3, 3), (2, 50, 40, 3, 2), (3, 7, 5, 1, 1)],
)
def test_every_pixel(count: int, height: int, width: int, channels: int, columns: int) -> None:
    """Each screen pixel is looked up by division; between images and in empty places it is grey.

    The scale is the smallest whole number that makes an image 48 pixels high.
    """
    images = np.random.default_rng(0).integers(
        0, 256, (count, height, width, channels), dtype=np.uint8
    )
    grid = image_grid(images, columns)
    scale = int(np.ceil(48 / height))
    rows = int(np.ceil(count / columns))
    assert grid.shape[0] == scale * (rows * (height + 1) - 1)
    assert grid.shape[1] == scale * (columns * (width + 1) - 1)
    assert grid.ndim == (2 if channels == 1 else 3)
    shown = grid.reshape(grid.shape[0], grid.shape[1], channels)
    draw = np.random.default_rng(1)
    for y, x in zip(
        draw.integers(0, grid.shape[0], 500), draw.integers(0, grid.shape[1], 500), strict=True
    ):
        row, inner_y = divmod(y // scale, height + 1)
        column, inner_x = divmod(x // scale, width + 1)
        index = row * columns + column
        inside = inner_y < height and inner_x < width and index < count
        expected = images[index, inner_y, inner_x] if inside else np.full(channels, 128)
        assert (shown[y, x] == expected).all()
