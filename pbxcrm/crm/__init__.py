"""The rules of selling, pure: a fact and a state in, what to do out. No await, no clock, no database."""
