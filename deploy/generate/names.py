"""Realistic names: a few very frequent ones, a long tail, accents, hyphens and apostrophes."""

from __future__ import annotations

from itertools import accumulate
from random import Random

_FIRST = """
James Mary John Maria David Sarah Michael Anna Robert Emma William Olivia Thomas Sophie Daniel Laura Peter Julia Paul
Linda Mark Susan Andrew Karen Stephen Lisa Christopher Nicole Matthew Jessica Joshua Emily Jack Chloe Oliver Charlotte
Noah Amelia Liam Isla Lucas Mia Ethan Ava Henry Grace Leo Zoe George Ruby Samuel Ella Benjamin Lucy Alexander Hannah
Max José François Chloé Zoë André Renée Jürgen Björn Søren Åsa Łukasz Małgorzata Jiří Zdeněk Tomáš Lucía Sofía Inés
Joaquín Nguyễn Thảo Wei Ling Hiroshi Yuki Priya Arjun Mohammed Fatima Ali Aisha Omar Layla Ivan Olga Dmitri Elena
Marko Ana Luca Giulia Matteo Chiara Hans Greta Pierre Camille João Beatriz Pedro Inês Seán Aoife Niamh Siobhán Owen
Rhys Angus Fiona Anne-Marie Jean-Luc Mary-Jane Karl-Heinz Ana-Sofía Marie-Claire Jo Kim Lee Pat Sam Alex Chris Robin
Jamie Casey Morgan
""".split()  # noqa: SIM905 - easier to read than a list
_LAST = """
Smith Jones Williams Brown Wilson Taylor Johnson White Martin Anderson Thompson Nguyen Thomas Walker Harris Lee Ryan
Robinson Kelly King Davis Wright Evans Roberts Green Hall Wood Jackson Clarke Patel Khan Singh Ali Ahmed Chen Wang Li
Zhang Liu Müller Schmidt Schneider Fischer Weber Meyer Wagner Becker Schäfer Köhler Strauß García Rodríguez González
Fernández López Martínez Sánchez Pérez Gómez Díaz Muñoz Novák Svoboda Dvořák Černý Procházka Kučera Nowak Kowalski
Wiśniewski Wójcik Łukasiewicz Ivanov Petrov Smirnov Rossi Ferrari Russo Bianchi Dubois Moreau Lefèvre Girard Mercier
Hansen Sørensen Ødegård Lindström Åkesson O'Brien O'Connor O'Neill D'Angelo McDonald MacLeod Fitzgerald Murphy Walsh
Silva Santos Oliveira Gonçalves Araújo Tanaka Suzuki Yamamoto Kim Park Choi Tran Pham Haddad Cohen Levy Papadopoulos
Smith-Jones Taylor-Brown García-López van-Dijk Kovács Szabó Nagy Horvat Babić Ionescu Popescu Yılmaz Öztürk Şahin
""".split()  # noqa: SIM905 - easier to read than a list
_BEGINNINGS = """
Al An Ar Bal Bar Bel Ber Bor Bran Bro Cal Car Chan Cor Cran Dal Dar Del Dor Dun El Er Fal Far Fen Fin Gal Gar Gor Gran
Hal Har Hol Ing Jan Jor Kal Kar Kel Kor Lan Lar Lin Lor Mal Mar Mel Mor Nor Ol Or Pal Par Pen Por Ran Ros Sal San Sel
Sor Stan Stor Tal Tar Ter Tor Val Van Ver Vol Wal War Wes Win Wor Yar Zan Zel
""".split()  # noqa: SIM905 - easier to read than a list
_MIDDLES = """
a an ber bo chi da de der di e el en er fi ga ge gi i in ka la le li lo ma me mi mo na ne ni no ra re ri ro
""".split()  # noqa: SIM905 - easier to read than a list
_ENDINGS = """
berg burn by dale den ding don dorf feld field ford gard ham hurst ini ková kin ley lin lund man mann mer mont nell
ner olo ová quist rell ridge rup sen shaw ska ski sky smith son sson stad stein ston stone thorpe ton vale ver vic
ville vist wald ward way well wick wood worth yard
""".split()  # noqa: SIM905 - easier to read than a list
# The share of surnames from the long tail.
_RARE = 0.4


def _weights(names: list[str]) -> list[float]:
    return list(accumulate(1 / (rank + 4) for rank in range(len(names))))


_FIRST_WEIGHTS, _LAST_WEIGHTS = _weights(_FIRST), _weights(_LAST)


def person(rng: Random) -> tuple[str, str]:
    """A first and a last name."""
    first = rng.choices(_FIRST, cum_weights=_FIRST_WEIGHTS)[0]
    if rng.random() < 0.04:
        first += f" {rng.choices(_FIRST, cum_weights=_FIRST_WEIGHTS)[0]}"
    if rng.random() < _RARE:
        return first, rng.choice(_BEGINNINGS) + rng.choice(_MIDDLES) + rng.choice(_ENDINGS)
    return first, rng.choices(_LAST, cum_weights=_LAST_WEIGHTS)[0]
