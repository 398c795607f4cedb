"""Photo and verse composed into one picture to share.

>>> from image2poem.card import LAYOUTS, make_card
>>> make_card(photo, "月落乌啼霜满天，江枫渔火对愁眠。", "枫桥夜泊", "张继", "唐").save("card.png")

The way there: `wording` says what is written, `fonts` with what; `typeset` and `block` set it in columns or lines;
`calm` finds where the photo has room; a layout puts all on a `sheet`, and `card` draws that at any size.
"""

from image2poem.card.card import FORMATS, Card
from image2poem.card.make import LAYOUTS, make_card
from image2poem.card.matched import quoted
from image2poem.card.source import Source, find_source
from image2poem.card.wording import Spelling

__all__ = ["FORMATS", "LAYOUTS", "Card", "Source", "Spelling", "find_source", "make_card", "quoted"]
