export * from "./run.ts";
export type { FileLink, FileResource, FileValue, UploadOptions } from "./file.ts";
export * from "./conversation.ts";
export type { ConversationClient } from "./conversation-client.ts";
export * from "./dead-letter.ts";
export type { DeadLetterClient, OperationClient } from "./intervention-client.ts";
export * from "./operation.ts";
export * from "./detail.ts";
export * from "./export.ts";
export * from "./pool.ts";
export type { PoolClient } from "./pool-client.ts";
export * from "./schedule.ts";
export type { ScheduleClient } from "./schedule-client.ts";
export * from "./secret.ts";
export * from "./trigger.ts";
export * from "./webhook.ts";
export type { WebhookClient } from "./webhook-client.ts";
export { verifyWebhook, WebhookVerificationError, type WebhookHeaders } from "./verify-webhook.ts";
export * from "./worker/wire.ts";
export { createWorker, type OwnWorker, type WorkerOptions } from "./worker/worker.ts";
export { TaskError, type WorkerHandler, type WorkerTask } from "./worker/task.ts";
export * from "./workflow.ts";
export {
  WeftClient,
  type ClientOptions,
  type PublishedWorkflow,
  type ScopeOptions,
  type VersionOptions,
} from "./client.ts";
export type { CallOptions, RepeatableOptions } from "./api.ts";
export type { StreamOptions, StreamTransport } from "./stream.ts";
export { WeftError, type Problem } from "./problem.ts";
