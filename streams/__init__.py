"""Faust at the edge: the engine and the desk on Kafka, with checkpoints that survive anything."""
