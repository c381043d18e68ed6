/** Libraries whose every use is a request: the sandbox has no network, and says so at the import. */
export const NETWORK_LIBRARIES: ReadonlySet<string> = new Set([
  "requests",
  "httpx",
  "aiohttp",
  "urllib3",
  "websockets",
]);

/** Libraries that are not part of Python, and that an operator can add to the sandbox. */
export const ADDED_LIBRARIES: ReadonlySet<string> = new Set([
  "PIL",
  "bs4",
  "jinja2",
  "lxml",
  "matplotlib",
  "networkx",
  "numpy",
  "pandas",
  "pydantic",
  "pytz",
  "scipy",
  "sklearn",
  "sympy",
  "tiktoken",
  "yaml",
]);

/**
 * The libraries that Python code names in its import statements, in their order, each once. The code is looked at line by
 * line and never run; what it imports by other means is not found.
 */
export function importedLibraries(code: string): readonly string[] {
  const found = new Set<string>();
  for (const line of code.split("\n")) {
    const [keyword, ...rest] = line.trim().split(/[ \t]/);
    if (keyword !== "import" && keyword !== "from") continue;
    const names = rest.join(" ").split("#")[0]!;
    // `from a.b import c` names one library; `import a, b.c as d` names two.
    for (const name of keyword === "from" ? [names.trimStart().split(" ")[0]!] : names.split(",")) {
      const library = name.trim().split(/[ .]/)[0]!;
      if (/^[A-Za-z_]\w*$/.test(library)) found.add(library);
    }
  }
  return [...found];
}
