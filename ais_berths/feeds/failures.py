"""Errors of damaged and unreachable files, in plain words."""

from __future__ import annotations

import contextlib
import zipfile
import zlib
from typing import TYPE_CHECKING

import pyarrow as pa

from ais_berths.errors import AisBerthsError, DependencyError, InputError
from ais_berths.redact import printable, redact_urls

if TYPE_CHECKING:
    from collections.abc import Iterator

_STORES = {"botocore", "aiobotocore", "aiohttp", "google", "gcsfs", "azure"}


@contextlib.contextmanager
def plain_words(path: str) -> Iterator[None]:
    """Turn the many errors of damaged or unreachable files into an InputError that names the file."""
    path = show(path)
    try:
        yield
    except AisBerthsError:
        raise
    except FileNotFoundError as error:
        raise InputError(f"{path} does not exist; check the path") from error
    except (PermissionError, IsADirectoryError) as error:
        raise InputError(f"{path} cannot be opened: {error.strerror or error}") from error
    except ImportError as error:
        raise _missing_package(path, error) from error
    except (
        zipfile.BadZipFile,
        zlib.error,
        EOFError,
        NotImplementedError,
        UnicodeError,
        pa.ArrowException,
    ) as error:
        raise _damaged(path, error) from error
    except (TimeoutError, ConnectionError) as error:
        reason = " ".join(str(error).split()) or "no answer in time"
        raise InputError(
            f"{path} cannot be reached: {reason}; run the same command again: what was read is kept"
        ) from error
    except OSError as error:
        # pyarrow reports broken Parquet and compression as OSError without a number.
        if error.errno is None:
            raise _damaged(path, error) from error
        raise InputError(f"{path} cannot be read: {error.strerror or error}") from error
    except Exception as error:
        # Object stores have error classes of their own; everything else is a fault of ours.
        if type(error).__module__.partition(".")[0] not in _STORES:
            raise
        raise InputError(f"{path} cannot be reached: {' '.join(str(error).split())}") from error


def _damaged(path: str, error: Exception) -> InputError:
    reason = " ".join(str(error).split()) or type(error).__name__
    return InputError(f"{path} is damaged or cut short ({reason}); get a fresh copy of the file")


def _missing_package(path: str, error: ImportError) -> DependencyError:
    if path.startswith(("s3://", "s3a://")):
        return DependencyError(f'{path} needs the package s3fs: pip install "ais-berths[s3]"')
    return DependencyError(f"{path} needs a package that is not installed: {error}")


def show(path: str) -> str:
    """Path or URL for messages: on one line, and without secrets."""
    return redact_urls(printable(path))
