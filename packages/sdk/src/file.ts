import type { FileValue } from "@weftwork/core";

export type { FileValue } from "@weftwork/core";

/** A file as the API shows it. It can be given as an input of a run as it is. */
export interface FileResource extends FileValue {
  readonly created_at: string;
  /** Null: it stays until it is removed. */
  readonly expires_at: string | null;
  readonly links: { readonly self: string; readonly content: string };
}

/** A way to the bytes of one file, for a short time. */
export interface FileLink {
  /** Below the address of the server. */
  readonly url: string;
  readonly expires_at: string;
}

export interface UploadOptions {
  /** Left out: the name of the `File`, or `file`. */
  readonly name?: string;
  /** Media type. Left out: that of the `Blob`. */
  readonly type?: string;
  /** How long the server keeps it, such as `7d`. Left out: as it is configured. */
  readonly expiresIn?: string;
}

/** A form with the file in it. A `Blob` is not copied: one of a file on disk is read while it is sent. */
export function uploadForm(source: Blob | Uint8Array<ArrayBuffer> | string, { name, type }: UploadOptions): FormData {
  const given = source instanceof Blob ? source : new Blob([source]);
  const blob = type === undefined ? given : given.slice(0, given.size, type);
  const form = new FormData();
  form.append("file", blob, name ?? (given instanceof File ? given.name : "file"));
  return form;
}
