"""XMP: dc:description and dc:title of an image, read and written.

What this program writes has all texts of the image in a list of its own, `blip2:texts`, and the
first of them in dc:description, where other programs look: that has room for one text in each
language.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from xml.etree import ElementTree

RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
DC = "http://purl.org/dc/elements/1.1/"
OWN = "urn:blip2-studio:texts#"
META = "adobe:ns:meta/"
LANGUAGE = "{http://www.w3.org/XML/1998/namespace}lang"
OWN_TEXTS = f"{{{OWN}}}texts"
NAMES = {f"{{{DC}}}description": "XMP dc:description", f"{{{DC}}}title": "XMP dc:title"}
MOST_BYTES = 1 << 20
"""Bytes of a packet that is read."""
NOT_XML = re.compile(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""Characters that no XML holds."""
PACKET = '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>{}<?xpacket end="w"?>'
DOCUMENT_TYPE = re.compile(r"<!(DOCTYPE|ENTITY)")
for _prefix, _name in (("x", META), ("blip2", OWN), ("xmp", "http://ns.adobe.com/xap/1.0/")):
    ElementTree.register_namespace(_prefix, _name)


class XmpTexts:
    """The texts of a packet. Raises ValueError where it is no XML, has a document type or is
    longer than `MOST_BYTES`.
    """

    def __init__(self, packet: bytes) -> None:
        root = _parsed(packet)
        self.own = [item.text or "" for one in root.iter(OWN_TEXTS) for item in _items(one)]
        """Those that this program wrote, in order."""
        self.others = list(_others(root))
        """Name, language and text of the others; the language may be empty."""


def xmp_packet(texts: Sequence[str], existing: bytes = b"") -> bytes:
    """Return a packet with these texts, at least one, and all else that was in an existing one.

    Raises ValueError where the existing one cannot be read.
    """
    root = _parsed(existing) if existing else ElementTree.Element(f"{{{META}}}xmpmeta")
    rdf = next(root.iter(f"{{{RDF}}}RDF"), None)
    if rdf is None:
        rdf = ElementTree.SubElement(root, f"{{{RDF}}}RDF")
    description = f"{{{DC}}}description"
    for block in list(rdf):
        block.attrib.pop(description, None)
        for old in [*block.findall(description), *block.findall(OWN_TEXTS)]:
            block.remove(old)
        if not len(block) and set(block.keys()) <= {f"{{{RDF}}}about"}:
            rdf.remove(block)
    block = ElementTree.SubElement(rdf, f"{{{RDF}}}Description", {f"{{{RDF}}}about": ""})
    _add(block, description, "Alt", texts[:1], {LANGUAGE: "x-default"})
    _add(block, OWN_TEXTS, "Seq", texts, {})
    try:
        return PACKET.format(ElementTree.tostring(root, encoding="unicode")).encode()
    except RecursionError as error:
        raise ValueError("the packet is nested too deeply") from error


def _parsed(packet: bytes) -> ElementTree.Element:
    """Return the root of a packet. As text without a document type it can declare no entities."""
    if len(packet) > MOST_BYTES:
        raise ValueError("the packet is too long")
    is_utf_16 = packet[:2] in (b"\xff\xfe", b"\xfe\xff")
    text = packet.decode("utf-16" if is_utf_16 else "utf-8-sig", "replace").strip("\0 \t\r\n\ufeff")
    if DOCUMENT_TYPE.search(text):
        raise ValueError("the packet has a document type")
    try:
        return ElementTree.fromstring(text)  # noqa: S314 - see above
    except ElementTree.ParseError as error:
        raise ValueError("the packet is no XML") from error


def _others(root: ElementTree.Element) -> Iterator[tuple[str, str, str]]:
    for one in root.iter():
        if one.tag in NAMES:
            items = _items(one)
            for item in items or [one]:
                yield NAMES[one.tag], item.get(LANGUAGE, ""), item.text or ""
        elif one.tag == f"{{{RDF}}}Description":
            yield from ((NAMES[name], "", text) for name, text in one.items() if name in NAMES)


def _items(one: ElementTree.Element) -> list[ElementTree.Element]:
    """Return the entries of the list in a property; deeper ones, which are none, are not sought."""
    return [item for several in one for item in several if item.tag == f"{{{RDF}}}li"]


def _add(
    block: ElementTree.Element, name: str, kind: str, texts: Iterable[str], about: dict[str, str]
) -> None:
    several = ElementTree.SubElement(ElementTree.SubElement(block, name), f"{{{RDF}}}{kind}")
    for text in texts:
        ElementTree.SubElement(several, f"{{{RDF}}}li", about).text = text
