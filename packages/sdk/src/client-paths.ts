export function filePath(id: string): string {
  return `/api/files/${encodeURIComponent(id)}`;
}

/** A workflow file as a body; JSON is YAML as well. */
export function yaml(text: string): { readonly headers: { readonly "content-type": string }; readonly text: string } {
  return { headers: { "content-type": "application/yaml" }, text };
}

export function workflowPath(name: string, part: string, version?: string): string {
  const query = version === undefined ? "" : `?version=${encodeURIComponent(version)}`;
  return `/api/workflows/${encodeURIComponent(name)}${part}${query}`;
}

/** The members that are set, as the query of an address. */
export function queryOf(members: object): string {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(members)) if (value !== undefined) query.set(name, String(value));
  return query.size === 0 ? "" : `?${query}`;
}

export function runPath(id: string): string {
  return `/api/runs/${encodeURIComponent(id)}`;
}
