/** How a provider of the configuration is spoken to. All of them speak the chat protocol of OpenAI. */
export interface KnownProvider {
  /** Where it is when the configuration does not say; null: it must say. */
  readonly endpoint: string | null;
}

/** The servers that people run on their own machine, by the name that their models get, with their usual ports. */
export const LOCAL_SERVERS = {
  ollama: { port: 11_434 },
  lm_studio: { port: 1234 },
  llama_cpp: { port: 8080 },
  vllm: { port: 8000 },
} as const;
export type LocalServer = keyof typeof LOCAL_SERVERS;

export const PROVIDERS: Readonly<Record<string, KnownProvider>> = {
  openai_compatible: { endpoint: null },
  /** A server of one's own. Without a template of its own it speaks the same protocol. */
  custom_llm: { endpoint: null },
  openai: { endpoint: "https://api.openai.com/v1" },
  ...Object.fromEntries(
    Object.entries(LOCAL_SERVERS).map(([name, { port }]) => [name, { endpoint: `http://127.0.0.1:${port}/v1` }]),
  ),
};
