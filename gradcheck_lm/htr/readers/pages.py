"""Pages of PAGE-XML or ALTO with their pictures, as lines: cut out along their outlines when they are asked for."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable
from pathlib import Path, PurePosixPath, PureWindowsPath

from gradcheck_lm.errors import DataError
from gradcheck_lm.htr.images import check_head
from gradcheck_lm.htr.lines import SUFFIXES, Line, LineSet
from gradcheck_lm.htr.paths import exists, in_order, inside
from gradcheck_lm.htr.readers.crops import SLIVER, Crop, Polygon, fit, thickness
from gradcheck_lm.htr.readers.page_xml import ROOTS, PageLine, read_page
from gradcheck_lm.htr.readers.xml import root_name

_STRETCH = 0.02  # how much a picture's shape may differ from the XML's page: more is another picture


def find_pages(folder: str | Path) -> list[Path]:
    """The PAGE-XML and ALTO files below a folder, in order.

    Where page/ and alto/ stand side by side with files of one name, as exports have them, the ALTO twin is left out.
    """
    files = []
    for file in in_order(Path(folder).rglob("*.xml")):
        if not file.is_file():
            continue
        root = root_name(file)
        if root in ROOTS:
            files.append(file)
        elif not root and any(exists(file.with_suffix(suffix)) for suffix in SUFFIXES):
            # passed over, its page would be read as one line
            raise DataError(
                f"{file} stands beside a picture and begins with no XML element (it has {file.stat().st_size} bytes): "
                f"fetch it again, or take it away"
            )
    paged = {(file.parent.parent, file.name) for file in files if file.parent.name == "page"}
    return [file for file in files if file.parent.name != "alto" or (file.parent.parent, file.name) not in paged]


def read_pages(source: str | Path | Iterable[Path], *, tags: Collection[str] = ()) -> LineSet:
    """The lines of PAGE-XML or ALTO files, or of all below a folder.

    An outline becomes a cut-out with paper around it. Lines that are slivers (thinner than 8 pixels on average) and
    pages without a picture are left out, and the set's `notes` count and name them. A picture stands beside its XML or
    in the folder above; only the last part of its name in the XML counts, so no name leads out of the folder.

    Args:
        source: a folder, a file, or files.
        tags: keep lines that have one of these tags, their own or their region's; a tag with "!" before it leaves
            lines out instead. Empty: all lines.
    Returns:
        Lines whose text is None where the page has no transcript for them; `hand` is the page.
    Raises:
        DataError: no pages, a picture that is another one (its shape differs), or no line left.
    """
    if isinstance(source, str | Path):
        files = find_pages(source) if Path(source).is_dir() else [Path(source)]
        root, said = (Path(source) if Path(source).is_dir() else Path(source).parent), str(source)
    else:
        files = [Path(file) for file in source]
        root, said = None, f"{len(files)} pages"
    if not files:
        raise DataError(f"{said} holds no PAGE-XML or ALTO files (*.xml whose first element is {' or '.join(ROOTS)})")
    lines: list[Line] = []
    slivers: list[str] = []
    missing: list[str] = []
    seen: Counter[str] = Counter()
    stems = Counter(file.stem for file in files)
    for file in files:
        page = read_page(file)
        picture = _picture(file, page.image, root or file.parent)
        if picture is None:
            missing.append(f"{file.name} ({page.image or 'names none'})")
            continue
        size = check_head(picture, str(file))
        scale = _scale(page.size, size, file, picture)
        for line in page.lines:
            seen.update(set(line.tags))
            if not _kept(line, tags):
                continue
            # pages of several documents may share a name: then their folder tells them apart
            name = file.stem if stems[file.stem] == 1 else f"{file.parent.name}/{file.stem}"
            crop = _crop(line, picture, size, scale, f"{name} {line.name}")
            if crop is None:
                slivers.append(f"{name} {line.name}")
            else:
                lines.append(Line(crop, line.text, crop.name, file.stem))
    notes = [_note(missing, "pages have no picture"), _note(slivers, f"lines are slivers under {SLIVER:.0f} pixels")]
    kept = [note for note in notes if note]
    if not lines:
        there = f"; tags there: {', '.join(sorted(seen)) or 'none'}" if tags else ""
        raise DataError(f"{said} gives no lines from {len(files)} pages ({'; '.join(kept) or 'none fit'}{there})")
    return LineSet(lines, source=said, notes=kept)


def _kept(line: PageLine, tags: Collection[str]) -> bool:
    wanted = {tag for tag in tags if not tag.startswith("!")}
    unwanted = {tag[1:] for tag in tags if tag.startswith("!")}
    return not unwanted & set(line.tags) and (not wanted or bool(wanted & set(line.tags)))


def _crop(line: PageLine, picture: Path, size: tuple[int, int], scale: tuple[float, float], name: str) -> Crop | None:
    """The line's cut-out, or None for a sliver."""
    polygon: Polygon = tuple((x * scale[1], y * scale[0]) for x, y in line.polygon)
    if len(set(polygon)) < 3:
        return None
    box = fit(polygon, size)
    if thickness(polygon, box) < SLIVER:
        return None
    return Crop(picture, box, polygon, name)


def _scale(said: tuple[float, float] | None, size: tuple[int, int], file: Path, picture: Path) -> tuple[float, float]:
    """Pixels for a unit of the XML, down and across: pictures come in smaller copies, ALTO in tenths of millimetres."""
    if said is None or min(said) <= 0:
        return 1.0, 1.0
    down, across = size[0] / said[0], size[1] / said[1]
    if not abs(down / across - 1) <= _STRETCH:
        raise DataError(
            f"{file} speaks of a page of {said[1]:g} x {said[0]:g}, but {picture.name} has {size[1]} x {size[0]} "
            f"pixels, another shape: put the picture there that the lines were drawn on"
        )
    return down, across


def _picture(file: Path, name: str, root: Path) -> Path | None:
    """The page's picture: beside the XML or in the folder above, by its name in the XML or by the XML's own."""
    last = PureWindowsPath(PurePosixPath(name.replace("file://", "")).name).name
    names = [last] if last not in ("", ".", "..") else []
    names += [file.stem + suffix for suffix in SUFFIXES]
    folders = [file.parent]
    if file.parent.resolve() != root.resolve() and file.parent.resolve().is_relative_to(root.resolve()):
        folders.append(file.parent.parent)
    for candidate in names:
        for folder in folders:
            path = inside(folder, candidate, str(file))
            if exists(path):
                return path
    return None


def _note(names: list[str], what: str) -> str:
    more = f" and {len(names) - 8} more" if len(names) > 8 else ""
    return f"{len(names)} {what} and were left out: {', '.join(names[:8])}{more}" if names else ""
