"""Everything a service holds about a customer, as JSON lines or CSV: the same operation in every service.

A service says in which tables it keeps something of customers, each as a `Section`, and serves an `ExportApi`. No
service reads another's tables: whoever answers first names the others, whose exports belong to the same file.
"""

from shared.exports.api import ExportApi
from shared.exports.sections import AUDIT_TRAIL, Section

__all__ = ["AUDIT_TRAIL", "ExportApi", "Section"]
