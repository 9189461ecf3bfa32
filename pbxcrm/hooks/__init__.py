"""The one door outward: tells other programs what happened here. It must never reach what is not public, unless the
operator named it, and never hold up a call.
"""
