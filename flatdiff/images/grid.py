"""Images of a few pixels, laid out so that a person can see them."""

import base64
import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image

GAP = 1  # pixels between images, before scaling
MIN_IMAGE_SIZE = 48  # screen pixels a side


def image_grid(images: NDArray[np.uint8], columns: int) -> NDArray[np.uint8]:
    """Rows of images on a grey ground, each pixel a square of screen pixels.

    (n, H, W, C) to (height, width) for one channel, (height, width, 3) for three.
    """
    count, height, width, channels = images.shape
    rows = -(-count // columns)
    step_y, step_x = height + GAP, width + GAP
    shape = (rows * step_y - GAP, columns * step_x - GAP, channels)
    ground = np.full(shape, 128, np.uint8)
    for index, image in enumerate(images):
        top, left = (index // columns) * step_y, (index % columns) * step_x
        ground[top : top + height, left : left + width] = image
    scale = -(-MIN_IMAGE_SIZE // height)
    large = ground.repeat(scale, axis=0).repeat(scale, axis=1)
    return large[:, :, 0] if channels == 1 else large


def data_url(pixels: NDArray[np.uint8]) -> str:
    """An address that holds the image itself, as PNG."""
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "png")
    return f"data:image/png;base64,{base64.b64encode(buffer.getvalue()).decode()}"
