"""Text files that people made, in Excel or an editor: UTF-8, or a clear word about what they are instead."""

from pathlib import Path

from city.errors import ConfigError, ConfigErrors

BOM = "\ufeff"


def read_text(path: Path) -> str:
    """The file's text without a byte order mark; line ends are kept.

    Raises ConfigErrors with one error when the file is missing, empty, or not UTF-8.
    """
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        raise _refused(path, 0, 0, "the file is missing", "add it, or correct the path") from None
    except OSError as error:
        raise _refused(path, 0, 0, f"the file cannot be read: {error.strerror}", "check its permissions") from None
    try:
        text = data.decode("utf-8").removeprefix(BOM)
    except UnicodeDecodeError as error:
        raise _not_utf8(path, data, error.start) from None
    if not text.strip():
        raise _refused(path, 0, 0, "the file is empty", "fill it, or remove it")
    return text


def _not_utf8(path: Path, data: bytes, start: int) -> ConfigErrors:
    line_start = data.rfind(b"\n", 0, start) + 1
    line = data.count(b"\n", 0, start) + 1
    column = len(data[line_start:start].decode("utf-8", "replace")) + 1
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        kind = "UTF-16, as Excel's “Unicode text” is"
    elif data.startswith(b"PK"):
        kind = "a workbook or an archive, not text"
    elif _decodes(data, "gb18030"):
        kind = "GB18030 (GBK), as Excel's plain CSV is"
    else:
        kind = "no encoding we know"
    return _refused(path, line, column, f"the file is not UTF-8: it seems to be {kind}", "save it as “CSV UTF-8”")


def _decodes(data: bytes, encoding: str) -> bool:
    try:
        data.decode(encoding)
    except UnicodeDecodeError:
        return False
    return True


def _refused(path: Path, line: int, column: int, message: str, remedy: str) -> ConfigErrors:
    return ConfigErrors([ConfigError(path, line, column, message, remedy)])
