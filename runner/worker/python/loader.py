"""Given to the user's interpreter with -c; starts the worker.

Arguments: number of the channel's descriptor, path of the extension, folder of the shim, folder of the IPython
kit or nothing, `fork-server` or `worker`, modules that a fork server imports. Written for any Python 3, so that an old one can say that it is too old.
Exit status: 86, this interpreter cannot run the worker (one line on stderr); 87, the start failed (traceback).
"""


def _load(channel, extension, shim, kit, role, *preload):
    import sys

    # The notebook's folder must not shadow what is imported until its first cell.
    if sys.path and sys.path[0] == "":
        del sys.path[0]

    reason = None
    version = ".".join(str(part) for part in sys.version_info[:3])
    implementation = getattr(getattr(sys, "implementation", None), "name", "an unknown implementation")
    if implementation != "cpython":
        reason = "%s is %s; notebooks run in CPython 3.9 or newer" % (sys.executable, implementation)
    elif sys.version_info < (3, 9):
        reason = "%s is Python %s; notebooks run in CPython 3.9 or newer" % (sys.executable, version)
    elif "t" in getattr(sys, "abiflags", ""):
        reason = "%s is a free-threaded Python %s; notebooks run in CPython with the GIL" % (sys.executable, version)
    if reason is not None:
        sys.stderr.write(reason + "\n")
        sys.stderr.flush()
        return 86

    try:
        from importlib.machinery import ExtensionFileLoader, SourceFileLoader
        from importlib.util import module_from_spec, spec_from_file_location

        def module(name, path, loader, folder=None):
            folders = None if folder is None else [folder]
            spec = spec_from_file_location(name, path, loader=loader(name, path), submodule_search_locations=folders)
            loaded = module_from_spec(spec)
            sys.modules[name] = loaded
            spec.loader.exec_module(loaded)
            return loaded

        native = module("nbvet_worker", extension, ExtensionFileLoader)
        package = module("nbvet_shim", shim + "/__init__.py", SourceFileLoader, shim)
        return package.run(native, channel, kit, role == "fork-server", preload)
    except Exception:
        import traceback

        traceback.print_exc(file=sys.__stderr__)
        sys.__stderr__.flush()
        return 87


def _main():
    import sys

    status = _load(int(sys.argv[1]), *sys.argv[2:])
    if status:
        sys.exit(status)


_main()
