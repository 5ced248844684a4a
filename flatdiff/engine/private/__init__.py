"""A private cluster computes on this machine for one program, and lets nobody else in.

start       the scheduler and the workers, started and kept
credentials what its processes show each other
process     what each of them runs
preload     ends them with the program that started them
share       which share of a processor a worker's work gets, told to the scheduler
blame       which tile a worker's death counts against
deaths      how a worker process ended, told by whoever kept it
"""
