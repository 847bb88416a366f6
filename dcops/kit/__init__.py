"""The recovery kit: one signed archive, and shares of its key, with which a bare machine can begin to recover.

Belongs here: what goes into a kit, its format, its key's shares, building, checking and opening one.
Does not: backups themselves (dcops.backup). What reaches outside is git.py, pip.py, apt.py and folders.py.
"""
