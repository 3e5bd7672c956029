"""Facts whose tags are checked and that nobody has read yet: each is opened when it is first looked into.

A case keeps all its facts, and most of what they hold is read by one command in many, or by none. Until then
such a fact is its row, still sealed: what waits in memory is no content, and a part whose key is destroyed
meanwhile reads as erased.
"""

from collections.abc import Callable
from types import CodeType
from typing import Any

Values = dict[str, Any]
Opening = Callable[[Any, bytes], Values]
_STATE = "_state"


def unread_class(event_class: type[Any], opening: Opening) -> type[Any]:
    """A class for unread facts of that class; one that is looked into becomes `event_class`'s own.

    `opening` gives all attributes of one from its stored state.

    Two threads may look at once: both open it, to the same end. Looking raises what opening does, and
    `KeyDestroyed` where the whole fact was erased since its stream was read.
    """

    def read(self: Any) -> None:
        known: Values = object.__getattribute__(self, "__dict__")
        state: bytes | None = known.get(_STATE)
        if state is not None:
            known.update(opening(self, state))
            object.__setattr__(self, "__class__", event_class)
            known.pop(_STATE, None)

    def read_attribute(self: Any, name: str) -> Any:
        read(self)
        return object.__getattribute__(self, name)

    def first_read(name: str) -> Callable[..., Any]:
        def method(self: Any, *args: Any) -> Any:
            read(self)
            return getattr(event_class, name)(self, *args)

        return method

    methods = {name: first_read(name) for name in ("__eq__", "__hash__", "__repr__", "__reduce_ex__")}
    # Past the metaclass, which would make a dataclass of it with methods of its own.
    return type.__new__(
        type(event_class), event_class.__name__, (event_class,), {"__getattr__": read_attribute, **methods}
    )


def unread(kind: type[Any], known: Values, state: bytes) -> Any:
    """A fact of such a class, of which only `known` is read."""
    known[_STATE] = state
    event = object.__new__(kind)
    object.__setattr__(event, "__dict__", known)
    return event


def mentioned(function: Any) -> frozenset[str]:
    """The names of attributes that a function's own code mentions."""
    return _mentioned(function.__code__)


def _mentioned(code: CodeType) -> frozenset[str]:
    inner = (_mentioned(const) for const in code.co_consts if isinstance(const, CodeType))
    return frozenset(code.co_names).union(*inner)
