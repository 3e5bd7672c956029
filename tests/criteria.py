"""Visitation that says yes."""

from typing import Final

from hub.aggregates.citizen_case.terms import InclusionCriterion

MET: Final = {criterion.value: True for criterion in InclusionCriterion}
