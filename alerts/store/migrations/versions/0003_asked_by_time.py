"""what happened when, found without reading everything

Revision ID: 0003
Revises: 0002
"""

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

TIMES = (
    ("transitions", "log_ms"),
    ("transitions", "recorded_wall_ms"),
    ("incidents", "updated_ms"),
    ("incidents", "recovered_ms"),
    ("tickets", "closed_ms"),
    ("ticket_events", "at_ms"),
)


def upgrade() -> None:
    for table, column in TIMES:
        op.create_index(op.f(f"ix_{table}_{column}"), table, [column], unique=False)


def downgrade() -> None:
    for table, column in reversed(TIMES):
        op.drop_index(op.f(f"ix_{table}_{column}"), table_name=table)
