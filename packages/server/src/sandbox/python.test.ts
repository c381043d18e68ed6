import { once } from "node:events";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { pythonSandbox } from "./python.ts";
import { job, sandboxConformance } from "./sandbox.conformance.ts";
import type { SandboxResult } from "./sandbox.ts";

sandboxConformance("the Python sandbox", () => pythonSandbox({ processes: 2 }), {
  returns: (expression) => `def main(x):\n    return ${expression}`,
  endless: "def main():\n    while True:\n        pass",
  throwing: "def main():\n    raise ValueError('too bad')",
  syntaxError: "def main():\n    return (;",
  withoutMain: "x = 1",
  hungry: "def main():\n    kept = []\n    while True:\n        kept.append(bytearray(1_000_000))",
  large: (length) => `def main():\n    return "x" * ${length}`,
  notJson: "def main():\n    return object()",
  printing: "import sys\ndef main():\n    print('hello')\n    print('careful', file=sys.stderr)",
  loud: "def main():\n    for _ in range(1_000_000):\n        print('x' * 1000)",
  leaving: [
    "import builtins, json, os, sys, csv",
    "left = 1",
    "builtins.left = 1",
    "json.left = csv.left = 1",
    "builtins.len = lambda x: 'left'",
    "os.environ['left'] = '1'",
    "open('/tmp/left', 'w').write('left')",
    "sys.path.append('/left')",
    "sys.modules['left'] = sys",
    "def main():",
    "    return 1",
  ].join("\n"),
  looking: [
    "import builtins, csv, json, os, sys",
    "def main():",
    "    found = ['left' in globals(), hasattr(builtins, 'left'), hasattr(json, 'left'), hasattr(csv, 'left'), len([1]) != 1,",
    "             'left' in os.environ, os.path.exists('/tmp/left'), '/left' in sys.path, 'left' in sys.modules]",
    "    return 'clean' if not any(found) else str(found)",
  ].join("\n"),
  recursive: "def main():\n    return main() + 1",
  tampering:
    "import builtins, json\njson.dumps = json.loads = lambda *a, **k: 'x'\nbuiltins.len = builtins.isinstance = lambda *a: 5\ndef main():\n    return 1",
});

describe("code in Python (A35-A37)", () => {
  const sandbox = pythonSandbox({ processes: 1, spare: 0 });
  afterAll(() => sandbox.close());
  const value = async (body: string): Promise<unknown> => {
    const lines = body.split("\n").map((line) => `    ${line}`);
    const result = await sandbox.run(job(`def main():\n${lines.join("\n")}`));
    return result.type === "completed" ? result.value : result;
  };

  test.each([
    "open('/etc/passwd').read()",
    "open('/proc/self/environ').read()",
    "open('/proc/1/cmdline').read()",
    "__import__('pathlib').Path('/root').iterdir().__next__()",
  ])("reads nothing of the machine by %s", async (expression) => {
    expect(await value(`return ${expression}`)).toMatchObject({ type: "failed" });
  });

  test("sees an empty environment, whatever stands in that of the server", async () => {
    process.env["WEFT_SECRET_CANARY"] = "canary-7f3a";
    const seen = await value("import os, sys\nreturn str(dict(os.environ)) + str(sys.argv) + str(sys.flags)");
    delete process.env["WEFT_SECRET_CANARY"];
    expect(seen).not.toContain("canary");
    expect(seen).not.toContain("WEFT");
  });

  test("reaches no listener on this machine", async () => {
    let connections = 0;
    const server = createServer(() => (connections += 1)).listen(0, "127.0.0.1");
    await once(server, "listening");
    const { port } = server.address() as AddressInfo;
    for (const attempt of [
      `import socket\ns = socket.socket()\ns.connect(('127.0.0.1', ${port}))`,
      `import socket\nsocket.create_connection(('127.0.0.1', ${port}))`,
      `import _socket\ns = _socket.socket(2, 1)\ns.settimeout(1)\ns.connect(('127.0.0.1', ${port}))\ns.send(b'x')\ns.recv(1)`,
      `import urllib.request\nurllib.request.urlopen('http://127.0.0.1:${port}').read()`,
      `import http.client\nhttp.client.HTTPConnection('127.0.0.1', ${port}).request('GET', '/')`,
    ]) {
      await value(`${attempt}\nreturn 'sent'`);
    }
    // A job that comes after them: whatever they had begun has had its time.
    await value("import time\ntime.sleep(0.2)\nreturn 1");
    server.close();
    expect(connections).toBe(0);
  });

  test.each([
    ["js", "import js"],
    ["pyodide_js", "import pyodide_js"],
    ["run_js", "from pyodide.code import run_js\nreturn run_js('1')"],
    ["a function of the host", "import sys\nreturn sys.stdout._tell.constructor('return process')()"],
    ["another process", "import subprocess\nsubprocess.run(['ls'])"],
    ["a fork", "import os\nos.fork()"],
    ["a shell", "import os\nif os.system('ls') != 0: raise OSError('no shell')"],
    ["a thread", "import threading\nthreading.Thread(target=print).start()"],
    ["a C library", "import ctypes\nctypes.CDLL('libc.so.6').system(b'ls')"],
    ["requests", "import requests"],
  ])("cannot get %s", async (_, body) => {
    expect(await value(`${body}\nreturn 'got it'`)).toMatchObject({ type: "failed" });
  });

  test("requests and sockets say what to use instead", async () => {
    const message = expect.stringContaining("http step") as string;
    expect(await value("import requests")).toMatchObject({ message });
    expect(await value("import urllib.request\nurllib.request.urlopen('http://example.org')")).toMatchObject({
      message,
    });
  });

  test.each([
    "import json, re, datetime, time, urllib.parse, os, math, random, collections, itertools, base64, hashlib, uuid",
    "import csv, io, string, textwrap, statistics, decimal, fractions, functools, typing, dataclasses, html, unicodedata",
  ])("the standard library works: %s", async (imports) => {
    expect(await value(`${imports}\nreturn 1`)).toBe(1);
  });

  test("main gets members by name, also with defaults and **rest", async () => {
    const call = (code: string): Promise<SandboxResult> =>
      sandbox.run(job(code, { call: "members", input: { a: 1, b: 2 } }));
    expect(await call("def main(a, b): return a + b")).toMatchObject({ value: 3 });
    expect(await call("def main(a, **rest): return [a, rest]")).toMatchObject({ value: [1, { b: 2 }] });
    expect(await call("def main(a): return a")).toMatchObject({
      type: "failed",
      message: expect.stringContaining("unexpected keyword argument 'b'") as string,
    });
  });

  test("an async main is run as far as it goes by itself", async () => {
    expect(await sandbox.run(job("async def main(x): return x", { input: 5 }))).toMatchObject({ value: 5 });
    const waiting = "import asyncio\nasync def main(): await asyncio.sleep(1)";
    expect(await sandbox.run(job(waiting))).toMatchObject({ type: "failed" });
  });

  test.each(["float('nan')", "float('inf')", "{1, 2}", "b'x'", "[print]", "1j"])(
    "%s is no JSON and says so",
    async (expression) => {
      expect(await value(`return ${expression}`)).toMatchObject({
        type: "failed",
        message: expect.stringMatching(/JSON/),
      });
    },
  );

  test("1 GB of output ends the job alone", async () => {
    expect(await value("import os\nfor _ in range(1000):\n    os.write(1, b'x' * 1_000_000)\nreturn 1")).toBeDefined();
    expect(await value("return 'x' * 90_000_000")).toMatchObject({ type: "stopped" });
    expect(await value("return 1")).toBe(1);
  });

  test.each(["import os\nos._exit(0)", "import sys\nsys.exit(3)", "import os\nos.abort()", "raise KeyboardInterrupt"])(
    "code that ends its interpreter fails alone: %j",
    async (body) => {
      expect(await value(body)).toMatchObject({ type: "failed" });
      expect(await value("return 1")).toBe(1);
    },
  );

  test.runIf(process.platform === "linux")("code whose interpreter the system kills was stopped, alone", async () => {
    const killed = job("def main():\n    print('begun')\n    while True: pass", { log: () => killInterpreters() });
    const message = expect.stringContaining("SIGKILL") as string;
    expect(await sandbox.run(killed)).toEqual({ type: "stopped", limit: "machine", message });
    expect(await value("return 1")).toBe(1);
  });
});

/** `kill -9`, as by a system without memory. */
function killInterpreters(): void {
  for (const pid of readdirSync("/proc").filter((name) => /^\d+$/.test(name))) {
    try {
      if (!readFileSync(`/proc/${pid}/status`, "utf8").includes(`\nPPid:\t${process.pid}\n`)) continue;
      if (readFileSync(`/proc/${pid}/cmdline`, "utf8").includes("python-child")) process.kill(Number(pid), "SIGKILL");
    } catch {
      // It has ended meanwhile.
    }
  }
}

describe("further Python packages", () => {
  const folder = mkdtempSync(join(tmpdir(), "weft-wheels-"));
  // Named as in Pyodide's list, and with other bytes.
  writeFileSync(join(folder, "six-1.17.0-py2.py3-none-any.whl"), "no wheel");
  const sandbox = pythonSandbox({ processes: 1, spare: 0, packages: folder });
  afterAll(async () => {
    await sandbox.close();
    rmSync(folder, { recursive: true });
  });

  test.each(["numpy", "pandas"])("%s, where nobody has installed it, says how it would come here", async (name) => {
    expect(await sandbox.run(job(`import ${name}\ndef main(): return 1`))).toMatchObject({
      type: "failed",
      message: expect.stringMatching(/WEFT_PYTHON_PACKAGES.*image/) as string,
      at: "line 1",
    });
  });

  test("a wheel whose bytes are not those of the release is not installed, and code without it runs", async () => {
    expect(await sandbox.run(job("import six\ndef main(): return 1"))).toMatchObject({ type: "failed" });
    expect(await sandbox.run(job("def main(): return 1"))).toEqual({ type: "completed", value: 1 });
  });
});
