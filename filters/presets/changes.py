"""Changes of presets: other bounds for all documents, for those of a language, for those of a source.

A preset's definition stays what it is under its name: a change is the configuration's, and the bound in force stands in the ledger beside
the verdict. The most specific wins: source, then language, then all; below them the preset's own bounds for a language, then its others.
"""

from __future__ import annotations

import difflib
import math
from collections.abc import Iterable, Mapping
from dataclasses import replace

from filters.presets import Bound, Preset

Change = float | None | Mapping[str, float | None]
"""A number takes the place of the one side that the bound has; None takes the bound out; a mapping of `at_least` and `at_most` changes
the sides that it names (None: no such side) and leaves the other."""
Changes = Mapping[str, Change]
"""By signal."""


def family(preset: str) -> str:
    """`gopher` of `gopher@2021`."""
    return preset.partition("@")[0]


def nearest(name: str, known: Iterable[str]) -> str:
    """` (did you mean 'words'?)`, or nothing where no name is near."""
    near = difflib.get_close_matches(name, sorted(known), n=1)
    return f" (did you mean {near[0]!r}?)" if near else ""


def of_preset(changes: Mapping[str, Changes], preset: str) -> Changes:
    """What concerns one preset: changes under its family, and over them those under its full name."""
    return {**changes.get(family(preset), {}), **changes.get(preset, {})}


def changed_bound(bound: Bound | None, signal: str, change: Change, bounded: Iterable[str] = ()) -> Bound | None:
    """A bound after a change; None where none is left.

    Args:
        bound: the one in force; None: the preset does not bound the signal.
        signal: its name.
        change: as `Change` says.
        bounded: signals that the preset does bound, for the error.

    Raises:
        ValueError: a number where there is no bound or one of two sides, or `at_least` above `at_most`.
    """
    if change is None:
        return None
    if isinstance(change, Mapping):
        at_least = change.get("at_least", bound.at_least if bound else None)
        at_most = change.get("at_most", bound.at_most if bound else None)
    elif bound is None:
        raise ValueError(f"{signal!r} has no bound that {change:g} could replace{nearest(signal, bounded)}; give at_least or at_most")
    elif bound.at_least is not None and bound.at_most is not None:
        both = " and ".join(words(bound))
        raise ValueError(f"{signal!r} is bound on both sides ({both}); give at_least or at_most, not {change:g} alone")
    else:
        at_least, at_most = (change, None) if bound.at_least is not None else (None, change)
    if at_least is None and at_most is None:
        return None
    if at_least is not None and at_most is not None and at_least > at_most:
        raise ValueError(f"{signal!r} would have to be at least {at_least:g} and at most {at_most:g}, which no document is")
    return Bound(signal, at_least, at_most)


def changed(preset: Preset, everywhere: Changes, languages: Mapping[str, Changes], source: Changes) -> Preset:
    """The preset in force where these changes are configured, under the same name.

    Args:
        preset: as shipped.
        everywhere: for all documents, and so of the preset's own bounds for a language too.
        languages: by language, over `everywhere`.
        source: over both.

    Raises:
        ValueError: as `changed_bound`.
    """
    bounds = {bound.signal: bound for bound in preset.bounds}
    by_language = {language: {bound.signal: bound for bound in own} for language, own in preset.languages.items()}
    _change_all(bounds, by_language, everywhere)
    for language, changes in languages.items():
        own = by_language.setdefault(language, {})
        for signal, change in changes.items():
            bound = changed_bound(own.get(signal, bounds.get(signal)), signal, change, bounds)
            if bound is not None or signal in bounds:
                own[signal] = bound or Bound(signal, at_least=-math.inf)
            else:
                own.pop(signal, None)
    _change_all(bounds, by_language, source)
    ordered = {language: tuple(own.values()) for language, own in by_language.items() if own}
    return replace(preset, bounds=tuple(bounds.values()), languages=ordered)


def _change_all(bounds: dict[str, Bound], by_language: Mapping[str, dict[str, Bound]], changes: Changes) -> None:
    """Change the bounds of a signal wherever it has one; a signal that has none gets it for all."""
    for signal, change in changes.items():
        only_by_language = signal not in bounds and any(signal in own for own in by_language.values())
        if not (only_by_language and isinstance(change, int | float)):
            bound = changed_bound(bounds.get(signal), signal, change, bounds)
            if bound is None:
                bounds.pop(signal, None)
            else:
                bounds[signal] = bound
        for own in by_language.values():
            if signal in own and is_no_bound(own[signal]):
                del own[signal]
            elif signal in own:
                bound = changed_bound(own[signal], signal, change)
                if bound is None:
                    del own[signal]
                else:
                    own[signal] = bound


def is_no_bound(bound: Bound) -> bool:
    """Whether a bound takes the preset's other bound of that signal out for a language: it is above minus infinity."""
    return bound.at_least == -math.inf and bound.at_most is None


def words(bound: Bound) -> tuple[str, ...]:
    """A bound as the ledger writes it, a text for each side: `>= 50`, `<= 100000`."""
    sides = ((">=", bound.at_least), ("<=", bound.at_most))
    return tuple(f"{sign} {limit:.10g}" for sign, limit in sides if limit is not None and not math.isinf(limit))
