"""Where a lane lives: starting a run's process, finding it again, telling how it ended."""
