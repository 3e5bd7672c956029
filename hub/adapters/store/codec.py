"""Events to JSON and back, typed by their classes: one codec per class, built once.

The attributes of an event stand in the order of its class. A value that is sealed apart (`AboutPerson`,
`CouldKill`) becomes `{"$part": i}` where its class says that one may stand, and nowhere else: the same object
inside free content from outside is content, not a reference.
"""

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from types import UnionType
from typing import Annotated, Any, Union, cast, get_args, get_origin, get_type_hints

import orjson
from eventsourcing.domain import AggregateCreated
from pydantic import ConfigDict, PlainValidator, TypeAdapter, ValidationError, ValidationInfo
from pydantic_core import SchemaValidator
from typing_extensions import TypedDict

from hub.adapters.store.unread import mentioned
from hub.aggregates.base import STREAMS
from hub.aggregates.sealing import AboutPerson, CouldKill
from hub.errors import Corrupt

Sealed = AboutPerson | CouldKill
_SEALED: tuple[type, ...] = (AboutPerson, CouldKill)
_JSON_TYPED = orjson.OPT_NON_STR_KEYS
_JSON = orjson.OPT_PASSTHROUGH_DATACLASS | _JSON_TYPED
"""Where anything may stand a sealed value could, so dataclasses pass `_plain`, which refuses those."""
_NOT_STORED = ("originator_id", "originator_version")


@dataclass(frozen=True, slots=True)
class Encoded:
    """Section 0 in the clear, and the values to be sealed apart in sections 1, 2, …"""

    attributes: bytes
    parts: list[Sealed]


class Codec:
    """Converts the events of one class."""

    def __init__(self, event_class: type[Any]) -> None:
        hints = get_type_hints(event_class)
        names = [f.name for f in dataclasses.fields(event_class) if f.name not in _NOT_STORED]
        if any(map(_hides_sealed, hints.values())):
            raise TypeError(
                f"{event_class.__name__}: a value that is sealed apart stands inside another value"
            )
        self.event_class = event_class
        self.version: int = getattr(event_class, "class_version", 1)
        self.seals_apart = [name for name in names if _holds_sealed(hints[name])]
        self._names = names
        self._begins_stream = issubclass(event_class, AggregateCreated)
        fields = {name: _with_parts(hints[name]) for name in names}
        shape = cast(Any, TypedDict)(event_class.__name__, fields)
        shape.__pydantic_config__ = ConfigDict(extra="forbid", revalidate_instances="always")
        self._shape: TypeAdapter[dict[str, Any]] = TypeAdapter(shape)
        validator = cast(SchemaValidator, self._shape.validator)
        self._is_as_declared = partial(validator.isinstance_python, strict=True)
        """Whether each value is of the very type that its class says, down to the fields of values."""
        self._options = _JSON if any(map(_holds_anything, hints.values())) else _JSON_TYPED
        self.plain: Callable[[bytes], dict[str, Any]] | None = None
        """As `decode`, straight to the validator, for a class with no parts and no history; its errors are
        pydantic's."""
        if not (self.seals_apart or self._begins_stream or self.version > 1):
            self.plain = validator.validate_json
        self.folded: Callable[[bytes], dict[str, Any]] | None = None
        """Of a fact that its aggregate keeps, only what the aggregate takes from it at once (`change`); None
        for what is to be decoded whole. Where `change` reads more, it gets it at that moment."""
        if getattr(event_class, "KEPT", False) and not self._begins_stream and self.version == 1:
            self.folded = self._only(set(names) & mentioned(event_class.change), hints)

    def _only(self, names: set[str], hints: dict[str, Any]) -> Callable[[bytes], dict[str, Any]] | None:
        if names.intersection(self.seals_apart) or any(hasattr(self.event_class, n) for n in self._names):
            return None
        if not names:
            return lambda _: {}
        shape = cast(Any, TypedDict)(self.event_class.__name__, {name: hints[name] for name in names})
        return cast(SchemaValidator, TypeAdapter(shape).validator).validate_json

    def encode(self, event: Any) -> Encoded:
        """An event's attributes as JSON. Raises `TypeError` for what could not be read again."""
        values = vars(event)
        parts: list[Sealed] = []
        state = {name: values[name] for name in self._names}
        for name in self.seals_apart:
            state[name] = _set_apart(state[name], parts)
        attributes = orjson.dumps(state, default=_plain, option=self._options)
        if not self._is_as_declared(state, context=parts):
            self._refuse_misfit(attributes, parts)
        if self.version > 1:
            state["class_version"] = self.version
            attributes = orjson.dumps(state, default=_plain, option=self._options)
        return Encoded(attributes, parts)

    def _refuse_misfit(self, attributes: bytes, parts: list[Sealed]) -> None:
        try:
            self._shape.validate_json(attributes, context=parts)
        except ValidationError as error:
            names = sorted({str(found["loc"][0]) for found in error.errors(include_input=False)})
            misfit = f"{self.event_class.__name__}: {', '.join(names)} not of the type that its class says"
            raise TypeError(misfit) from None

    def decode(self, attributes: bytes, parts: list[Sealed]) -> dict[str, Any]:
        """An event's attributes. Raises `Corrupt` where they do not fit the class."""
        try:
            if self.version > 1:
                attributes = orjson.dumps(self._upcast(orjson.loads(attributes)))
            state = self._shape.validate_json(attributes, context=parts)
        except (ValidationError, ValueError) as error:
            # The cause names the content, which belongs in no log: it is dropped.
            raise Corrupt(f"a stored event does not fit {self.event_class.__name__}") from _unsaid(error)
        if self._begins_stream and state["originator_topic"] not in STREAMS:
            raise Corrupt("a stored event begins a stream of a kind that is not known")
        return state

    def _upcast(self, state: dict[str, Any]) -> dict[str, Any]:
        """Bring an older version's attributes, still as JSON, up to this class's."""
        for version in range(state.pop("class_version", 1), self.version):
            getattr(self.event_class, f"upcast_v{version}_v{version + 1}")(state)
        return state


_codecs: dict[tuple[type, int], Codec] = {}


def codec_of(event_class: type[Any]) -> Codec:
    """The codec of a class at its version: built once in a process, for that takes milliseconds."""
    which = (event_class, getattr(event_class, "class_version", 1))
    return _codecs.get(which) or _codecs.setdefault(which, Codec(event_class))


def part_to_json(part: Sealed) -> bytes:
    """The value of a part; whom it is about stands in its key ids."""
    return orjson.dumps(part.value, default=_plain, option=_JSON)


def part_from_json(value: bytes | None) -> dict[str, Any] | None:
    """The value of a part; None where its key is destroyed."""
    content: dict[str, Any] | None = None if value is None else orjson.loads(value)
    return content


def _unsaid(error: Exception) -> Exception:
    return TypeError(type(error).__name__)


def _holds_sealed(hint: Any) -> bool:
    return hint in _SEALED or any(_holds_sealed(inner) for inner in get_args(hint))


def _hides_sealed(hint: Any) -> bool:
    """Whether a sealed value may stand in a field of a value, where nothing would take it out."""
    if dataclasses.is_dataclass(hint) and hint not in _SEALED:
        inner = get_type_hints(hint).values()
        return any(map(_holds_sealed, inner)) or any(map(_hides_sealed, inner))
    return any(map(_hides_sealed, get_args(hint)))


def _holds_anything(hint: Any) -> bool:
    """Whether something may stand there of which its class does not say what it is."""
    if dataclasses.is_dataclass(hint) and hint not in _SEALED:
        return any(map(_holds_anything, get_type_hints(hint).values()))
    return hint in {Any, object} or any(map(_holds_anything, get_args(hint)))


def _with_parts(hint: Any) -> Any:
    """The same hint, with sealed values read from `{"$part": i}`."""
    if hint in _SEALED:
        return Annotated[hint, PlainValidator(_part_reader(hint))]
    if not _holds_sealed(hint):
        return hint
    inner = tuple(_with_parts(arg) for arg in get_args(hint))
    origin = get_origin(hint)
    return Union[inner] if origin in (Union, UnionType) else origin[inner]  # noqa: UP007


def _part_reader(kind: type) -> Any:
    def read(reference: Any, info: ValidationInfo) -> Sealed:
        parts: list[Sealed] = info.context  # type: ignore[assignment]
        if not isinstance(reference, dict) or list(reference) != ["$part"]:
            raise ValueError("no reference to a part")
        index = reference["$part"]
        if not isinstance(index, int) or not 1 <= index <= len(parts):
            raise ValueError("a reference to a part that is not there")
        part = parts[index - 1]
        if not isinstance(part, kind):
            raise ValueError("a reference to a part of another kind")  # noqa: TRY004
        return part

    return read


def _set_apart(value: Any, parts: list[Sealed]) -> Any:
    """The same value, with each sealed value in it moved to `parts`."""
    if isinstance(value, AboutPerson | CouldKill):
        parts.append(value)
        return {"$part": len(parts)}
    if isinstance(value, dict):
        return {key: _set_apart(inner, parts) for key, inner in value.items()}
    if isinstance(value, tuple | list):
        return [_set_apart(inner, parts) for inner in value]
    return value


_fields: dict[type, tuple[str, ...]] = {}


def _field_names(kind: type) -> tuple[str, ...]:
    """The fields of a dataclass, found out once; of anything else none."""
    found = _fields.get(kind)
    if found is None:
        is_one = dataclasses.is_dataclass(kind)
        found = _fields[kind] = tuple(f.name for f in dataclasses.fields(kind)) if is_one else ()
    return found


def _plain(value: Any) -> Any:
    """What orjson does not know. A sealed value here stands where its class does not say so: refused."""
    if isinstance(value, _SEALED):
        raise TypeError("a sealed value stands where its event's class does not declare one")
    if names := _field_names(type(value)):
        return {name: getattr(value, name) for name in names}
    if isinstance(value, set | frozenset):
        return sorted(value)
    raise TypeError(f"{type(value).__name__} cannot be stored")
