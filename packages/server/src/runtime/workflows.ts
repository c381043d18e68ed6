import { createHash } from "node:crypto";
import { AppError, canonicalJson, compile, nestedKey } from "@weftwork/core";
import type { JsonObject, Plan, PlanNode, Problem } from "@weftwork/core";
import type { WorkflowDetail, WorkflowGraph, WorkflowVersion } from "@weftwork/sdk";
import type { Catalogue, StoredVersion } from "../db/catalogue.ts";
import { poolOf, type NodeRegistry } from "../nodes/node.ts";
import type { Clock } from "./clock.ts";
import { readSource } from "./read-source.ts";
import { versionView, workflowDetail, workflowGraph } from "./workflow-view.ts";

/** A plan with everything it needs to run: the plans of nested workflows, pinned by hash. */
export interface PreparedPlan {
  readonly plan: Plan;
  /** By the name each is called by (`name@version`). */
  readonly nested: ReadonlyMap<string, Plan>;
  readonly pins: Readonly<Record<string, string>>;
}

export interface Validation {
  readonly problems: readonly Problem[];
  readonly plan: Plan | null;
  /** Steps that are right but cannot run in this process, and why. */
  readonly unavailable: readonly { readonly step: string; readonly type: string; readonly reason: string }[];
}

export interface WorkflowsOptions {
  readonly catalogue: Catalogue;
  readonly registry: NodeRegistry;
  readonly clock: Clock;
  readonly tenant: string;
  /** Compiled plans by hash, where several engines of one process share them. */
  readonly plans?: Map<string, Plan>;
  /** The secrets there are; left out: none is missed. */
  readonly secretNames?: () => Promise<ReadonlySet<string>>;
}

/** How long "the newest version" may be out of date when another process publishes. */
const NEWEST_MS = 1000;
/** Compiled plans kept. */
const PLANS_MAX = 500;

/** The published workflows, compiled when they are needed and kept compiled. */
export class Workflows {
  private readonly options: WorkflowsOptions;
  private readonly plans: Map<string, Plan>;
  private readonly newest = new Map<string, { readonly prepared: PreparedPlan; readonly until: number }>();

  constructor(options: WorkflowsOptions) {
    this.options = options;
    this.plans = options.plans ?? new Map();
  }

  /** All that is wrong with a text, and what this process could not run of it. Executes nothing. */
  validate(source: string, secretNames?: ReadonlySet<string>): Validation {
    const read = readSource(source, this.options.registry.ownTypes());
    if (!read.workflow) return { problems: read.problems, plan: null, unavailable: [] };
    const compiled = compile(read.workflow, {
      version: read.workflow.version ?? "0.0.0",
      hash: digest(canonicalJson(read.content)),
      digest,
      ...(read.locate === null ? {} : { locate: read.locate }),
      pointer: read.pointer,
      outwardFields: (type) => this.options.registry.secretFields(type),
      ...(secretNames ? { secretNames } : {}),
    });
    const problems = [...read.problems, ...compiled.problems];
    if (!compiled.ok) return { problems, plan: null, unavailable: [] };
    return { problems, plan: compiled.plan, unavailable: this.unavailable(compiled.plan) };
  }

  /** The same, with a warning for each secret that is not there yet. */
  async check(source: string): Promise<Validation> {
    return this.validate(source, await this.options.secretNames?.());
  }

  /** Makes a workflow runnable by its name. The same content again is the same version. */
  async publish(
    source: string,
    options: { readonly version?: string } = {},
  ): Promise<WorkflowVersion & { readonly created: boolean; readonly problems: readonly Problem[] }> {
    const { problems, plan } = await this.check(source);
    if (!plan) throw invalid(problems);
    const createdAt = this.options.clock.now();
    const stored = await this.options.catalogue.publish({
      tenant: this.options.tenant,
      name: plan.name,
      version: options.version ?? plan.workflow.version,
      hash: plan.hash,
      source,
      createdAt,
    });
    this.newest.clear();
    return { ...versionView(stored), created: stored.createdAt === createdAt, problems };
  }

  async find(name: string, version: string | null = null): Promise<WorkflowVersion | null> {
    const stored = await this.options.catalogue.find(this.options.tenant, name, version);
    return stored && versionView(stored);
  }

  async list(): Promise<readonly WorkflowVersion[]> {
    return (await this.options.catalogue.list(this.options.tenant)).map(versionView);
  }

  /** A version (left out: the newest) with what its author wrote; null when it is not there. */
  async describe(name: string, version: string | null = null): Promise<WorkflowDetail | null> {
    const stored = await this.options.catalogue.find(this.options.tenant, name, version);
    return stored && workflowDetail(stored, this.compiled(stored));
  }

  /** All versions of a workflow, the newest published first. */
  async versions(name: string): Promise<readonly WorkflowVersion[]> {
    return (await this.options.catalogue.versions(this.options.tenant, name)).map(versionView);
  }

  /** The plan as a graph to be drawn; null when there is no such version. */
  async graph(name: string, version: string | null = null): Promise<WorkflowGraph | null> {
    const stored = await this.options.catalogue.find(this.options.tenant, name, version);
    return stored && { ...workflowGraph(this.compiled(stored)), version: stored.version };
  }

  /** The newest versions of the workflows that have triggers. */
  async withTriggers(): Promise<readonly Plan[]> {
    const newest = await this.options.catalogue.list(this.options.tenant);
    // Only these are worth compiling: a trigger has its kind in the text.
    return newest.filter(({ source }) => source.includes("trigger-")).map((stored) => this.numbered(stored));
  }

  /** What workflows say themselves, in their newest version, about how long their runs are kept. */
  async ownRetentions(): Promise<readonly { readonly workflow: string; readonly keepMs: number }[]> {
    const newest = await this.options.catalogue.list(this.options.tenant);
    // Only these are worth compiling: one who says it has the word in the text.
    const plans = newest.filter(({ source }) => source.includes("retention")).map((stored) => this.compiled(stored));
    return plans.flatMap(({ workflow }) =>
      workflow.retention === null ? [] : [{ workflow: workflow.name, keepMs: workflow.retention.keepMs }],
    );
  }

  /** The plan a new run gets. Synchronous while it is known, since every submission passes here. */
  prepare(name: string, version: string | null): PreparedPlan | Promise<PreparedPlan> {
    const known = this.newest.get(nestedKey(name, version));
    if (known && known.until > this.options.clock.now()) return known.prepared;
    return this.lookUp(name, version);
  }

  /** The plans a run was pinned to when it began. */
  async pinned(
    hash: string,
    pins: Readonly<Record<string, string>>,
    tenant = this.options.tenant,
  ): Promise<PreparedPlan> {
    const plan = await this.planOf(tenant, hash);
    const nested = new Map<string, Plan>();
    for (const [key, nestedHash] of Object.entries(pins)) nested.set(key, await this.planOf(tenant, nestedHash));
    return { plan, nested, pins };
  }

  /** The version that a hash names, with what its author wrote. */
  async source(hash: string, tenant = this.options.tenant): Promise<StoredVersion> {
    const stored = await this.options.catalogue.byHash(tenant, hash);
    if (!stored) throw new AppError("RUN_DAMAGED", { reason: `the workflow version ${hash} is gone` });
    return stored;
  }

  /** Types of steps that the language does not know, with the fields that they send outside. */
  ownTypes(): ReadonlyMap<string, readonly string[]> {
    const { registry } = this.options;
    return new Map(registry.ownTypes().map((type) => [type, registry.secretFields(type)]));
  }

  /** The pool whose workers do a step; null for a control step, and where nobody here knows the type. */
  poolOf(node: PlanNode): string | null {
    if (node.kind !== "work") return null;
    const { registry } = this.options;
    return registry.has(node.type) ? poolOf(registry.get(node.type), node.pool) : node.pool;
  }

  private async lookUp(name: string, version: string | null): Promise<PreparedPlan> {
    const stored = await this.options.catalogue.find(this.options.tenant, name, version);
    if (!stored) throw new AppError("WORKFLOW_NOT_FOUND", { workflow: version === null ? name : `${name} ${version}` });
    const plan = this.numbered(stored);
    const nested = new Map<string, Plan>();
    const pins: Record<string, string> = {};
    const open = [...plan.nested];
    for (let key = open.pop(); key !== undefined; key = open.pop()) {
      if (nested.has(key)) continue;
      const [inner, innerVersion] = splitKey(key);
      const found = await this.options.catalogue.find(this.options.tenant, inner, innerVersion);
      if (!found) throw new AppError("WORKFLOW_NOT_FOUND", { workflow: `${inner} (a step of ${name} runs it)` });
      const innerPlan = this.compiled(found);
      nested.set(key, innerPlan);
      pins[key] = found.hash;
      open.push(...innerPlan.nested);
    }
    const prepared = { plan, nested, pins };
    this.newest.set(nestedKey(name, version), { prepared, until: this.options.clock.now() + NEWEST_MS });
    return prepared;
  }

  private async planOf(tenant: string, hash: string): Promise<Plan> {
    const known = this.plans.get(hash);
    if (known) return known;
    const stored = await this.options.catalogue.byHash(tenant, hash);
    if (!stored)
      throw new AppError("RUN_DAMAGED", { reason: `the workflow version ${hash} it was started with is gone` });
    return this.compiled(stored);
  }

  private compiled(stored: StoredVersion): Plan {
    const known = this.plans.get(stored.hash);
    if (known) {
      this.plans.delete(stored.hash);
      this.plans.set(stored.hash, known);
      return known;
    }
    const { plan, problems } = this.validate(stored.source);
    if (!plan) throw invalid(problems);
    const numbered: Plan = { ...plan, version: stored.version };
    this.plans.set(stored.hash, numbered);
    if (this.plans.size > PLANS_MAX) this.plans.delete(this.plans.keys().next().value!);
    return numbered;
  }

  /** The same content may have been published under several numbers. */
  private numbered(stored: StoredVersion): Plan {
    const compiled = this.compiled(stored);
    return compiled.version === stored.version ? compiled : { ...compiled, version: stored.version };
  }

  private unavailable(plan: Plan): Validation["unavailable"] {
    const { registry } = this.options;
    return plan.bodies.flatMap((body) =>
      body.nodes.flatMap((node) => {
        if (node.kind !== "work") return [];
        const reason = registry.has(node.type)
          ? (registry.get(node.type).unavailable?.(node.step.kind === "work" ? node.step.config : {}) ?? null)
          : "no node of this type is registered in this process";
        return reason === null ? [] : [{ step: node.id, type: node.type, reason }];
      }),
    );
  }
}

function digest(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}

function invalid(problems: readonly Problem[]): AppError {
  const errors = problems.filter((problem) => problem.severity === "error");
  const first = errors[0];
  return new AppError("INVALID_WORKFLOW", {
    count: errors.length,
    first: first ? `line ${first.place.line}: ${first.message}` : "",
    problems: problems as unknown as readonly JsonObject[],
  });
}

function splitKey(key: string): [string, string | null] {
  const at = key.lastIndexOf("@");
  return [key.slice(0, at), key.slice(at + 1) === "" ? null : key.slice(at + 1)];
}
