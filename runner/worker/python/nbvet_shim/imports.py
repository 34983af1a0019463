"""Acts on modules when the notebook imports them, so that a worker that needs none of them imports none."""

import os
import sys
from importlib.machinery import PathFinder
from importlib.util import spec_from_file_location
from types import ModuleType

_ACTION = "__nbvet_action__"


class AfterImport:
    """A finder on `sys.meta_path` that lets others find, and calls a function with the module that came of it."""

    def __init__(self, actions):
        """`actions`: functions by module name. Modules that are there already are acted on at once."""
        self._actions = {}
        for name, action in actions.items():
            if name in sys.modules:
                action(sys.modules[name])
            else:
                self._actions[name] = action
        if self._actions:
            sys.meta_path.insert(0, self)

    def find_spec(self, name, path=None, target=None):
        action = self._actions.get(name)
        if action is None:
            return None
        spec = self._found(name, path, target)
        execute = getattr(getattr(spec, "loader", None), "exec_module", None)
        if execute is None:
            return spec

        def exec_module(module):
            execute(module)
            self._actions.pop(name, None)
            action(module)

        try:
            spec.loader.exec_module = exec_module
        except AttributeError:
            # A loader that is shared between modules: its module stays as it is.
            return spec
        return spec

    def _found(self, name, path, target):
        for finder in sys.meta_path:
            find = None if finder is self else getattr(finder, "find_spec", None)
            spec = find(name, path, target) if find is not None else None
            if spec is not None:
                return spec
        return None


def pretend(package, submodules, actions):
    """Have a package among the loaded modules, as a kernel has, and load it when somebody looks into it.

    `actions`: functions by module name, called once it is loaded.
    """
    spec = PathFinder.find_spec(package, sys.path) if package not in sys.modules else None
    if spec is None or spec.loader is None or not spec.submodule_search_locations:
        return
    parent = _add(spec, actions.get(package))
    for submodule in submodules:
        name = "%s.%s" % (package, submodule)
        path = os.path.join(spec.submodule_search_locations[0], submodule + ".py")
        if os.path.exists(path):
            setattr(parent, submodule, _add(spec_from_file_location(name, path), actions.get(name)))


def _add(spec, action):
    module = _Unloaded(spec.name)
    module.__spec__, module.__loader__, module.__file__ = spec, spec.loader, spec.origin
    module.__package__ = spec.parent
    if spec.submodule_search_locations:
        module.__path__ = spec.submodule_search_locations
    module.__dict__[_ACTION] = action
    sys.modules[spec.name] = module
    return module


class _Unloaded(ModuleType):
    """A module that is executed when a name is looked for in it. Names with underscores do not count: code that goes
    through all modules asks for those."""

    def __getattr__(self, name):
        if name.startswith("__") and name not in ("__version__", "__all__"):
            raise AttributeError("module %r has no attribute %r" % (self.__name__, name))
        self.__class__ = ModuleType
        action = self.__dict__.pop(_ACTION, None)
        self.__spec__.loader.exec_module(self)
        if action is not None:
            action(self)
        return getattr(self, name)
