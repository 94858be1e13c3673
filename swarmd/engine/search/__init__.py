"""Where to look and what to keep: spaces, draws, scores, the wide prescreen and the deep refinement.

Arrays and plain values in and out. Writes no file (the phases do) but the study's own journal in `storage`; only that
file may know `swarmd.state`. Nothing here sees the vault: it is handed development bars.
"""
