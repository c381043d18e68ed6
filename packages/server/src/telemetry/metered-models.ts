import type { Model, ModelAbilities, ModelContext, ModelPart, ModelRequest, ModelResult } from "../gateway/model.ts";
import type { Catalog } from "../gateway/catalog.ts";
import type { ModelCall } from "./engine-metrics.ts";

type Called = (call: ModelCall) => void;

/** The same models, each call of which is told when it has ended. `now` is in milliseconds, and steady. */
export function meteredModels(catalog: Catalog<Model>, called: Called, now: () => number): Catalog<Model> {
  const metered = new WeakMap<Model, Model>();
  return {
    get(name) {
      const model = catalog.get(name);
      let one = metered.get(model);
      if (!one) metered.set(model, (one = new MeteredModel(model, called, now)));
      return one;
    },
    list: () => catalog.list(),
  };
}

class MeteredModel implements Model {
  readonly id: string;
  readonly provider: string;
  readonly abilities?: ModelAbilities;
  private readonly model: Model;
  private readonly called: Called;
  private readonly now: () => number;

  constructor(model: Model, called: Called, now: () => number) {
    this.id = model.id;
    this.provider = model.provider;
    if (model.abilities) this.abilities = model.abilities;
    this.model = model;
    this.called = called;
    this.now = now;
  }

  async generate(request: ModelRequest, context: ModelContext): Promise<ModelResult> {
    const call = this.begin(context);
    try {
      const result = await this.model.generate(request, context);
      call.finished(result.usage);
      return result;
    } finally {
      call.end();
    }
  }

  async *stream(request: ModelRequest, context: ModelContext): AsyncGenerator<ModelPart> {
    const call = this.begin(context);
    try {
      for await (const part of this.model.stream(request, context)) {
        if (part.type === "finish") call.finished(part.usage);
        else if (part.type !== "text_start") call.spoke();
        yield part;
      }
    } finally {
      call.end();
    }
  }

  private begin({ signal }: ModelContext) {
    const { id: model, provider, called, now } = this;
    const began = now();
    const seconds = (): number => (now() - began) / 1000;
    let firstSeconds: number | null = null;
    let usage: ModelCall["usage"] = null;
    return {
      spoke: () => void (firstSeconds ??= seconds()),
      finished: (counted: NonNullable<ModelCall["usage"]>) => void (usage = counted),
      end(): void {
        const status = usage !== null ? "succeeded" : signal.aborted ? "cancelled" : "failed";
        called({ provider, model, status, seconds: seconds(), firstSeconds, usage });
      },
    };
  }
}
