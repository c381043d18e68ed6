"""The border between a workflow's Python and the sandbox that runs it: calls `main`, and puts back what a job changed.

Loaded once into an interpreter, before any code of a workflow. Gives `run`, which the child process calls for each job.
"""

import ast
import builtins
import importlib
import io
import json
import os
import shutil
import socket
import sys
import traceback
import types

_NAME = "main.py"
# Used while a workflow's code may have replaced the builtins of its world.
_isinstance, _str = isinstance, str
# The interpreter's own folders, in memory.
_HOME = os.getcwd()
_WORK = (_HOME, "/tmp")
_NO_NETWORK = "there is no network in the sandbox: fetch it with an http step, and give the result to this step"
_HELP = {
    **dict.fromkeys(("requests", "httpx", "aiohttp", "urllib3", "websockets"), _NO_NETWORK),
    **dict.fromkeys(("js", "pyodide_js"), "the sandbox has no JavaScript"),
}
_NOT_INSTALLED = "it is not installed here: its wheels belong into WEFT_PYTHON_PACKAGES, or give the step an image that has it"


class _Lines(io.TextIOBase):
    """What is printed, as whole lines."""

    def __init__(self, level, tell):
        self._level, self._tell, self._rest = level, tell, ""

    def writable(self):
        return True

    def write(self, text):
        *lines, self._rest = (self._rest + text).split("\n")
        for line in lines:
            self._tell(self._level, line)
        return len(text)

    def finish(self):
        if self._rest:
            self._tell(self._level, self._rest)
            self._rest = ""


class _NoSocket:
    def __init__(self, *_, **__):
        raise OSError(_NO_NETWORK)


def _no_network(*_, **__):
    raise OSError(_NO_NETWORK)


class _Missing:
    """Says of modules that cannot be here what to use instead."""

    def find_spec(self, name, path=None, target=None):
        root = name.partition(".")[0]
        if root in _HELP:
            raise ModuleNotFoundError(f"No module named {root!r}: {_HELP[root]}", name=root)


class _NotInstalled:
    """Asked last: says of libraries that nobody has installed how they would come here."""

    def find_spec(self, name, path=None, target=None):
        if path is None and name in _PACKAGES:
            raise ModuleNotFoundError(f"No module named {name!r}: {_NOT_INSTALLED}", name=name)


# Names that libraries of Pyodide's own list give, such as numpy; see python-child.ts.
_PACKAGES = frozenset(packages)
sys.meta_path.append(_NotInstalled())
socket.socket = _NoSocket
socket.create_connection = socket.getaddrinfo = _no_network
sys.meta_path.insert(0, _Missing())
for _module in [name for name in sys.modules if name.partition(".")[0] in _HELP]:
    del sys.modules[_module]


def _copied(value):
    return value.copy() if isinstance(value, (list, dict, set)) else value


def _same(one, other):
    """Whether two collections hold the very same things. Their own comparison could run anything."""
    if len(one) != len(other):
        return False
    if isinstance(one, dict):
        return all(key in other and other[key] is value for key, value in one.items())
    if isinstance(one, set):
        return all(item in other for item in one)
    return all(left is right for left, right in zip(one, other))


class _World:
    """Every module as it was before a workflow's code ran. Classes of libraries are shared; their attributes are not put back."""

    def __init__(self):
        self._modules = {}
        self._environment = dict(os.environ)
        self.take()

    def take(self):
        for name, module in list(sys.modules.items()):
            if name not in self._modules and isinstance(module, types.ModuleType):
                self._modules[name] = (module, {key: (value, _copied(value)) for key, value in vars(module).items()})

    def put_back(self):
        # First of all: what follows uses them.
        self._restore(*self._modules["builtins"])
        for name in [name for name in sys.modules if name not in self._modules]:
            del sys.modules[name]
        for name, (module, before) in self._modules.items():
            sys.modules[name] = module
            self._restore(module, before)
        os.environ.clear()
        os.environ.update(self._environment)
        os.chdir(_HOME)
        for folder in _WORK:
            for name in os.listdir(folder):
                path = os.path.join(folder, name)
                (shutil.rmtree if os.path.isdir(path) and not os.path.islink(path) else os.remove)(path)

    @staticmethod
    def _restore(module, before):
        now = vars(module)
        for key in [key for key in now if key not in before]:
            del now[key]
        for key, (value, copy) in before.items():
            now[key] = value
            if copy is not value and not _same(value, copy):
                value.clear()
                value.extend(copy) if isinstance(value, list) else value.update(copy)


class _Fault(Exception):
    """The code is at fault, in our words."""


def _result(main, given, call):
    if call == "members":
        value = main(**given)
    else:
        takes_none = _isinstance(main, types.FunctionType) and not main.__code__.co_argcount and not main.__code__.co_flags & 4
        value = main() if takes_none else main(given)
    if _isinstance(value, types.CoroutineType):
        try:
            value.send(None)
        except StopIteration as stop:
            return stop.value
        value.close()
        raise _Fault("main awaits something outside, and there is nothing outside")
    return value


def _place(error):
    if isinstance(error, SyntaxError) and error.filename == _NAME:
        return error.lineno
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == _NAME]
    return lines[-1] if lines else None


def _sentence(error):
    if isinstance(error, _Fault):
        return str(error)
    return f"{type(error).__name__}: {error}"[:2000]


def _prepare(tree, world):
    """Imports what the code will import, while nothing is changed yet, so that libraries stay for the next job."""
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names.add(node.module)
    for name in sorted(names):
        try:
            importlib.import_module(name)
        except BaseException:
            # It fails again, and is told, where the code asks for it.
            continue
    world.take()


def _job(code, text, call, output_bytes, world):
    given = json.loads(text)
    tree = ast.parse(code, _NAME)
    _prepare(tree, world)
    space = {"__name__": "main", "__builtins__": builtins}
    try:
        exec(compile(tree, _NAME, "exec"), space)
        main = space.get("main")
        if not callable(main):
            raise _Fault("it defines no function main: write def main(inputs):")
        value = _result(main, given, call)
    finally:
        world.put_back()
    answer = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    if len(answer) > output_bytes or len(answer.encode("utf-8", "surrogatepass")) > output_bytes:
        return {"type": "stopped", "limit": "output", "message": f"its result has more than {output_bytes} bytes"}
    return {"type": "completed", "json": answer}


def _guarded(code, text, call, output_bytes, tell, world):
    out, err = _Lines("info", tell), _Lines("error", tell)
    try:
        sys.stdout, sys.stderr = out, err
        try:
            return _job(code, text, call, output_bytes, world)
        finally:
            out.finish()
            err.finish()
    except MemoryError:
        return {"type": "stopped", "limit": "memory", "message": "it needed more memory than it may have"}
    except BaseException as error:
        line = _place(error)
        return {"type": "failed", "message": _sentence(error), "at": None if line is None else f"line {line}"}


def run(code, text, call, output_bytes, tell):
    """Does one job; the answer is JSON text with the shape of a result."""
    answer = _guarded(code, text, call, output_bytes, tell, _world)
    return json.dumps(answer, ensure_ascii=True)


_world = _World()
