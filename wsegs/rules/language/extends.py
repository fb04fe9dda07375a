"""``extends:``: merge a rule file into the one that it changes."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path

from ruamel.yaml import YAML

from wsegs.errors import RuleError
from wsegs.io.files import did_you_mean, shipped_folder
from wsegs.io.yaml_source import Node, read_nodes, read_yaml_text
from wsegs.rules.language.model_errors import SECTIONS

MAX_FILES = 8


def merge_extended(root: Node, folder: Path | None) -> Node:
    """Return a file merged with those that it extends.

    Entries of ``parameters``, ``regions`` and ``attributes`` replace those of the same name where these stand; new
    ones are appended; an entry without a value (``ears: ~``) is removed. All other keys are replaced.

    Parameters
    ----------
    root
        The file.
    folder
        Where it lies: a path that it extends is relative to that. None: only shipped files can be named.

    Raises
    ------
    RuleError
        If a file is not there, is no rule file, or extends itself.
    """
    chain, names = [_with_scheme(root, folder)], []
    while isinstance(chain[-1].value, dict) and "extends" in chain[-1].value:
        node = chain[-1].value["extends"]
        if not isinstance(node.value, str):
            raise node.error("expected the name of a shipped rule file or a path")
        path = _find(node, folder)
        if path.resolve() in names or len(chain) >= MAX_FILES:
            raise node.error(f"expected a chain of at most {MAX_FILES} files that does not come back to one of them")
        names.append(path.resolve())
        try:
            chain.append(_with_scheme(read_nodes(read_yaml_text(path, "a rule file"), _shown(path, node)), path.parent))
        except RuleError as error:
            raise node.error(f"cannot be extended: {error}") from None
        folder = path.parent
    merged = chain[-1]
    for node in reversed(chain[:-1]):
        merged = _merged(merged, node)
    return merged


def _with_scheme(root: Node, folder: Path | None) -> Node:
    """Return a file with the scheme file that it names, if it does, in the name's place."""
    node = root.child("scheme")
    if node is root or not isinstance(node.value, str) or not node.value.lower().endswith((".yaml", ".yml")):
        return root
    path = None if folder is None or Path(node.value).is_absolute() else folder / node.value
    if path is None or not _is_file(path):
        raise node.error(f"expected a scheme file beside this one, and there is no '{node.value[:60]}'")
    scheme = read_nodes(read_yaml_text(path, "a rule file"), str(Path(root.source).parent / node.value))
    return replace(root, value={**root.value, "scheme": scheme})


def _find(node: Node, folder: Path | None) -> Path:
    """Return the file that ``extends:`` names: beside the file first, then shipped. No absolute path: files move."""
    name: str = node.value
    shipped = shipped_folder("rules") / f"{Path(name).stem}.yaml"
    relative = name.lower().endswith((".yaml", ".yml")) and not Path(name).is_absolute()
    if folder is not None and relative and _is_file(folder / name):
        return folder / name
    if name in (shipped.stem, shipped.name) and _is_file(shipped):
        return shipped
    known = sorted(path.stem for path in shipped_folder("rules").glob("*.yaml"))
    raise node.error(
        f"'{name[:60]}' is neither a YAML file beside this one nor a shipped one{did_you_mean(name, known)}"
    )


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except (OSError, ValueError):
        return False  # a name that no file can have


def _shown(path: Path, node: Node) -> str:
    """Return the path as messages show it: from where the extending file was named."""
    return str(Path(node.source).parent / node.value) if node.value.endswith((".yaml", ".yml")) else path.stem


def _merged(base: Node, changes: Node) -> Node:
    if not isinstance(base.value, dict):
        return base
    value, keys = dict(base.value), dict(base.keys)
    for key, node in changes.value.items():
        if key == "extends":
            continue
        if key in SECTIONS and isinstance(node.value, dict) and isinstance(value.get(key, node).value, dict):
            node = _merged_entries(value.get(key, node), node)
        value[key], keys[key] = node, changes.keys[key]
    return replace(changes, value=value, keys=keys)


def _merged_entries(base: Node, changes: Node) -> Node:
    if base is changes:
        return changes
    removed = {key for key, node in changes.value.items() if node.value is None}
    for key in removed:
        if key not in base.value:
            raise changes.keys[key].error(f"'{key}' is to be removed, but the file that this extends has none")
    # A new entry goes before the next one that is replaced, so that a replaced parameter may use it.
    value: dict[str, Node] = {}
    waiting: list[str] = []
    before: dict[str, list[str]] = {}
    for key in changes.value:
        if key in base.value:
            before[key], waiting = waiting, []
        else:
            waiting.append(key)
    for key, node in base.value.items():
        value.update((new, changes.value[new]) for new in before.get(key, ()))
        if key not in removed:
            value[key] = changes.value.get(key, node)
    value.update((new, changes.value[new]) for new in waiting)
    return replace(changes, value=value, keys={key: {**base.keys, **changes.keys}[key] for key in value})


def as_text(root: Node) -> str:
    """Return a merged file as YAML text, for stores, which must not depend on other files."""
    stream = io.StringIO()
    writer = YAML(typ="safe", pure=True)
    writer.default_flow_style = None
    writer.width = 120
    writer.sort_base_mapping_type_on_output = False  # type: ignore[assignment]
    writer.dump(root.plain(), stream)
    return stream.getvalue()
