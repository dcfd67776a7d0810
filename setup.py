"""The build of the Cython kernels; everything else about the package is in pyproject.toml."""

import os
import re
import sys
from pathlib import Path

import numpy as np
from Cython.Build import cythonize
from setuptools import Extension, setup

# -ffp-contract=off: a fused multiply-add would change the bits that must equal R's.
# -fno-trapping-math: loops with a choice in them become vector loops; no result changes.
# PYHIER_UNOPTIMISED: a fifth of the time to compile, for tests that are not about speed.
# PYHIER_SANITIZE: an error of addresses, integers or bounds ends the process (.ci/sanitize).
SANITIZE = bool(os.environ.get("PYHIER_SANITIZE"))
LEVEL = "-O1" if SANITIZE else "-O3"
if os.environ.get("PYHIER_UNOPTIMISED"):
    LEVEL = "-O0"
COMPILE = (
    ["/O2"]
    if sys.platform == "win32"
    else [LEVEL, "-g0", "-ffp-contract=off", "-fno-math-errno", "-fno-trapping-math"]
)
CHECKS = ["-fsanitize=address,undefined,float-cast-overflow", "-fno-sanitize-recover=all"]
if SANITIZE:  # Python's own flags have -fwrapv, under which no integer overflows
    COMPILE = [*COMPILE, "-g1", "-fno-omit-frame-pointer", "-fno-wrapv", *CHECKS]
SHARED = "pyhier.kernels._cyutility"
NPYRANDOM = Path(np.get_include()).parent.parent / "random" / "lib"

KERNELS = (
    "random",
    "special",
    "tails",
    "densities",
    "distribution_functions",
    "quantile_functions",
    "streams",
    "count_streams",
    "sampling",
    "gibbs",
    "density",
    "count_data",
    "count_masses",
    "count_density",
    "count_planes",
    "count_sums",
    "count_regression",
    "pair_priors",
    "posteriors",
    "undefined",
    "sampler",
    "normal_groups",
    "linear_groups",
    "linear_density",
    "levels",
    "multivariate",
    "series",
    "mixtures",
    "panels",
    "log_sums",
    "effect_sums",
    "effect_panels",
    "gradients",
    "joint",
    "joint_counts",
    "hyperpriors",
    "joint_levels",
    "joint_multivariate",
    "trajectory",
    "hamiltonian",
    "regression",
    "regression_density",
    "integrated_groups",
    "normal_effects",
    "group_tables",
    "hypergeometric",
    "two_binomials",
    "risk_tables",
    "two_risks",
    "scale_mixtures",
    "variance_bins",
)


def headers(name: str) -> list[str]:
    """What a kernel includes, itself or through another: it is compiled anew when one changes."""
    found: list[str] = []
    unread = [Path("src_cython") / f"{name}.pyx"]
    while unread:
        named = re.findall(r'(?:#include|extern from) "(\w+\.h)"', unread.pop().read_text())
        new = [f"src_cython/{header}" for header in named if f"src_cython/{header}" not in found]
        found += new
        unread += map(Path, new)
    return found


def extension(name: str) -> Extension:
    return Extension(
        f"pyhier.kernels.{name}",
        [f"src_cython/{name}.pyx"],
        include_dirs=[np.get_include(), "src_cython"],
        depends=headers(name),
        define_macros=[("NPY_NO_DEPRECATED_API", "NPY_1_7_API_VERSION")],
        library_dirs=[str(NPYRANDOM)],
        libraries=["npyrandom"] if sys.platform == "win32" else ["npyrandom", "m"],
        extra_compile_args=COMPILE,
        extra_link_args=CHECKS if SANITIZE else [],
    )


def extensions() -> list[Extension]:
    """The kernels; translated to C where they are built, not where they are only listed."""
    kernels = [extension(name) for name in KERNELS]
    if {"sdist", "egg_info", "dist_info"} & set(sys.argv):
        return kernels
    # Cython's own memoryviews, once: in every kernel they were two thirds of what is compiled.
    shared = Extension(SHARED, ["src_cython/_cyutility.c"], extra_compile_args=COMPILE)
    return cythonize(
        [shared, *kernels],
        shared_utility_qualified_name=SHARED,
        include_path=["."],
        # Made in parallel where processes fork; elsewhere this file would be run by each of them.
        nthreads=(os.cpu_count() or 1) if sys.platform == "linux" else 0,
        # The C files by content, for builds of the same sources in other folders.
        cache=os.environ.get("PYHIER_CYTHON_CACHE") or False,
        compiler_directives={
            "language_level": 3,
            "boundscheck": SANITIZE,
            "wraparound": False,
            "cdivision": True,
            "initializedcheck": SANITIZE,
            "embedsignature": True,
        },
    )


setup(
    options={"build_ext": {"parallel": os.cpu_count() or 1}},
    ext_modules=extensions(),
)
