"""What the scanner knows about HTML elements, attributes and class names: tables that its kernels index.

Which elements break a line, are void, hold raw text or close others by beginning: HTML Living Standard, sections 13.1.2, 13.2.6 and 15.3.
"""

# A kernel takes its types from numba.
# mypy: disable-error-code="no-any-return, no-untyped-def, return-value"

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from filters.kernel import kernel

# Properties of an element, as bits of FLAGS.
BLOCK, VOID, RAW, SKIPPED, CLOSES_PARAGRAPH, SCOPE, HEADING, PREFORMATTED, BOLD, HIDING = (1 << bit for bit in range(10))


def _names(text: str) -> list[str]:
    return text.split()


_BLOCKS = _names(
    "address article aside blockquote body caption center col colgroup dd details dialog dir div dl dt fieldset figcaption figure "
    "footer form h1 h2 h3 h4 h5 h6 head header hgroup hr html legend li listing main menu nav ol optgroup option p plaintext pre "
    "search section summary table tbody td tfoot th thead title tr ul xmp"
)
_VOID = _names("area base basefont bgsound br col embed frame hr img input keygen link meta param source track wbr")
_RAW = _names("script style textarea title iframe noembed noframes xmp")
# Their text is no text of the page: code, alternatives to what is shown, choices of a form, drawings.
_SKIPPED = _names("script style textarea title iframe noembed noframes svg math select datalist")
# So is theirs, but what stands in them is parsed, and a page that forgets their end tags goes on after the element around them.
_HIDING = _names("noscript template")
_CLOSES_PARAGRAPH = _names(
    "address article aside blockquote center dd details dialog dir div dl dt fieldset figcaption figure footer form h1 h2 h3 h4 h5 h6 "
    "header hgroup hr li listing main menu nav ol p plaintext pre search section summary table ul xmp"
)
# An end tag, or the begin of a list item, does not reach out of these.
_SCOPE = _names("td th table caption html body button applet marquee object template")
_BOLD = _names("b strong")
_INLINE = _names(
    "a abbr b bdi bdo big button cite code del em font i ins kbd label mark picture q s samp small span strong sub sup time tt u var "
    "video audio canvas object"
)
# Inside a drawing or formula, HTML may stand in these.
_INTEGRATION = _names("foreignobject annotation-xml")
_HEADINGS = ("h1", "h2", "h3", "h4", "h5", "h6")
_PREFORMATTED = ("pre", "listing", "xmp", "textarea", "plaintext")

TAGS: tuple[str, ...] = ("", *sorted({*_BLOCKS, *_VOID, *_RAW, *_SKIPPED, *_HIDING, *_INLINE, *_SCOPE, *_INTEGRATION}))
"""Names by number; 0 is every element that is not named here."""
NUMBER = {name: number for number, name in enumerate(TAGS)}
assert len(TAGS) < 128

FLAGS = np.zeros(len(TAGS), np.uint16)
for _members, _bit in (
    (_BLOCKS, BLOCK),
    (_VOID, VOID),
    (_RAW, RAW),
    (_SKIPPED, SKIPPED),
    (_CLOSES_PARAGRAPH, CLOSES_PARAGRAPH),
    (_SCOPE, SCOPE),
    (_HEADINGS, HEADING),
    (_PREFORMATTED, PREFORMATTED),
    (_BOLD, BOLD),
    (_HIDING, HIDING),
):
    for _name in _members:
        FLAGS[NUMBER[_name]] |= _bit

LONGEST_NAME = 16
_OFFSET, _PRIME, _MASK = 0xCBF29CE484222325, 0x100000001B3, (1 << 64) - 1


def hashed(name: bytes) -> int:
    """FNV-1a of 64 bits, as the scanner computes it byte by byte."""
    value = _OFFSET
    for byte in name:
        value = ((value ^ byte) * _PRIME) & _MASK
    return value


def hash_table(names: dict[str, int], size: int) -> tuple[npt.NDArray[np.uint64], npt.NDArray[np.uint8]]:
    """Open addressing by the low bits of `hashed`: keys (0: free) and values."""
    keys, values = np.zeros(size, np.uint64), np.zeros(size, np.uint8)
    for name, value in names.items():
        at = hashed(name.encode()) & (size - 1)
        while keys[at]:
            at = (at + 1) & (size - 1)
        keys[at], values[at] = hashed(name.encode()), value
    return keys, values


@kernel
def looked_up(key, keys, values) -> int:
    """Value of a key in such a table, 0 where it is not."""
    mask = np.uint64(len(keys) - 1)
    slot = key & mask
    while keys[slot] != np.uint64(0):
        if keys[slot] == key:
            return np.int64(values[slot])
        slot = (slot + np.uint64(1)) & mask
    return 0


TAG_KEYS, TAG_VALUES = hash_table({name: number for name, number in NUMBER.items() if name}, 1024)

# What an attribute is for.
CLASS, ID, ROLE, PROPERTY, HIDDEN, STYLE, HREF, CONTENT, NAME, TYPE, LANG, MOMENT = range(1, 13)
ATTRIBUTE_KEYS, ATTRIBUTE_VALUES = hash_table(
    {
        "class": CLASS, "id": ID, "role": ROLE, "itemprop": PROPERTY, "property": PROPERTY, "hidden": HIDDEN, "style": STYLE, "href": HREF,
        "content": CONTENT, "name": NAME, "http-equiv": NAME, "type": TYPE, "lang": LANG, "xml:lang": LANG, "datetime": MOMENT,
    },
    64,
)  # fmt: skip

# What a page states about itself, as kinds of the scanner's `facts`.
TITLE, OPEN_GRAPH_TITLE, DATE, AUTHOR, LANGUAGE, LINKED_DATA, TIME, ROBOTS, RESERVATION = range(1, 10)
META_KEYS, META_VALUES = hash_table(
    {
        "og:title": OPEN_GRAPH_TITLE,
        "article:published_time": DATE, "datepublished": DATE, "dc.date": DATE, "dcterms.created": DATE, "dcterms.date": DATE, "date": DATE,
        "pubdate": DATE, "dc.date.issued": DATE, "citation_publication_date": DATE, "parsely-pub-date": DATE,
        "author": AUTHOR, "dc.creator": AUTHOR, "dcterms.creator": AUTHOR, "citation_author": AUTHOR, "parsely-author": AUTHOR,
        "article:author": AUTHOR,
        "robots": ROBOTS, "curate": ROBOTS, "tdm-reservation": RESERVATION,
        "content-language": LANGUAGE, "og:locale": LANGUAGE, "dc.language": LANGUAGE,
    },
    128,
)  # fmt: skip

# Families of words in class, id, role and itemprop. A word with "_" at an end is looked for at that end of a part of the name only; a part
# ends at every character that is no letter, and before a capital that follows a small letter.
FAMILIES: dict[str, str] = {
    "comment": "comment _reply disqus discuss respond kommentar opinions_ feedback remark",
    "footer": "footer _foot_ colophon copyright imprint bottom fuss",
    "navigation": "_nav_ navi menu breadcrumb pagination _pager_ _tabs_ crumb _toc_ skip navbar topbar pathway",
    "sidebar": "sidebar _side_ aside _rail_ widget _column_ sidecol secondary complementary leiste",
    "share": "share sharing social twitter facebook whatsapp pinterest _like_ addthis follow",
    "related": "related recommend similar _more_ teaser _also_ trending popular latest suggest outbrain taboola promo readnext",
    "article": "article _post_ _posts_ _entry content _story_ storybody _text_ articlebody _main_ _body_ blog artikel inhalt prose",
    "advertisement": "_ad_ _ads_ advert banner sponsor _dfp_ adsense anzeige werbung affiliate billboard commercial",
    "header": "header masthead _head_ _top_ _logo_ branding",
    "meta": "_meta_ byline author _date_ _time_ timestamp posted publish dateline _tags_ _tag_ categor _info_ datum autor",
    "caption": "caption credit figure _image_ gallery _photo_ picture bildunter slideshow carousel",
    "cookie": "cookie consent gdpr privacy _cmp_ datenschutz overlay modal popup lightbox",
    "newsletter": "newsletter subscri signup abonn register _login_ paywall premium _mail_ email",
    "hidden": "hidden hide _sr_ invisible screen_reader visually noprint _none_ collaps offscreen",
    "title": "title headline _hed_ heading titel ueberschrift subtitle",
    "summary": "summary abstract _lead_ intro teasertext _dek_ standfirst excerpt vorspann description",
    "product": "product price _cart_ _shop_ rating review _buy_ warenkorb basket checkout stock_",
    "list": "_list_ _item_ _items_ listing _card_ _cards_ _grid_ archive index_ result",
    "print": "print _tool_ tools_ toolbar button _btn_ _icon_ control action_ _edit_",
    "forum": "forum thread topic _message_ postbody _quote_ signature _user_ profile avatar answer question _qa_",
}

_LETTERS = 27


def _automaton() -> tuple[npt.NDArray[np.int16], npt.NDArray[np.uint32]]:
    """Aho-Corasick over the words of all families: next state by state and symbol (0 a boundary, 1 to 26 letters), families by state."""
    children: list[dict[int, int]] = [{}]
    found = [0]
    for bit, words in enumerate(FAMILIES.values()):
        for word in words.split():
            state = 0
            for letter in word:
                symbol = 0 if letter == "_" else ord(letter) - 96
                if symbol not in children[state]:
                    children[state][symbol] = len(children)
                    children.append({})
                    found.append(0)
                state = children[state][symbol]
            found[state] |= 1 << bit
    following = np.zeros((len(children), _LETTERS), np.int16)
    failure = [0] * len(children)
    queue = [0]
    for state in queue:
        for symbol in range(_LETTERS):
            child = children[state].get(symbol)
            fall = 0 if state == 0 else int(following[failure[state], symbol])
            if child is None:
                following[state, symbol] = fall
            else:
                following[state, symbol] = child
                failure[child] = fall
                found[child] |= found[fall]
                queue.append(child)
    return following, np.array(found, np.uint32)


LEXICON_NEXT, LEXICON_FOUND = _automaton()
