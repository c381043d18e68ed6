/**
 * The published versions of workflows. A version never changes; publishing the same content again is the same version.
 */
export interface Catalogue {
  /**
   * Stores a version. `version` null takes the next patch number of the workflow (first: 0.0.1), unless the newest has
   * the same content, which is then returned. A given version that exists with other content is refused with
   * `WORKFLOW_VERSION_EXISTS`.
   */
  publish(version: NewVersion): Promise<StoredVersion>;
  /** A version by number, or the newest one published. Null when there is none. */
  find(tenant: string, name: string, version: string | null): Promise<StoredVersion | null>;
  byHash(tenant: string, hash: string): Promise<StoredVersion | null>;
  /** The newest version of each workflow, by name. */
  list(tenant: string): Promise<readonly StoredVersion[]>;
  /** All versions of a workflow, the newest published first. Empty when there is no such workflow. */
  versions(tenant: string, name: string): Promise<readonly StoredVersion[]>;
}

export interface NewVersion {
  readonly tenant: string;
  readonly name: string;
  readonly version: string | null;
  /** SHA-256 of the canonical document. */
  readonly hash: string;
  /** The author's text, YAML or JSON. */
  readonly source: string;
  readonly createdAt: number;
}

export interface StoredVersion extends NewVersion {
  readonly version: string;
}
