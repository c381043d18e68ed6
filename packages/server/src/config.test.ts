import { AppError } from "@weftwork/core";
import { describe, expect, test } from "vitest";
import { readConfig } from "./config.ts";

test("without any variable everything has its default", () => {
  expect(readConfig({})).toEqual({
    host: "127.0.0.1",
    port: 9338,
    data: "./.weft",
    databaseUrl: null,
    databaseListenUrl: null,
    metricsPort: null,
    httpLimits: { headersMs: 10_000, requestMs: 60_000, connectionsPerAddress: 5000, streamsPerAddress: 2000 },
    httpPorts: null,
    fileBytesMax: 104_857_600,
    filesBytesMax: 10_737_418_240,
    fileRetention: null,
    fileTypes: [],
    datasets: {},
    httpAllow: [],
    pools: {},
    backlogMax: 100_000,
    sheds: true,
    s3: {
      url: null,
      region: "us-east-1",
      accessKeyId: null,
      accessKeyIdFile: null,
      secretAccessKey: null,
      secretAccessKeyFile: null,
    },
    retention: null,
    logLevel: "info",
    codeMemory: 256 * 1024 * 1024,
    codeOutput: 16 * 1024 * 1024,
    pythonPackages: null,
    live: "auto",
    transport: "auto",
    redisUrl: null,
    rabbitmqUrl: null,
    serves: null,
    own: true,
    queueTimeout: null,
    handover: true,
    containers: "auto",
    bodyLimit: 16 * 1024 * 1024,
    unknown: [],
  });
});

test.each([
  [{ WEFT_HOST: "localhost" }, { host: "localhost" }],
  [{ WEFT_HOST: "[::1]" }, { host: "::1" }],
  [{ WEFT_HOST: "127.5.0.1" }, { host: "127.5.0.1" }],
  [{ WEFT_PORT: "0" }, { port: 0 }],
  [{ WEFT_PORT: " 8080 " }, { port: 8080 }],
  [{ WEFT_PORT: "" }, { port: 9338 }],
  [{ WEFT_METRICS_PORT: "9400" }, { metricsPort: 9400 }],
  [
    {
      WEFT_HEADERS_TIMEOUT: "5s",
      WEFT_REQUEST_TIMEOUT: "2m",
      WEFT_CONNECTIONS_PER_ADDRESS: "50",
      WEFT_STREAMS_PER_ADDRESS: "9",
    },
    { httpLimits: { headersMs: 5000, requestMs: 120_000, connectionsPerAddress: 50, streamsPerAddress: 9 } },
  ],
  [{ WEFT_DATA: "/srv/weft" }, { data: "/srv/weft" }],
  [{ WEFT_DATABASE_URL: "postgres://a:b@db/x" }, { databaseUrl: "postgres://a:b@db/x" }],
  [{ WEFT_DATABASE_LISTEN_URL: "postgres://a:b@db/x" }, { databaseListenUrl: "postgres://a:b@db/x" }],
  [{ WEFT_HTTP_ALLOW: "localhost:8080, [::1]:90" }, { httpAllow: ["localhost:8080", "[::1]:90"] }],
  [{ WEFT_HTTP_PORTS: "443, 8000-8999" }, { httpPorts: ["443", "8000-8999"] }],
  [
    { WEFT_FILE_BYTES_MAX: "2GB", WEFT_FILES_BYTES_MAX: "1TB" },
    { fileBytesMax: 2 * 1024 ** 3, filesBytesMax: 1024 ** 4 },
  ],
  [{ WEFT_DATASETS: "a=/srv/a, b=/srv/b" }, { datasets: { a: "/srv/a", b: "/srv/b" } }],
  [{ WEFT_FILE_TYPES: "Image/*, application/pdf" }, { fileTypes: ["image/*", "application/pdf"] }],
  [{ WEFT_FILE_RETENTION: "30d" }, { fileRetention: "30d" }],
  [{ WEFT_POOLS: "default=64, generation=16" }, { pools: { default: 64, generation: 16 } }],
  [
    { WEFT_POOLS: '{"default": 64, "generation": {"max": 32, "adaptive": "gradient"}, "gpu": {"max": 2}}' },
    { pools: { default: 64, generation: { max: 32, adaptive: "gradient" }, gpu: { max: 2, adaptive: true } } },
  ],
  [
    { WEFT_BACKLOG_MAX: "500", WEFT_SHED: "false" },
    { backlogMax: 500, sheds: false },
  ],
  [
    { WEFT_S3_URL: "http://127.0.0.1:9000/weft/team", WEFT_S3_REGION: "eu-central-1" },
    { s3: { url: "http://127.0.0.1:9000/weft/team", region: "eu-central-1" } },
  ],
  [
    { WEFT_S3_ACCESS_KEY_ID: "a", WEFT_S3_SECRET_ACCESS_KEY_FILE: "/run/secrets/s3" },
    { s3: { accessKeyId: "a", secretAccessKey: null, secretAccessKeyFile: "/run/secrets/s3" }, unknown: [] },
  ],
  [{ WEFT_LOG: "WARN" }, { logLevel: "warn" }],
  [{ WEFT_BODY_LIMIT: "2MB" }, { bodyLimit: 2 * 1024 * 1024 }],
  [
    { WEFT_CODE_MEMORY: "1GB", WEFT_CODE_OUTPUT: "1MB" },
    { codeMemory: 1024 ** 3, codeOutput: 1024 ** 2 },
  ],
  [{ WEFT_PROT: "1", WEFT_TEST_POSTGRES_URL: "x", PATH: "y" }, { unknown: ["WEFT_PROT"] }],
  [
    { WEFT_LIVE: "Redis", WEFT_REDIS_URL: "redis://10.0.0.7:6379" },
    { live: "redis", redisUrl: "redis://10.0.0.7:6379" },
  ],
])("%j is read", (environment, wanted) => expect(readConfig(environment)).toMatchObject(wanted));

describe("mistakes", () => {
  test.each([
    ["WEFT_HOST", "0.0.0.0", /no keys, so it binds loopback only/],
    ["WEFT_HOST", "127.0.0.1.example.com", /loopback/],
    ["WEFT_HOST", "127.0.0.256", /loopback/],
    ["WEFT_PORT", "65536", /0 to 65535/],
    ["WEFT_PORT", "80a", /whole number/],
    ["WEFT_PORT", "-1", /whole number/],
    ["WEFT_DATABASE_URL", "mysql://db/x", /PostgreSQL/],
    ["WEFT_DATABASE_URL", "not a url", /PostgreSQL/],
    ["WEFT_DATABASE_LISTEN_URL", "mysql://db/x", /PostgreSQL/],
    ["WEFT_HTTP_ALLOW", "localhost", /host:port/],
    ["WEFT_HTTP_ALLOW", "http://localhost:80", /host:port/],
    ["WEFT_HTTP_PORTS", "443,http", /80,443,8000-8999/],
    ["WEFT_HTTP_PORTS", "9-8", /80,443,8000-8999/],
    ["WEFT_FILE_BYTES_MAX", "much", /100MB/],
    ["WEFT_DATASETS", "handbook", /handbook=\.\/handbook/],
    ["WEFT_FILE_TYPES", "pdf", /application\/pdf/],
    ["WEFT_FILE_RETENTION", "soon", /30d/],
    ["WEFT_POOLS", "default", /default=64/],
    ["WEFT_POOLS", "default=0", /default=64/],
    ["WEFT_POOLS", '{"default": 0}', /"default":0.*default=64/],
    ["WEFT_POOLS", '{"default": {"max": 4, "adaptive": "maybe"}}', /default=64/],
    ["WEFT_POOLS", '{"default": {"max": 4, "min": 1}}', /default=64/],
    ["WEFT_POOLS", '{"default"', /no JSON object/],
    ["WEFT_BACKLOG_MAX", "0", /1 to/],
    ["WEFT_S3_URL", "https://host:9000", /https:\/\/host:9000\/bucket/],
    ["WEFT_S3_URL", "s3://bucket", /no address of a bucket/],
    ["WEFT_S3_URL", "https://key:secret@host/bucket", /keys in settings of their own/],
    ["WEFT_S3_REGION", "eu central", /eu-central-1/],
    ["WEFT_LOG", "loud", /silent/],
    ["WEFT_BODY_LIMIT", "1", /1KB to 512MB/],
    ["WEFT_HEADERS_TIMEOUT", "1ms", /100ms to 1h/],
    ["WEFT_CONNECTIONS_PER_ADDRESS", "0", /1 to 20000/],
    ["WEFT_BODY_LIMIT", "16 apples", /16MB/],
  ])("%s=%s is refused, with its name and the remedy", (variable, text, message) => {
    const error = mistakesOf({ [variable]: text });
    expect(error.details["mistakes"]).toEqual([{ variable, message: expect.stringMatching(message) as unknown }]);
    expect(error.message).toContain(variable);
  });

  test("are all told at once", () => {
    const error = mistakesOf({ WEFT_PORT: "x", WEFT_HOST: "10.0.0.1", WEFT_LOG: "y", WEFT_DATA: "fine" });
    expect(error.details["count"]).toBe(3);
    expect((error.details["mistakes"] as { variable: string }[]).map((one) => one.variable)).toEqual([
      "WEFT_HOST",
      "WEFT_PORT",
      "WEFT_LOG",
    ]);
  });

  test("never show the password of a database", () => {
    expect(JSON.stringify(mistakesOf({ WEFT_DATABASE_URL: "mysql://root:s3cret@db/x" }).details)).not.toContain(
      "s3cret",
    );
  });
});

function mistakesOf(environment: Record<string, string>): AppError {
  try {
    readConfig(environment);
  } catch (error) {
    if (error instanceof AppError && error.code === "CONFIGURATION_INVALID") return error;
    throw error;
  }
  throw new Error("the configuration was accepted");
}
