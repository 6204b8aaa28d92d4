"""`python -m paramedic.launchers.process DIRECTORY`: make it this host's directory; harmless when it already is."""

import sys
from pathlib import Path

from paramedic.errors import ParamedicError
from paramedic.launchers.process.host import initialise_host_dir

if __name__ == "__main__":
    try:
        initialise_host_dir(Path(sys.argv[1]))
    except ParamedicError as error:
        sys.exit(str(error))
