/** What the sandbox uses of WebAssembly. Node has it; the types of Node and of the language do not describe it. */
declare namespace WebAssembly {
  class Module {
    private readonly compiled: true;
  }
  class Memory {
    constructor(limits: { readonly initial: number; readonly maximum: number });
    readonly buffer: ArrayBuffer;
  }
  function compile(bytes: Uint8Array): Promise<Module>;
  /** Replaced in the process of the Python sandbox. */
  let instantiate: (source: unknown, imports: object) => Promise<unknown>;
}
