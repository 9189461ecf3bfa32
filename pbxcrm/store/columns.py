"""What every table's columns are made of."""

from sqlalchemy import BigInteger, Float, Integer, MetaData

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "pk": "pk_%(table_name)s",
    }
)

# SQLite gives out row ids only for INTEGER, PostgreSQL wants 64 bits.
Id = BigInteger().with_variant(Integer, "sqlite")
Time = Float(53)
Money = BigInteger().with_variant(Integer, "sqlite")
