"""Groups of attributes of a network that has a branch for each: names become positions, each in one group."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from wsegs.datasets.tables.columns import folded, matching_names
from wsegs.errors import DataError, MissingError, OptionError, RuleError
from wsegs.io.files import did_you_mean
from wsegs.io.yaml_source import read_nodes, read_yaml_text

_HELP = "--groups FILE names other groups, wsegs rules groups makes one of a rule file"

# The spellings of table I of Wang, Su & Zhao that differ from CelebA's in more than signs and capitals.
_TABLE = {
    folded(name): usual
    for name, usual in {
        "Receding_Hair": "Receding_Hairline",
        "Bush_Eyebrows": "Bushy_Eyebrows",
        "Over_Face": "Oval_Face",
    }.items()
}


def plan_groups(given: Any, names: Sequence[str]) -> dict[str, list[int]]:
    """Return the positions of the attributes in each group.

    Parameters
    ----------
    given
        Group -> names of attributes, or a YAML file of that.
    names
        The attributes of the training, in their order.

    Raises
    ------
    OptionError
        If a name is no attribute, or an attribute is in no group or in two; if it is no such mapping.
    MissingError, DataError
        If there is no such file, or it is not YAML.
    """
    where = "network: groups"
    if isinstance(given, (str, Path)):
        where, given = str(given), _read(Path(given))
    if not isinstance(given, Mapping) or not all(
        isinstance(group, (list, tuple)) and group for group in given.values()
    ):
        raise OptionError(
            f"{where}: expected group: [attribute, ...], with an attribute or more in each, got {given!r:.60}"
        )
    group_of: dict[str, str] = {}
    groups: dict[str, list[int]] = {}
    for title, members in given.items():
        groups[str(title)] = []
        for member in members:
            name = _attribute(str(member), names)
            if name is None:
                raise OptionError(
                    f"{where}: {title}: '{member}' is none of the {len(names)} attributes"
                    f"{did_you_mean(str(member), tuple(names))}; {_HELP}"
                )
            if name in group_of:
                both = f"twice in '{title}'" if group_of[name] == title else f"in '{group_of[name]}' and '{title}'"
                raise OptionError(f"{where}: expected every attribute in one group, got '{name}' {both}")
            group_of[name] = str(title)
            groups[str(title)].append(list(names).index(name))
    lacking = [name for name in names if name not in group_of]
    if lacking:
        more = f" (and {len(lacking) - 1} more)" if len(lacking) > 1 else ""
        raise OptionError(f"{where}: expected every attribute in one group, got '{lacking[0]}'{more} in none; {_HELP}")
    return groups


def _attribute(name: str, names: Sequence[str]) -> str | None:
    """Return the attribute that a name means, be it in another spelling or that of the paper's table."""
    found = matching_names([name], names)
    usual = _TABLE.get(folded(name), "")
    return found.get(name) or matching_names([usual], names).get(usual)


def _read(file: Path) -> Any:
    if not file.is_file():
        raise MissingError(f"{file}: no such file of groups; {_HELP}")
    try:
        found = read_nodes(read_yaml_text(file, "a file of groups"), str(file), "group: [attribute, ...]").plain()
    except RuleError as error:
        raise DataError(str(error)) from None
    if isinstance(found, Mapping) and "regions" in found:
        raise OptionError(f"{file}: a rule file; wsegs rules groups {file} -o groups.yaml makes groups of it")
    return found
