import { spawnSync } from "node:child_process";
import type { ContainerChoice } from "./containers.ts";

/** A program that runs containers, and how it has to be called on this machine. */
export interface ContainerEngine {
  readonly command: string;
  /** Before every subcommand. */
  readonly flags: readonly string[];
  readonly version: string;
}

const ASK_MS = 10_000;
/** On a host with version 1 of control groups podman's own defaults (systemd, crun) do not start. */
const OLD_CGROUP_FLAGS = ["--cgroup-manager", "cgroupfs", "--runtime", "runc"];

/**
 * The engine of this machine: podman or docker, whichever is there and answers; null when there is none. Asks programs
 * and waits for them, so it is called once, and only where a workflow names an image.
 */
export function findContainerEngine(choice: ContainerChoice = "auto"): ContainerEngine | null {
  if (choice === "off") return null;
  return (choice === "docker" ? null : podman()) ?? (choice === "podman" ? null : docker());
}

/** Whether an image is on this machine. Nothing is ever fetched. */
export function hasImage({ command, flags }: ContainerEngine, image: string): boolean {
  return ask(command, [...flags, "image", "inspect", "--format", "{{.Id}}", image]) !== null;
}

function podman(): ContainerEngine | null {
  const text = ask("podman", ["info", "--format", "json"]);
  if (text === null) return null;
  const { host, version } = JSON.parse(text) as {
    readonly host?: { readonly cgroupVersion?: string };
    readonly version?: { readonly Version?: string };
  };
  const flags = host?.cgroupVersion === "v1" ? OLD_CGROUP_FLAGS : [];
  return { command: "podman", flags, version: version?.Version ?? "unknown" };
}

function docker(): ContainerEngine | null {
  // The client alone is no engine: it is asked for the server's version.
  const version = ask("docker", ["version", "--format", "{{.Server.Version}}"]);
  return version === null || version.trim() === "" ? null : { command: "docker", flags: [], version: version.trim() };
}

/** What a program says on standard output; null when it is not there, fails, or does not answer. */
function ask(command: string, args: readonly string[]): string | null {
  const asked = spawnSync(command, args, { encoding: "utf8", timeout: ASK_MS, stdio: ["ignore", "pipe", "ignore"] });
  return asked.status === 0 ? asked.stdout : null;
}
