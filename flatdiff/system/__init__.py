"""What the machine does for us: files, locks, downloads, processors and who may use them.

files          where things are kept, and how a file is replaced so that no half is ever seen
foreign_json   what a file says that anybody may have written, bounded
arrays         NumPy arrays as bytes, without pickle
locks          locks that end with their process; who holds one, and whether it lives
download       a published file, continued where it broke off, checked by its digest
processor      how many cores there are, and how little of them long work takes
share          how much of a processor our work gets, by trying
speed          what the same work took each time, the newest weighing most
remembered     what a pure function has returned, for who asks next
span           from so many seconds to so many, in words
child_process  how a process of ours is started apart, limited and stopped, by platform
memory         what one thread of a server has freed, for the others
access         who may do what here: roles, and the table of their rights
brake          how quickly a password may be guessed
"""
