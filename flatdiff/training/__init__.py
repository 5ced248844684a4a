"""How checkpoints are made: a step, a run, its folder and its process.

loop              one step after another; a state, saved and restored
batches           what one step is fed, from (seed, step) alone
gradients         the gradient of a step, in shards and parts
sam               ascend, descend
adam              the step itself, by running means of gradients
averaging         its averages, kept up to date
timestep_sampler  uniform, or by the losses of late
execution         how steps are computed: time and memory, not what
world             several processes that train one run
run               a run on disk: saved, resumed, three checkpoints at its end
resumable         what must be equal for a run to go on
run_folder        what lies in a run's folder, and what it says of the run
run_list          all runs below a root
run_options       what somebody chooses for a run; its command line
run_history       losses and endings, line by line
evaluations       LPF and samples every so many steps, a file each
run_cost          what a run will cost on this machine, and the time left of one that goes on
cpu_slots         file locks that limit concurrent runs to the number of cores
sweep             several runs as one thing: methods, strengths and seeds of a family
launcher          starts, stops, continues and deletes runs as processes of their own
"""
