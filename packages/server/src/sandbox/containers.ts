import type { SandboxJob } from "./sandbox.ts";

/** What is run in a container: input on standard input, result on standard output, log lines on standard error. */
export interface ContainerJob extends Pick<SandboxJob, "limits" | "signal" | "log"> {
  readonly image: string;
  /** Program and arguments; empty: those of the image. */
  readonly command: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
  /** Share of cores. */
  readonly cpus: number;
  readonly stdin: string;
}

export type ContainerResult =
  | { readonly type: "completed"; readonly stdout: string }
  /** `code` is the exit code; `last` what it wrote last on standard error. */
  | { readonly type: "failed"; readonly code: number | null; readonly last: string }
  | { readonly type: "stopped"; readonly limit: "time" | "memory" | "output"; readonly message: string }
  | { readonly type: "aborted" };

/** Runs containers, each for one job, and removes them. */
export interface Containers {
  /** Why an image cannot run here, with the remedy; null when it can. Looks at the machine, not at any registry. */
  unavailable(image: string): string | null;
  run(job: ContainerJob): Promise<ContainerResult>;
  close(): Promise<void>;
}

/** Which program runs containers; `auto`: podman, else docker. */
export const CONTAINER_CHOICES = ["auto", "podman", "docker", "off"] as const;
export type ContainerChoice = (typeof CONTAINER_CHOICES)[number];
