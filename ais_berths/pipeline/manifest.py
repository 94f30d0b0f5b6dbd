"""The manifest of inputs: which files a folder has read, so that they need not be opened again.

A file is identified by its path, its size, and its entity tag or time of last change. A change that leaves
all of these as they were is not noticed.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from ais_berths.errors import InputError
from ais_berths.feeds.files import hash_file
from ais_berths.feeds.mapping import list_names
from ais_berths.pipeline.job import write_text
from ais_berths.pipeline.layout import chunks_of, forget, read_records
from ais_berths.pipeline.scan import chunk_id
from ais_berths.redact import redact_urls
from ais_berths.tables import whole

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ais_berths.feeds import Chunk, InputFile
    from ais_berths.pipeline.job import Store
    from ais_berths.pipeline.layout import Record

Manifest = dict[str, dict[str, Any]]


def unread_files(store: Store, files: Sequence[InputFile]) -> list[InputFile]:
    """Files that are new, have changed, or of which a killed run has not read every chunk."""
    manifest = _read(store)
    begun = _begun(manifest, read_records(store))
    known = {path: entry["fingerprint"] for path, entry in manifest.items() if path not in begun}
    return [file for file in files if known.get(redact_urls(file.path)) != file.fingerprint]


def drop_begun(store: Store, files: Sequence[InputFile]) -> list[str]:
    """Take out files of which a run that was broken off read only a part, but for those in `files`.

    What was read of them is dropped by `note_files`.

    Returns
    -------
    Paths of these files.
    """
    manifest, records = _read(store), read_records(store)
    named = {redact_urls(file.path) for file in files}
    begun = [path for path in _begun(manifest, records) if path not in named]
    if begun:
        left = {path: entry for path, entry in manifest.items() if path not in begun}
        write_text(store.manifest, json.dumps(left, indent=1))
    return begun


def check_read(store: Store, records: Sequence[Record]) -> None:
    """Raise where a part of a file was not read: what is made of the others would not tell.

    Raises
    ------
    InputError
        Naming some of these files.
    """
    manifest = _read(store)
    strange = {chunk["input"] for chunk in chunks_of(records)} - manifest.keys()
    if found := sorted({*_begun(manifest, records), *strange}):
        raise InputError(
            f"{store.out} does not hold all of {list_names(found, 3)}, perhaps as a run was broken off; run "
            "its command again, or begin again with `ais-berths detect --overwrite`"
        )


def _begun(manifest: Manifest, records: Sequence[Record]) -> list[str]:
    """Files of which not every chunk was read."""
    known = {chunk["id"] for chunk in chunks_of(records)}
    return [path for path, entry in manifest.items() if not known.issuperset(entry["chunks"])]


def note_files(store: Store, files: Sequence[InputFile], chunks: Sequence[Chunk]) -> list[Chunk]:
    """Enter files with all their chunks, and drop what was read of older versions or in other chunks.

    Returns
    -------
    Chunks that are still to be read.
    """
    manifest = _read(store)
    for file in files:
        manifest[redact_urls(file.path)] = {"fingerprint": file.fingerprint, "chunks": []}
    for chunk in chunks:
        manifest[redact_urls(chunk.path)]["chunks"].append(chunk_id(chunk))
    records = read_records(store)
    valid = {path: set(entry["chunks"]) for path, entry in manifest.items()}
    gone = {chunk["id"] for chunk in chunks_of(records) if chunk["id"] not in valid.get(chunk["input"], ())}
    forget(store, records, gone)
    write_text(store.manifest, json.dumps(manifest, indent=1))
    known = {chunk["id"] for chunk in chunks_of(records)} - gone
    return [chunk for chunk in chunks if chunk_id(chunk) not in known]


def count_chunks(store: Store, files: Sequence[InputFile]) -> int:
    """Count the chunks of some files of the manifest."""
    manifest = _read(store)
    return sum(len(manifest[redact_urls(file.path)]["chunks"]) for file in files)


def hash_inputs(store: Store, *, missing: bool) -> dict[str, str]:
    """SHA-256 of the input files, by path as in the records of chunks.

    Parameters
    ----------
    store
        The folder.
    missing
        Whether files without a hash are read for it. Those that have changed since, and URLs, stay without.
    """
    manifest = _read(store)
    if missing:
        for path, entry in manifest.items():
            digest = entry.get("sha256") or hash_file(path, entry["fingerprint"])
            entry.update({} if digest is None else {"sha256": digest})
        write_text(store.manifest, json.dumps(manifest, indent=1))
    return {path: entry["sha256"] for path, entry in manifest.items() if "sha256" in entry}


def _read(store: Store) -> Manifest:
    if not store.manifest.exists() and not read_records(store):
        return {}
    with whole(store.manifest):
        manifest: Manifest = json.loads(store.manifest.read_text(encoding="utf-8"))
    return manifest
