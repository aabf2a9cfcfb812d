"""Column types and constraints that mean the same on SQLite and PostgreSQL."""

from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

from sqlalchemy import (
    JSON,
    BigInteger,
    CheckConstraint,
    ColumnElement,
    DateTime,
    Dialect,
    ForeignKey,
    ForeignKeyConstraint,
    Integer,
    MetaData,
    String,
    or_,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import (
    DeclarativeBase,
    InstrumentedAttribute,
    MappedColumn,
    mapped_column,
)
from sqlalchemy.types import TypeDecorator

from blip2core.errors import StorageError

Id = BigInteger().with_variant(Integer, "sqlite")
"""64 bits; SQLite numbers rows only where the type is called INTEGER."""
JsonColumn = JSON().with_variant(JSONB(), "postgresql")


class UtcTime(TypeDecorator[datetime]):
    """A moment, always aware and in UTC; what has no time zone is refused."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise StorageError(f"The time {value} has no time zone; give one in UTC.")
        return value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


def utc_now() -> datetime:
    """Return the time now, with its zone."""
    return datetime.now(UTC)


def is_past(
    moment: InstrumentedAttribute[Any] | ColumnElement[Any], *, seconds: float
) -> ColumnElement[bool]:
    """Return the condition that a stored moment is so long ago, or as far in the future: then the
    clock was set back since, and nothing is to be learned from it.
    """
    now, span = utc_now(), timedelta(seconds=seconds)
    return or_(moment <= now - span, moment >= now + span)


class Base(DeclarativeBase):
    """Base of the tables; every constraint gets a name, so that a migration can change it."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map = {
        datetime: UtcTime(),
        int: Id,
        dict[str, Any]: JsonColumn,
        str: String(),
    }


RowId = Annotated[int, mapped_column(Id, primary_key=True)]
"""A number that is given once and never again."""
Sha256 = Annotated[str, mapped_column(String(64))]
Moment = Annotated[datetime, mapped_column(UtcTime(), default=utc_now)]


def refers_to(target: str, **options: Any) -> MappedColumn[Any]:
    """Return a foreign key; what is referred to cannot be deleted."""
    return mapped_column(Id, ForeignKey(target, ondelete="RESTRICT"), **options)


def of_same_item(column: str) -> ForeignKeyConstraint:
    """Constrain `column` to name a caption of the item in `item_id`."""
    return ForeignKeyConstraint(
        [column, "item_id"], ["captions.id", "captions.item_id"], ondelete="RESTRICT"
    )


def one_of(column: str, values: tuple[str, ...]) -> CheckConstraint:
    """Return a closed list of words; kept as text, because types of PostgreSQL hardly migrate."""
    words = ", ".join(f"'{value}'" for value in values)
    return CheckConstraint(f"{column} IN ({words})", name=column)
