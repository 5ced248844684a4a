"""How fast this machine is: what work took here, and how long more of it will take.

forecast    how long measurements will take, on this machine as busy as it is
forecaster  watches jobs for what they show of the speed
speeds      what items, starts and jobs took here
timings     kept in the store
"""
