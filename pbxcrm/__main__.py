"""`python -m pbxcrm` is `pbxcrm`."""

import sys

from pbxcrm.cli import main

sys.exit(main())
