"""What Axolotl would learn from a run's data, found out with its own code."""
