"""ADM, the diffusion model of guided-diffusion, and its kin: flags, networks, process, samplers.

flags            everything that decides what an ADM network computes, in guided-diffusion's words
diffusers_flags  the same of a U-Net of diffusers, by its configs
network_flags    what all of these share
own_flags        the same of a network of somebody's own code, and
own_network      where that is found
own_loss         the loss that comes with it, as a module
any_flags        those of any network that can be measured
networks         the network that flags describe
schedule         betas, and the timesteps that a respacing keeps
unet             the ADM network, key by key guided-diffusion's
dropout          masks that do not depend on who computes which rows
process          DiffusionProcess: q_sample, p_mean_variance, training losses
gaussians        divergence and likelihood, for the variational bound
sampling         from noise to an image; eps scaling; errors of a chain
devices          which device there is
reference        agreement with another implementation's recorded numbers
"""
