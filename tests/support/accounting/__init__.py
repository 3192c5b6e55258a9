"""A model-based test of the whole pipeline: every way in, every read model, and what must become of each event."""
