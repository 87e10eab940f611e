"""What a person asks for: parsed, checked, and turned into what Axolotl is started with."""
