"""Program and State as kernels take them: one pointer each, to the addresses and lengths of their arrays.

As tuples, every call of one kernel by another would pass some forty arrays; and as numba's own objects, every look at
one of the arrays would count its references, with atomic operations that cost more than most of what kernels do. A
handle keeps its arrays alive, and lives longer than any call that it is passed to; in kernels nothing is counted.
"""

import hashlib
from typing import Any

import numpy as np
from llvmlite import ir
from numba import typeof
from numba.core import types
from numba.core.datamodel import models
from numba.core.typing.templates import AttributeTemplate
from numba.extending import (
    NativeValue,
    infer_getattr,
    lower_getattr_generic,
    register_model,
    typeof_impl,
    unbox,
)
from numba.np.arrayobj import populate_array

from rules.engine.state import Program, State

_WORD = ir.IntType(64)


class Handle:
    """The arrays (C-contiguous) and numbers of a Program or State, as attributes. `address`: of their description."""

    def __init__(self, of: Program | State) -> None:
        self.__dict__.update(of._asdict())
        self.numba_type = _HandleType(tuple((name, typeof(value)) for name, value in of._asdict().items()))
        self._words = np.array([word for value in of for word in _words(value)], np.int64)
        self.address = self._words.ctypes.data


def _words(value: Any) -> tuple[int, ...]:
    return (value.ctypes.data, *value.shape) if isinstance(value, np.ndarray) else (value,)


class _HandleType(types.Type):
    """fields: name and type of each; words: where its description begins. Its own name is short, since it becomes part
    of the name of every kernel."""

    def __init__(self, fields: tuple[tuple[str, Any], ...]) -> None:
        self.fields = dict(fields)
        self.words, at = {}, 0
        for name, kind in fields:
            if isinstance(kind, types.Array) and kind.layout != "C":
                raise ValueError(f"{name} is not contiguous")
            self.words[name] = at
            at += 1 + (kind.ndim if isinstance(kind, types.Array) else 0)
        meaning = ", ".join(f"{name}: {kind}" for name, kind in fields)
        super().__init__(f"Handle_{hashlib.sha256(meaning.encode()).hexdigest()[:16]}")


@register_model(_HandleType)
class _HandleModel(models.PrimitiveModel):
    def __init__(self, manager: Any, kind: Any) -> None:
        super().__init__(manager, kind, _WORD.as_pointer())


@typeof_impl.register(Handle)
def _type_of(handle: Handle, _context: Any) -> Any:
    return handle.numba_type


@unbox(_HandleType)
def _unbox(_kind: Any, handle: Any, c: Any) -> Any:
    number = c.pyapi.object_getattr_string(handle, "address")
    address = c.pyapi.long_as_longlong(number)
    c.pyapi.decref(number)
    return NativeValue(c.builder.inttoptr(address, _WORD.as_pointer()))


@infer_getattr
class _Attributes(AttributeTemplate):
    key = _HandleType

    def generic_resolve(self, kind: Any, name: str) -> Any:
        return kind.fields.get(name)


@lower_getattr_generic(_HandleType)
def _attribute(context: Any, builder: Any, kind: Any, value: Any, name: str) -> Any:
    first, of = kind.words[name], kind.fields[name]
    word = [builder.load(builder.gep(value, [_WORD(first + i)])) for i in range(1 + getattr(of, "ndim", 0))]
    if not isinstance(of, types.Array):
        return word[0]
    made = context.make_array(of)(context, builder)
    itemsize = context.get_abi_sizeof(context.get_data_type(of.dtype))
    strides = [_WORD(itemsize)]
    for extent in reversed(word[2:]):
        strides.insert(0, builder.mul(strides[0], extent))
    data = builder.inttoptr(word[0], made.data.type)
    populate_array(made, data=data, shape=word[1:], strides=strides, itemsize=_WORD(itemsize), meminfo=None)
    return made._getvalue()
