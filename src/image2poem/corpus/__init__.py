"""The corpus: sources of real poems in, one SQLite file of verses out. Nothing here looks at a photo."""

from image2poem.corpus.build import build_corpus
from image2poem.corpus.facets import Facets
from image2poem.corpus.filters import Filters, mask
from image2poem.corpus.lookup import Line, Lookup, Quote
from image2poem.corpus.progress import Progress
from image2poem.corpus.stats import Stats, render
from image2poem.corpus.store import Corpus, open_corpus

__all__ = [
    "Corpus",
    "Facets",
    "Filters",
    "Line",
    "Lookup",
    "Progress",
    "Quote",
    "Stats",
    "build_corpus",
    "mask",
    "open_corpus",
    "render",
]
