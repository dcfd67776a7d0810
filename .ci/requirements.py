"""Print what the named extras of pyproject.toml need, a line each, to install without a build.

``dependencies`` stands for those of the package itself, ``build`` for what builds it. ``--oldest``
prints the least version of each dependency instead, to hold pip to.
"""

import re
import sys
import tomllib
from pathlib import Path

whole = tomllib.loads((Path(__file__).parent.parent / "pyproject.toml").read_text())
project = whole["project"]
if sys.argv[1:] == ["--oldest"]:
    lines = [re.sub(r">=([\d.]+).*", r"==\1.*", line) for line in project["dependencies"]]
else:
    named = project["optional-dependencies"] | {
        "dependencies": project["dependencies"],
        "build": whole["build-system"]["requires"],
    }
    lines = [line for extra in sys.argv[1:] for line in named[extra]]
print("\n".join(lines))
