"""What one sees without a PBX: recorded calls of a real Asterisk, played over a real manager connection.

This room must never reach beyond loopback, and never run beside a PBX that was configured.
"""

from pbxcrm.demo.people import DEMO_PEOPLE, start
from pbxcrm.demo.player import DemoPBX, serve_demo

__all__ = ["DEMO_PEOPLE", "DemoPBX", "serve_demo", "start"]
