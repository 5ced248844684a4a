"""How the loss over a line or a plane is drawn.

loss_scale   what of a loss is compared, in which steps, and which values are named
plot         contours and lines
relief       the same in 3-D
overlay      one over the other
valleys      how a basin grows with the height, and where valleys join
nearby, atlas    samples at a point, and at every point of a grid
thumbnail    a small image, to tell checkpoints apart
"""
