"""What the market says: arrays in, numbers out.

Knows no agent and no daemon: a run of the engine reads a work order, writes its own outbox, and never calls back.
"""

from swarmd.engine.compiled import keep_kernels_apart

keep_kernels_apart()
