"""What pip's own reader makes of requirements files: one line of JSON for each folder named on stdin, which holds
`requirements.txt` and what it includes. A list of [file, line, kind, text, constraint, hashes], or null: refused."""

import json
import os
import sys

from pip._internal.exceptions import PipError
from pip._internal.network.session import PipSession
from pip._internal.req.req_file import RequirementsFileParser, get_line_parser

session = PipSession()
for folder in sys.stdin.read().split():
    os.chdir(folder)
    try:
        parser = RequirementsFileParser(session, get_line_parser(None))
        found = []
        for line in parser.parse("requirements.txt", False):
            kind = ("editable" if line.is_editable else "requirement") if line.is_requirement else "options"
            text = line.requirement if line.is_requirement else ""
            hashes = {name: values for name, values in (line.opts.hashes or {}).items()}
            found.append([line.filename, line.lineno, kind, text, line.constraint, hashes])
        print(json.dumps(found))
    except (PipError, RecursionError, UnicodeDecodeError):
        print("null")
