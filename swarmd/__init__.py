"""swarmd: an autonomous agent-swarm supervisor for strategy research, and the backtest engine it keeps busy."""

__version__ = "0.1.0"
