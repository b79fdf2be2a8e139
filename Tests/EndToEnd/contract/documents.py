"""The two documents of docs/protocol as something to ask: which schema holds for this frame, this body?"""

import re
from functools import cached_property
from pathlib import Path

import yaml
from jsonschema import Draft202012Validator
from jsonschema.exceptions import relevance
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012

PROTOCOL = Path(__file__).resolve().parents[3] / "docs" / "protocol"
NAMES = ("asyncapi.yaml", "openapi.yaml", "words.yaml")
LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class DocumentsUnusable(Exception):
    """The documents are missing, unreadable or contradict themselves; nothing can be judged."""


class Documents:
    def __init__(self, folder: Path = PROTOCOL):
        self._contents = {}
        for name in NAMES:
            try:
                self._contents[name] = yaml.load((folder / name).read_text(encoding="utf-8"), Loader=LOADER)
            except (OSError, yaml.YAMLError) as problem:
                raise DocumentsUnusable(f"{folder / name}: {problem}") from problem
        self._registry = Registry().with_resources(
            (name, Resource.from_contents(content, default_specification=DRAFT202012))
            for name, content in self._contents.items())
        self._validators: dict[str, Draft202012Validator] = {}
        self.frames = Frames(self)
        self.http = HTTP(self)
        self.check_all_references()

    def at(self, document: str, *path):
        """What stands there, references followed; with the place it stands at."""
        node, place = self._contents[document], [document, []]
        for key in path:
            node, place = self.follow(node, place)
            node = node[key]
            place = [place[0], place[1] + [key]]
        return self.follow(node, place)

    def follow(self, node, place):
        while isinstance(node, dict) and "$ref" in node:
            document, _, pointer = node["$ref"].partition("#")
            document = document or place[0]
            keys = [key.replace("~1", "/").replace("~0", "~") for key in pointer.split("/")[1:]]
            node, place = self._contents[document], [document, keys]
            for key in keys:
                try:
                    node = node[key]
                except (KeyError, TypeError):
                    raise DocumentsUnusable(f"{document}#{pointer} is referred to and is not there") from None
        return node, place

    def errors(self, place, value) -> list[str]:
        """What is wrong with a value by the schema at a place (document, keys); the nearest cause of each fault."""
        address = pointer(place)
        validator = self._validators.get(address)
        if validator is None:
            validator = Draft202012Validator({"$ref": address}, registry=self._registry)
            self._validators[address] = validator
        return sorted({describe(nearest(error)) for error in validator.iter_errors(value)})

    def check_all_references(self):
        """A reference to nothing would make a schema that passes everything or raises in the middle of a run."""
        for document, content in self._contents.items():
            for node in every_node(content):
                if isinstance(node, dict) and isinstance(node.get("$ref"), str):
                    self.follow(node, [document, []])


class Frames:
    """The messages of asyncapi.yaml by what tells them apart on the wire."""

    def __init__(self, documents: Documents):
        self._documents = documents

    @cached_property
    def messages(self) -> dict:
        return self._documents.at("asyncapi.yaml", "components", "messages")[0]

    def described(self) -> list[str]:
        """Every message that is told apart by its type, for instance `event call.ended`."""
        return sorted(f"{group} {name}" for group, name in self._keys if group in ("request", "event", "callback"))

    def request(self, kind: str):
        return self._payload("request", kind)

    def event(self, kind: str):
        return self._payload("event", kind)

    def callback(self, kind: str):
        return self._payload("callback", kind)

    def answer(self, request: str):
        """The schema of the answer with code 0, as the request's operation names it; None for a request not described."""
        key = self._answers.get(request)
        return key and place_of(key)

    def refusal(self, code):
        name = f"Refusal{code}"
        schemas = self._documents.at("asyncapi.yaml", "components", "schemas")[0]
        return ["asyncapi.yaml", ["components", "schemas", name]] if name in schemas else None

    @cached_property
    def _answers(self) -> dict:
        answers = {}
        for operation in self._documents.at("asyncapi.yaml", "operations")[0].values():
            if "reply" not in operation:
                continue
            asked, = (named(message) for message in operation["messages"])
            told = [named(message) for message in operation["reply"]["messages"]]
            answer, = (key for key in told if key != "refusal")
            answers[self.messages[asked]["name"]] = answer
        return answers

    @cached_property
    def _keys(self) -> dict:
        return {(key.partition("-")[0], message["name"]): key for key, message in self.messages.items()}

    def _payload(self, group, kind):
        key = self._keys.get((group, kind))
        return key and place_of(key)


class HTTP:
    """The operations of openapi.yaml by method and path."""

    def __init__(self, documents: Documents):
        self._documents = documents

    @cached_property
    def _patterns(self) -> list:
        paths = self._documents.at("openapi.yaml", "paths")[0]
        fixed_first = sorted(paths, key=lambda path: path.count("{"))
        return [(template, re.compile(re.sub(r"\\{(\w+)\\}", r"(?P<\1>[^/]+)", re.escape(template)) + "$"))
                for template in fixed_first]

    def operation(self, method: str, path: str):
        """(template, path parameters), or (template, None) where only the method is unknown, or (None, None)."""
        for template, pattern in self._patterns:
            match = pattern.match(path)
            if match:
                known = self._documents.at("openapi.yaml", "paths", template)[0]
                return (template, match.groupdict()) if method.lower() in known else (template, None)
        return None, None

    def parameters(self, template: str, method: str) -> list:
        """(parameter, place of its schema) for each that stands in the path or the query."""
        found = []
        for path in (["paths", template], ["paths", template, method.lower()]):
            listed = self._documents.at("openapi.yaml", *path)[0].get("parameters", [])
            for index in range(len(listed)):
                parameter, place = self._documents.at("openapi.yaml", *path, "parameters", index)
                if parameter["in"] in ("path", "query"):
                    found.append((parameter, [place[0], place[1] + ["schema"]]))
        return found

    def request_body(self, template: str, method: str):
        """(place of the schema, whether a body must be there); (None, False) where none is described."""
        operation, place = self._documents.at("openapi.yaml", "paths", template, method.lower())
        if "requestBody" not in operation:
            return None, False
        body, place = self._documents.follow(operation["requestBody"], [place[0], place[1] + ["requestBody"]])
        return [place[0], place[1] + ["content", "application/json", "schema"]], body.get("required", False)

    def response_bodies(self, template: str, method: str, status: int):
        """Places of schemas by media type; None for a status not described, none for one that has no body."""
        responses = self._documents.at("openapi.yaml", "paths", template, method.lower(), "responses")[0]
        if str(status) not in responses:
            return None
        response, place = self._documents.at(
            "openapi.yaml", "paths", template, method.lower(), "responses", str(status))
        return {media: [place[0], place[1] + ["content", media, "schema"]] for media in response.get("content", {})}


def place_of(message: str):
    return ["asyncapi.yaml", ["components", "messages", message, "payload"]]


def named(reference: dict) -> str:
    return reference["$ref"].rsplit("/", 1)[1]


def pointer(place) -> str:
    document, keys = place
    escaped = (str(key).replace("~", "~0").replace("/", "~1").replace("{", "%7B").replace("}", "%7D") for key in keys)
    return document + "#" + "".join("/" + key for key in escaped)


def every_node(node):
    yield node
    children = node.values() if isinstance(node, dict) else node if isinstance(node, list) else ()
    for child in children:
        yield from every_node(child)


def nearest(error):
    """The cause inside a failed choice (`anyOf`, `oneOf`) that says most."""
    while error.context:
        error = min(error.context, key=lambda cause: (-len(cause.path), relevance(cause)))
    return error


def describe(error) -> str:
    where = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in error.absolute_path)
    message = error.message if len(error.message) <= TEXT_MAX else error.message[:TEXT_MAX] + " …"
    return f"{where.lstrip('.') or 'the whole'}: {message}"


TEXT_MAX = 300
