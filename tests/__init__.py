"""The tests mirror the code; under them every annotation is checked at run time."""

import inspect
from collections.abc import Callable
from typing import Any, Literal, get_args, get_origin

import jaxtyping
from beartype import BeartypeConf, beartype
from jaxtyping import AbstractArray

# What pytest's --jaxtyping-packages applies. An int is a float, too; and foreign values meet a
# TypeError, as where no annotation is checked.
checked = beartype(conf=BeartypeConf(is_pep484_tower=True, violation_type=TypeError))
_jaxtyped = jaxtyping.jaxtyped


def jaxtyped(*, typechecker: Any) -> Callable[[Any], Any]:
    """Jaxtyping's own for functions of arrays, whose sizes agree with each other in a call.

    It binds the arguments of every call anew, which took a quarter of the suite. Others have no
    sizes, and beartype alone looks at them. Records are left alone where they are made: settings
    refuse bad values in their own words.
    """

    def decorated(what: Any) -> Any:
        if inspect.isclass(what) or what.__name__ == "__init__":
            return what
        if any(map(_is_of_arrays, what.__annotations__.values())):
            return _jaxtyped(typechecker=typechecker)(what)
        return checked(what)

    return decorated


def _is_of_arrays(annotation: Any) -> bool:
    """Whether it speaks of a shape; of what is only a name, nobody knows."""
    if get_origin(annotation) is Literal:
        return False
    if inspect.isclass(annotation) and issubclass(annotation, AbstractArray):
        return True
    return isinstance(annotation, str) or any(map(_is_of_arrays, get_args(annotation)))


jaxtyping.jaxtyped = jaxtyped  # by which name the code that is checked finds it
