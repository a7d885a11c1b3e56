"""The fold: rows stored of some notifications and new events of theirs -> the rows to store. Pure; no SQL, no I/O.

Its modules follow infra/guides/fold.md: `facts` (section 1), `attribution` (2 and 3, downward), `rows` (3), `contents`
(4), `counts` (6), and before them `copies`, which tells first copies from duplicates and conflicts.
"""
