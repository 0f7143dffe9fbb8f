"""Small data sets of the forms that real ones have, made on disk."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image


def stroke(width: int = 120, height: int = 32, *, at: int = 40, paper: int = 230, ink: int = 20) -> np.ndarray:
    """Paper with one upright stroke of four pixels."""
    image = np.full((height, width), paper, np.uint8)
    image[:, at : at + 4] = ink
    return image


def save(path: Path, image: np.ndarray | None = None) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(stroke() if image is None else image).save(path)
    return path


# the head and rows have the form of IAM's own ascii/lines.txt: id, flag, grey level, components, box, words
IAM_LINES = """#--- lines.txt ---------------------------------------------------------------#
#
# iam database line information
#
a01-000u-00 ok 154 19 408 746 1661 89 A|STEP|to|stop|Mr.|Bright|from
a01-000u-01 err 156 19 395 932 1850 105 naming|any|more|Lords|,|he|said|.
a01-003-00 ok 171 13 408 754 1694 84 Though|they|may|gather|some|"|left-wing|"
b04-010-00 ok 160 9 400 700 1600 90 Nothing|here
"""
IAM_FORMS = """# forms.txt
a01-000u 000 2 prt 7 5 52 36
a01-003 002 2 prt 6 4 50 30
b04-010 007 2 prt 6 4 50 30
"""


def iam_lines(root: Path, *, forms: bool = True, nested: bool = True) -> Path:
    """IAM by lines: ascii/lines.txt and lines/a01/a01-000u/a01-000u-00.png."""
    (root / "ascii").mkdir(parents=True)
    (root / "ascii" / "lines.txt").write_text(IAM_LINES, encoding="utf-8")
    if forms:
        (root / "ascii" / "forms.txt").write_text(IAM_FORMS, encoding="utf-8")
    for number, name in enumerate(("a01-000u-00", "a01-000u-01", "a01-003-00", "b04-010-00")):
        form = name.rpartition("-")[0]
        place = f"{name[:3]}/{form}/{name}.png" if nested else f"{name}.png"
        save(root / "lines" / place, stroke(100 + number))
    return root


IAM_XML = """<?xml version="1.0" encoding="UTF-8"?>
<form created="2000-01-01" height="300" id="a01-000u" version="3.0" width="400" writer-id="000">
  <machine-printed-part><machine-print-line text="A STEP"/></machine-printed-part>
  <handwritten-part>
    <line id="a01-000u-00" segmentation="ok" text="A STEP &amp;quot;now&amp;quot; &amp;amp; then" threshold="154">
      <word id="a01-000u-00-00" tag="AT" text="A">
        <cmp height="20" width="10" x="50" y="100"/>
      </word>
      <word id="a01-000u-00-01" tag="NN" text="STEP">
        <cmp height="25" width="30" x="80" y="98"/><cmp height="5" width="40" x="120" y="110"/>
      </word>
    </line>
    <line id="a01-000u-01" segmentation="err" text="second line" threshold="154">
      <word id="a01-000u-01-00" tag="AT" text="second"><cmp height="40" width="500" x="2" y="250"/></word>
    </line>
    <line id="a01-000u-02" segmentation="ok" text="no words" threshold="154"></line>
  </handwritten-part>
</form>
"""


def iam_forms(root: Path) -> Path:
    """IAM by forms: xml/a01-000u.xml and formsA-D/a01-000u.png."""
    (root / "xml").mkdir(parents=True)
    (root / "xml" / "a01-000u.xml").write_text(IAM_XML, encoding="utf-8")
    (root / "xml" / "z99-000.xml").write_text(IAM_XML.replace("a01-000u", "z99-000"), encoding="utf-8")
    page = np.tile(np.arange(400) % 200, (300, 1)).astype(np.uint8)  # each column has its own grey
    save(root / "formsA-D" / "a01-000u.png", page)
    return root


PAGE = """<?xml version="1.0" encoding="UTF-8" standalone="yes"?>
<PcGts xmlns="http://schema.primaresearch.org/PAGE/gts/pagecontent/2013-07-15">
  <Metadata><Creator>someone</Creator></Metadata>
  <Page imageFilename="{image}" imageWidth="400" imageHeight="300">
    <ReadingOrder><OrderedGroup id="o"><RegionRefIndexed index="0" regionRef="r1"/></OrderedGroup></ReadingOrder>
    <TextRegion id="r1" type="paragraph" custom="readingOrder {{index:0;}}">
      <Coords points="0,0 400,0 400,300 0,300"/>
      <TextLine id="l1" custom="readingOrder {{index:0;}}">
        <Coords points="20,20 220,20 220,60 20,60"/>
        <TextEquiv index="1"><Unicode>worse reading</Unicode></TextEquiv>
        <TextEquiv index="0"><Unicode>first  cafe\u0301 line</Unicode></TextEquiv>
      </TextLine>
      <TextLine id="l2" custom="readingOrder {{index:1;}} structure {{type:heading;}}">
        <Coords points="20,80 120,80 70,140"/>
        <Word id="w1"><TextEquiv><Unicode>two</Unicode></TextEquiv></Word>
        <Word id="w2"><TextEquiv><Unicode>words</Unicode></TextEquiv></Word>
      </TextLine>
      <TextLine id="l3"><Coords points="20,160 320,163 20,166"/><TextEquiv><Unicode>sliver</Unicode></TextEquiv></TextLine>
      <TextLine id="l4"><Coords points="20,170 20,170"/><TextEquiv><Unicode>two corners</Unicode></TextEquiv></TextLine>
      <TextLine id="l5"><Coords points="350,180 500,180 500,220 350,220"/></TextLine>
    </TextRegion>
    <TableRegion id="t1"><TableCell id="c1"><TextLine id="l6">
      <Coords points="20,240 200,240 200,280 20,280"/><TextEquiv><Unicode>in a table</Unicode></TextEquiv>
    </TextLine></TableCell></TableRegion>
  </Page>
</PcGts>
"""  # noqa: E501

ALTO = """<?xml version="1.0" encoding="UTF-8"?>
<alto xmlns="http://www.loc.gov/standards/alto/ns-v4#">
  <Description><MeasurementUnit>pixel</MeasurementUnit>
    <sourceImageInformation><fileName>{image}</fileName></sourceImageInformation></Description>
  <Tags><OtherTag ID="BT1" LABEL="MainZone"/><OtherTag ID="BT2" LABEL="StampZone"/>
    <OtherTag ID="LT1" LABEL="DefaultLine"/></Tags>
  <Layout><Page WIDTH="400" HEIGHT="300" ID="p"><PrintSpace HPOS="0" VPOS="0" WIDTH="400" HEIGHT="300">
    <TextBlock ID="b1" TAGREFS="BT1">
      <TextLine ID="l1" TAGREFS="LT1" HPOS="20" VPOS="20" WIDTH="200" HEIGHT="40">
        <Shape><Polygon POINTS="20 20 220 20 220 60 20 60"/></Shape>
        <String CONTENT="l&#39;heure"/><SP/><String CONTENT="est ve"/><HYP CONTENT="-"/>
      </TextLine>
      <TextLine ID="l2" HPOS="30" VPOS="80" WIDTH="100" HEIGHT="30"><String CONTENT="a box"/></TextLine>
    </TextBlock>
    <TextBlock ID="b2" TAGREFS="BT2">
      <TextLine ID="l3" HPOS="30" VPOS="200" WIDTH="100" HEIGHT="30"><String CONTENT="stamp"/></TextLine>
    </TextBlock>
  </PrintSpace></Page></Layout>
</alto>
"""


def page_picture() -> np.ndarray:
    """300 x 400 with a grey of its own in each column, 200 to 249 for paper, and dark columns from 60 to 69."""
    page = np.tile(200 + np.arange(400) % 50, (300, 1)).astype(np.uint8)
    page[:, 60:70] = 10
    return page


def pages(root: Path, form: str = PAGE, *, name: str = "p1", image: str | None = None) -> Path:
    """A page with its picture."""
    root.mkdir(parents=True, exist_ok=True)
    (root / f"{name}.xml").write_text(form.format(image=image or f"{name}.png"), encoding="utf-8")
    save(root / f"{name}.png", page_picture())
    return root
