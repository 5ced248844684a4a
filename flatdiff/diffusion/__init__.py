"""ADM, the diffusion model of guided-diffusion: its flags, network, process and samplers."""
