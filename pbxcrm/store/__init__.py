"""The only room that knows SQLAlchemy: schema, transactions, journal, one query file a thing.

It opens no write transaction of its own accord: `service/` does.
"""
