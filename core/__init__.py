"""What the app, the daemon and the trainer all know: specs, phases, records and where they lie."""
