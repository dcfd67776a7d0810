"""The models: data and priors, with the group effects integrated out."""

from pyhier.models.normal_normal import NormalNormal
from pyhier.models.protocol import Model

__all__ = ["Model", "NormalNormal"]
