"""versions of rules, who brought which into force, and reports about them

Revision ID: 0004
Revises: 0003
"""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "rule_versions",
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("pack", sa.Text(), nullable=False),
        sa.Column("label", sa.Text(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("meaning", sa.String(32), nullable=False),
        sa.Column("files", sa.JSON(), nullable=False),
        *_said(),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_rule_versions")),
    )
    op.create_index(op.f("ix_rule_versions_meaning"), "rule_versions", ["meaning"], unique=False)
    op.create_table(
        "rule_proposals",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("based_on", sa.Integer(), nullable=False),
        sa.Column("takes_back", sa.Integer(), nullable=True),
        *_said(),
        sa.Column("decision", sa.String(16), nullable=True),
        sa.Column("decided_by", sa.String(80), nullable=True),
        sa.Column("decided_why", sa.Text(), nullable=True),
        sa.Column("decided_ms", sa.BigInteger(), nullable=True),
        _of_version("rule_proposals"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_rule_proposals")),
    )
    op.create_table(
        "rule_publications",
        sa.Column("sequence", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("proposed_by", sa.String(80), nullable=False),
        sa.Column("approved_by", sa.String(80), nullable=True),
        sa.Column("why", sa.Text(), nullable=False),
        sa.Column("at_ms", sa.BigInteger(), nullable=False),
        sa.Column("takes_back", sa.Integer(), nullable=True),
        _of_version("rule_publications"),
        sa.PrimaryKeyConstraint("sequence", name=op.f("pk_rule_publications")),
    )
    op.create_table(
        "rule_reports",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("version", sa.Integer(), nullable=True),
        sa.Column("meaning", sa.String(32), nullable=False),
        sa.Column("by", sa.String(80), nullable=False),
        sa.Column("at_ms", sa.BigInteger(), nullable=False),
        sa.Column("report", sa.JSON(), nullable=False),
        _of_version("rule_reports"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_rule_reports")),
    )
    for column in ("kind", "meaning", "at_ms"):
        op.create_index(op.f(f"ix_rule_reports_{column}"), "rule_reports", [column], unique=False)


def downgrade() -> None:
    for table in ("rule_reports", "rule_publications", "rule_proposals", "rule_versions"):
        op.drop_table(table)


def _said() -> tuple[sa.Column[object], ...]:
    """Who, why, when."""
    return (
        sa.Column("by", sa.String(80), nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        sa.Column("at_ms", sa.BigInteger(), nullable=False),
    )


def _of_version(table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(["version"], ["rule_versions.number"], name=op.f(f"fk_{table}_version"))
