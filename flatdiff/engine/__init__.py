"""A request becomes tiles on workers, and tiles become a stored result.

engine      Engine: ask, measure, submit; Handle: progress, result, cancel
job         a request in the store; what a tile brings back
progress    cost before, progress meanwhile
store       jobs, tiles, rates
database    the SQLite file below it
bundle      finished results from one store to another
dispatcher  the one thread between store and cluster
cluster     private workers, or somebody's Dask
private     a scheduler and workers of this machine, for this program alone
credentials what its processes show each other
process     what each of them runs
worker      evaluates one tile
delivery    weights to workers on other machines, once
watchers    who waits for which job
preload     ends Dask's processes with the program that started them
"""
