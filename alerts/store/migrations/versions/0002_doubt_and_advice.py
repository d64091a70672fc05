"""what is suspected, what is to be done, and how to find what a rule did

Revision ID: 0002
Revises: 0001

Columns are added one by one, not in a batch: on SQLite a batch would make the table anew, which rows of other tables
that point at it forbid.
"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for table in ("alerts", "incidents", "tickets"):
        # What is there already counts as seen.
        op.add_column(table, sa.Column("suspected", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.add_column("alerts", _json("actions", "[]"))
    op.add_column("tickets", _json("actions", "[]"))
    op.add_column("incidents", _json("doubted", "[0, 0, 0, 0, 0]"))
    op.add_column("incidents", _json("advised", "{}"))
    op.create_index(op.f("ix_alerts_level"), "alerts", ["level"], unique=False)
    op.create_index(op.f("ix_alerts_since_ms"), "alerts", ["since_ms"], unique=False)


def downgrade() -> None:
    op.drop_index(op.f("ix_alerts_since_ms"), table_name="alerts")
    op.drop_index(op.f("ix_alerts_level"), table_name="alerts")
    op.drop_column("incidents", "advised")
    op.drop_column("incidents", "doubted")
    op.drop_column("tickets", "actions")
    op.drop_column("alerts", "actions")
    for table in ("tickets", "incidents", "alerts"):
        op.drop_column(table, "suspected")


def _json(name: str, default: str) -> sa.Column[object]:
    return sa.Column(name, sa.JSON(), nullable=False, server_default=sa.text(f"'{default}'"))
