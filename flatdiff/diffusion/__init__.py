"""ADM, the diffusion model of guided-diffusion: its flags, network, process and samplers.

flags      everything that decides what a network computes, in guided-diffusion's words
schedule   betas, and the timesteps that a respacing keeps
unet       the network, key by key guided-diffusion's
dropout    masks that do not depend on who computes which rows
process    DiffusionProcess: q_sample, p_mean_variance, training losses
gaussians  divergence and likelihood, for the variational bound
sampling   from noise to an image; eps scaling; errors of a chain
devices    which device there is
reference  agreement with another implementation's recorded numbers
"""
