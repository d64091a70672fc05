"""MQTT in, Kafka out: every message becomes readings in the log, or a dead letter that says why not."""
