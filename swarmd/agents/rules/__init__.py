"""Pure rules several agents share: thresholds applied, losses counted, jobs ranked. None wishes for anything itself."""
