"""Print what the named extras of pyproject.toml need, a line each, to install without a build."""

import sys
import tomllib
from pathlib import Path

project = tomllib.loads((Path(__file__).parent.parent / "pyproject.toml").read_text())["project"]
for extra in sys.argv[1:]:
    print("\n".join(project["optional-dependencies"][extra]))
