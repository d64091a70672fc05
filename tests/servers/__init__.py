"""Real servers for tests and benchmarks: Kafka, Mosquitto, PostgreSQL, a browser, and the embedded Tansu.

Each comes from the first of these that is there: an address in the environment, Docker where an engine answers, a
local one that `python -m tests.servers` has installed or built. docs/decisions/007 says why. MissingError says what
could not be had, and the remedy.

    from tests.servers.kafka import kafka          # with kafka() as log: log.address, .stop(), .start(), .kill()
    from tests.servers.mosquitto import mosquitto  # with mosquitto() as broker: broker.host, broker.port
    from tests.servers.postgres import postgres    # with postgres() as store: store.new_database() -> SQLAlchemy URL
    from tests.servers.tansu import tansu          # with tansu() as log: the embedded log
"""
