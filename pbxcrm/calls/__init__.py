"""Who talked with whom: AMI events in, facts about calls out.

This room is pure: standard library and phonenumbers. It never awaits, never asks for the time (time comes in with
the events), never logs, and knows neither the database nor the wire.
"""
