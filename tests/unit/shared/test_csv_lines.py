"""Lines of CSV read back as they were, and begin no formula."""

import csv
import io

from hypothesis import given
from hypothesis import strategies as st

from shared.csv_lines import csv_line

FORMULA = tuple("=+-@\t\r\n＝＋－＠")
texts = st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"]))


@given(st.lists(texts | st.integers() | st.none(), min_size=2))
def test_a_line_reads_back_without_formulas(cells: list[str | int | None]) -> None:
    (row,) = csv.reader(io.StringIO(csv_line(cells), newline=""))
    for cell, read in zip(cells, row, strict=True):
        if isinstance(cell, str):
            assert not read.startswith(FORMULA)
            assert read == (f"'{cell}" if cell.startswith(FORMULA) else cell)
        else:
            assert read == ("" if cell is None else str(cell))
