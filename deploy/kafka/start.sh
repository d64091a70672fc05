#!/bin/bash
# Start Kafka; on an empty volume, format it first with an id of its own. The program knows a log by this id, and never
# compares offsets of one log with those of another, so two logs must never have the same.
set -eu
properties=/etc/kafka/qianshao/server.properties
if [ ! -f /var/lib/kafka/data/meta.properties ]; then
    /opt/kafka/bin/kafka-storage.sh format -t "$(/opt/kafka/bin/kafka-storage.sh random-uuid)" -c "$properties"
fi
exec /opt/kafka/bin/kafka-server-start.sh "$properties"
