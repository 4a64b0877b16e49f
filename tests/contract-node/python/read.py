"""Reads values as types of a generated module, and writes what it has read.

The argument is the generator: `quicktype`, `modelina` or `datamodel`. The input has `[{ "type": …, "value": … }]`. The
output is an array that has, for each of them, the value that Python writes, or `{ "error": … }`.
"""

import importlib
import json
import sys

sys.path.insert(0, ".")


def quicktype():
    module = importlib.import_module("generated")
    functions = {name.replace("_", ""): getattr(module, name) for name in dir(module)}

    def through(kind, value):
        read, write = functions[f"{kind.lower()}fromdict"], functions[f"{kind.lower()}todict"]
        return write(read(value))

    return through


def datamodel():
    from pydantic import TypeAdapter

    module = importlib.import_module("generated")

    def through(kind, value):
        adapter = TypeAdapter(getattr(module, kind))
        return json.loads(adapter.dump_json(adapter.validate_python(value), by_alias=True))

    return through


def modelina():
    module = importlib.import_module("generated")

    def through(kind, value):
        return json.loads(getattr(module, kind).model_validate(value).model_dump_json(by_alias=True))

    return through


def result(through, item):
    try:
        return through(item["type"], item["value"])
    except Exception as failure:
        return {"error": f"{item['type']}: {type(failure).__name__}: {failure}"[:1000]}


through = {"quicktype": quicktype, "datamodel": datamodel, "modelina": modelina}[sys.argv[1]]()
print(json.dumps([result(through, item) for item in json.load(sys.stdin)]))
