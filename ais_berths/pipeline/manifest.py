"""The manifest of inputs: which files a folder has read, so that they need not be opened again.

A file is identified by its path, its size, and its entity tag or time of last change. A change that leaves
all of these as they were is not noticed.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from ais_berths.feeds.files import hash_file
from ais_berths.pipeline.job import write_text
from ais_berths.pipeline.layout import chunks_of, forget, read_records
from ais_berths.pipeline.scan import chunk_id
from ais_berths.redact import redact_urls

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ais_berths.feeds import Chunk, InputFile
    from ais_berths.pipeline.job import Store

Manifest = dict[str, dict[str, Any]]


def unread_files(store: Store, files: Sequence[InputFile]) -> list[InputFile]:
    """Files that are new, have changed, or of which a killed run has not read every chunk."""
    known = {chunk["id"] for chunk in chunks_of(read_records(store))}
    whole = {
        path: entry["fingerprint"]
        for path, entry in _read(store).items()
        if known.issuperset(entry["chunks"])
    }
    return [file for file in files if whole.get(redact_urls(file.path)) != file.fingerprint]


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
    if not store.manifest.exists():
        return {}
    manifest: Manifest = json.loads(store.manifest.read_text(encoding="utf-8"))
    return manifest
