"""The tables. Times are ms UTC; `*_wall_ms` and all of `rule_*` are the wall's, all others (possibly played) log or
event time.

Migrations are in `migrations/`; a test holds them against this file.
"""

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    false,
    text,
)

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(column_0_label)s",
        "uq": "uq_%(table_name)s_%(column_0_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "pk": "pk_%(table_name)s",
    }
)

incidents = Table(
    "incidents",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("key", String(200), nullable=False),
    Column("version", Integer, nullable=False),
    Column("open_key", String(200), unique=True),  # the key while open: two incidents of one key cannot be
    Column("collects", String(200), index=True),
    Column("nature", String(16), nullable=False),
    Column("title", String(200), nullable=False),
    Column("cause", String(80), nullable=False),
    Column("subject", String(80), nullable=False),
    Column("risk_class", String(40)),
    Column("admin", String(20), index=True),
    Column("area", String(40), index=True),
    Column("site", String(40)),
    Column("level", Integer, nullable=False),
    Column("peak_level", Integer, nullable=False),
    Column("active", JSON, nullable=False),
    Column("doubted", JSON, nullable=False, server_default=text("'[0, 0, 0, 0, 0]'")),
    Column("suspected", Boolean, nullable=False, server_default=false()),
    Column("advised", JSON, nullable=False, server_default=text("'{}'")),  # by action, how many alerts ask for it
    Column("explained", Integer, nullable=False),
    Column("alerts", Integer, nullable=False),
    Column("opened_ms", BigInteger, nullable=False),
    Column("updated_ms", BigInteger, nullable=False, index=True),
    Column("recovered_ms", BigInteger, index=True),
    Column("merged_into", String(32), ForeignKey("incidents.id")),
    Column("exercise", Boolean, nullable=False, default=False),
    Index("ix_incidents_key_version", "key", "version"),
)

alerts = Table(
    "alerts",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("incident", String(32), ForeignKey("incidents.id"), nullable=False, index=True),
    Column("rule", String(80), nullable=False),
    Column("rule_version", String(32), nullable=False),
    Column("subject", String(80), nullable=False, index=True),
    Column("level", Integer, nullable=False, index=True),
    Column("peak_level", Integer, nullable=False),
    Column("explained", Boolean, nullable=False),
    Column("suspected", Boolean, nullable=False, server_default=false()),
    Column("actions", JSON, nullable=False, server_default=text("'[]'")),
    Column("since_ms", BigInteger, nullable=False, index=True),
    Column("updated_ms", BigInteger, nullable=False),
    Column("last", JSON, nullable=False),
)

transitions = Table(
    "transitions",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("alert", String(32), ForeignKey("alerts.id"), nullable=False, index=True),
    Column("level_from", Integer, nullable=False),
    Column("level_to", Integer, nullable=False),
    Column("event_ms", BigInteger, nullable=False),
    Column("log_ms", BigInteger, nullable=False, index=True),
    Column("value", Float, nullable=False),
    Column("detail", JSON, nullable=False),
    Column("recorded_wall_ms", Float, nullable=False, index=True),
)

tickets = Table(
    "tickets",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("incident", String(32), ForeignKey("incidents.id"), nullable=False, unique=True),
    Column("state", String(20), nullable=False, index=True),
    Column("level", Integer, nullable=False),
    Column("category", String(40), nullable=False),
    Column("title", String(300), nullable=False),
    Column("reason", String(400), nullable=False),
    Column("source", String(20), nullable=False, default="iot"),
    Column("grid", String(40), index=True),
    Column("admin", JSON, nullable=False),
    Column("unit", String(40), nullable=False, index=True),
    Column("officer", String(40)),
    Column("reported_ms", BigInteger, nullable=False),
    Column("accept_ms", BigInteger, nullable=False),
    Column("dispatch_ms", BigInteger, nullable=False),
    Column("arrive_ms", BigInteger, nullable=False),
    Column("feedback_ms", BigInteger, nullable=False),
    Column("dispose_ms", BigInteger, nullable=False),
    Column("verify_ms", BigInteger, nullable=False),
    Column("suspended_ms", BigInteger),
    Column("closed_ms", BigInteger, index=True),
    Column("merged_into", String(40)),
    Column("suspected", Boolean, nullable=False, server_default=false()),
    Column("actions", JSON, nullable=False, server_default=text("'[]'")),
    Column("flags", JSON, nullable=False),
    Column("exercise", Boolean, nullable=False, default=False),
    Column("opening", String(64), nullable=False),  # the transition that opened it
    Column("opened_wall_ms", Float, nullable=False),
)

ticket_events = Table(
    "ticket_events",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("ticket", String(40), ForeignKey("tickets.id"), nullable=False, index=True),
    Column("at_ms", BigInteger, nullable=False, index=True),
    Column("action", String(40), nullable=False),
    Column("state_from", String(20)),
    Column("state_to", String(20), nullable=False),
    Column("actor", String(80), nullable=False),
    Column("detail", JSON, nullable=False),
)

outbox = Table(
    "outbox",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("kind", String(40), nullable=False),
    Column("incident", String(32), ForeignKey("incidents.id"), nullable=False),
    Column("level", Integer, nullable=False),
    Column("at_ms", BigInteger, nullable=False),
    Column("delivered_wall_ms", Float),
)

dead_letters = Table(
    "dead_letters",
    metadata,
    Column("id", String(120), primary_key=True),  # log id, partition and offset: the same after a replay
    Column("reason", String(20), nullable=False, index=True),
    Column("detail", Text, nullable=False),
    Column("device", String(80), index=True),
    Column("topic", Text, nullable=False),
    Column("payload", LargeBinary, nullable=False),
    Column("payload_bytes", Integer, nullable=False),
    Column("received_ms", BigInteger, nullable=False, index=True),
    Column("ingest", String(40), nullable=False),
)

dead_letter_totals = Table(
    "dead_letter_totals",
    metadata,
    Column("reason", String(20), primary_key=True),
    Column("total", BigInteger, nullable=False),
    Column("last_ms", BigInteger, nullable=False),
)

positions = Table(
    "positions",
    metadata,
    Column("topic", String(80), primary_key=True),
    Column("partition", Integer, primary_key=True),
    Column("log_id", String(80), nullable=False),
    Column("offset", BigInteger, nullable=False),  # of the last record whose effects are here
)

shards = Table(
    "shards",
    metadata,
    Column("shard", Integer, primary_key=True),
    Column("fence", BigInteger, nullable=False),
    Column("owner", String(80), nullable=False),
    Column("log_id", String(80)),
    Column("offset", BigInteger, nullable=False),
    Column("state", LargeBinary),
    Column("saved_wall_ms", Float, nullable=False),
    Column("log_ms", BigInteger),
    Column("status", JSON, nullable=False),
)

rule_versions = Table(
    "rule_versions",
    metadata,
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("pack", Text, nullable=False),
    Column("label", Text, nullable=False),  # the version that its authors wrote into pack.yaml
    Column("title", Text, nullable=False),
    Column("meaning", String(32), nullable=False, index=True),
    Column("files", JSON, nullable=False),  # by path below a folder of packs, the text
    Column("by", String(80), nullable=False),
    Column("why", Text, nullable=False),
    Column("at_ms", BigInteger, nullable=False),
)

rule_proposals = Table(
    "rule_proposals",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("version", Integer, ForeignKey("rule_versions.number"), nullable=False),
    Column("based_on", Integer, nullable=False),  # the publication then in force; 0 for none
    Column("takes_back", Integer),
    Column("by", String(80), nullable=False),
    Column("why", Text, nullable=False),
    Column("at_ms", BigInteger, nullable=False),
    Column("decision", String(16)),  # while it waits, nothing
    Column("decided_by", String(80)),
    Column("decided_why", Text),
    Column("decided_ms", BigInteger),
)

rule_publications = Table(  # never changed, only added to: the last one is in force
    "rule_publications",
    metadata,
    Column("sequence", Integer, primary_key=True, autoincrement=False),
    Column("version", Integer, ForeignKey("rule_versions.number"), nullable=False),
    Column("proposed_by", String(80), nullable=False),
    Column("approved_by", String(80)),  # nobody, where one person is enough
    Column("why", Text, nullable=False),
    Column("at_ms", BigInteger, nullable=False),
    Column("takes_back", Integer),  # of a rollback: the publication that was in force
)

rule_reports = Table(
    "rule_reports",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("kind", String(16), nullable=False, index=True),  # backtest, shadow or reload
    Column("version", Integer, ForeignKey("rule_versions.number")),  # nothing of a pack that was not published
    Column("meaning", String(32), nullable=False, index=True),
    Column("by", String(80), nullable=False),
    Column("at_ms", BigInteger, nullable=False, index=True),
    Column("report", JSON, nullable=False),
)
