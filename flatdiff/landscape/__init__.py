"""A checkpoint made measurable: its loss at any point of weight space.

subject             a checkpoint on a panel: points, losses, directions; the only door to torch
objective           what a network was trained for, as a loss of each member of a panel
measurable          what a measure may ask of it, without torch
panel               the frozen images, timesteps and noise that comparisons share
flat_weights        theta as one buffer, moved and restored bit by bit
directions          Gaussian, filter-normalised, orthogonal; planes through checkpoints
noise               the kinds of noise and of direction
activations          what modules give for the images at one noise level
activations         what modules of a network give for images at one noise level
cka                 how alike two sets of features of the same images are
ascent              towards the worst weights within a ball
curvature           the Hessian by its products
spectrum            eigenvalues and densities from products
chains              samples, and norms of the predicted noise
quantization        rounding to a grid, and the schemes there are
quantized_file      a checkpoint as small integers
rescaling           other weights, the same function
interpolation       a smooth surface from few points, with its error
topology            valleys of a function on a grid, where they join, how a basin grows
perturbation_sizes  the norm of every change of the weights, as a share of theta's
toy                 a loss of two weights to teach with
"""
