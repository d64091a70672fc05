"""The log and the store as series in InfluxDB: readings as they come, and how things stand.

lines      points as line protocol
standing   how the city stands at a moment of log time: pure
history    what the store knows of that moment
sampler    standings, moment after moment
influx     InfluxDB, and what it refuses
buckets    where it keeps them, for how long, and what it makes of them
readers    tokens by which others read them
copies     what they hold as files, and back
worker     the log, followed
"""
