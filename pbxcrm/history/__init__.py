"""What the PBX wrote down itself: CEL and CDR, in files or tables, read page by page and never changed.

Rows leave this room in the shape of calls/rows.py, their times in UTC. What they mean is not known here.
"""
