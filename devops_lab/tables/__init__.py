"""Every stored table: its columns, types, key and one sentence.  DDL, row check and data dictionary in one.

Types: ``text``, ``integer`` (64 bit), ``number`` (double), ``boolean``, ``instant`` (naive UTC microseconds).
Lists are text with spaces between (as git prints parents), so that CSV, Spark and DuckDB read the same thing.

A column says what the lab must know to keep its promises:

* ``required``   null is refused by the row check;
* ``personal``   a person's login or name: the privacy setting is applied when the row is written;
* ``free``       text people typed: e-mail addresses, and the row's own people, are taken out when it is written;
* ``known``      the instant column from which this value is known: before it, a question ``as_of`` sees null.

``born`` names the instant from which a row exists for a question ``as_of``; rows without one always exist.
`FORMAT` grows when a lab of before would misread the store: other meanings, not more columns.
Every row also has ``source`` (who said so) and ``fetched_at`` (when its content last changed).
"""

from devops_lab.tables import build, code, derived, lab, monitor, operate, plan, release, test
from devops_lab.tables.shape import TYPES, Column, Table

_MODULES = (lab, plan, code, build, test, release, operate, monitor, derived)
TABLES: dict[str, Table] = {one.name: one for module in _MODULES for one in module.TABLES}

FORMAT = 1

__all__ = ["FORMAT", "TABLES", "TYPES", "Column", "Table"]
