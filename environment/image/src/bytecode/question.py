import sys
from _frozen_importlib_external import MAGIC_NUMBER

version = "-".join([sys.implementation.name, ".".join(map(str, sys.version_info[:3]))])
print("nbvet-bytecode 1", sys.implementation.cache_tag, MAGIC_NUMBER.hex(), version)
