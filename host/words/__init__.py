"""What the host itself says to people, and in which languages (docs/adr/0038).

A sentence is marked where it stands, with its values by name, and told in the language of the place it goes to:

    say("I paused {tasks}: {owner} is gone.", tasks=title, owner=name).told("de")
"""

from host.words.catalogues import ENGLISH, Catalogue, catalogue, languages, mark, spoken
from host.words.figures import called
from host.words.sentences import (
    Sentence,
    Value,
    alternatives,
    as_it_is,
    clauses,
    decimal,
    dollars,
    explained,
    joined,
    known,
    laid_out,
    listed,
    many,
    number,
    say,
    told,
)
from host.words.times import length, moment, recurring, reread

__all__ = [
    "ENGLISH",
    "Catalogue",
    "Sentence",
    "Value",
    "alternatives",
    "as_it_is",
    "called",
    "catalogue",
    "clauses",
    "decimal",
    "dollars",
    "explained",
    "joined",
    "known",
    "laid_out",
    "languages",
    "length",
    "listed",
    "many",
    "mark",
    "moment",
    "number",
    "recurring",
    "reread",
    "say",
    "spoken",
    "told",
]
