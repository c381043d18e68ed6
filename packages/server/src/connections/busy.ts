import { AppError } from "@weftwork/core";

/** What a caller is told when all connections are in use. */
export function busy(connections: number): AppError {
  return new AppError("STORE_UNAVAILABLE", {
    reason: `all ${connections} connections of this process are in use`,
    retryAfter: 2,
  });
}
