"""A request becomes tiles on workers, and tiles become a stored result.

engine      Engine: ask, measure, submit; Handle: progress, result, cancel
job         a request in the store; what a tile brings back
progress    cost before, progress meanwhile
recent      results that stay assembled
speed       how fast this machine is, and how long things will take
store       jobs and tiles
database    the SQLite file below it
seal        a digest over how a job ran and ended
refusals    why the file is refused, in words
bundle      finished results from one store to another
ends        of jobs that failed or were cancelled, when the file takes none
dispatcher  the one thread between store and cluster
active      a job that this process computes
tiles       sent to workers, and back
outcome     what became of a tile
patience    how long what may pass is waited for
cluster     private workers, or somebody's Dask
private     workers of this machine, for this program alone
address     of a scheduler
worker      evaluates one tile
delivery    weights to workers on other machines, once
watchers    who waits for which job
"""
