import { AppError } from "@weftwork/core";

/** How long a publisher waits for its service. */
export const PUBLISH_MS_MAX = 2000;

/** `TRANSPORT_UNAVAILABLE` with the reason that a driver met. */
export function transportUnavailable(error: unknown): AppError {
  if (error instanceof AppError) return error;
  return new AppError("TRANSPORT_UNAVAILABLE", { reason: reasonOf(error) }, { cause: error });
}

/** Waits for the service as long as a publisher may. What comes after is nobody's any more, and may happen still. */
export async function soon<T>(work: Promise<T>): Promise<T> {
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(
    () => late.reject(new Error(`no answer within ${PUBLISH_MS_MAX / 1000} s`)),
    // The rest of the two seconds is the event loop's.
    PUBLISH_MS_MAX - 200,
  );
  try {
    return await Promise.race([work, late.promise]);
  } catch (error) {
    throw transportUnavailable(error);
  } finally {
    clearTimeout(timer);
    work.catch(() => undefined);
  }
}

export function reasonOf(error: unknown): string {
  if (error instanceof AggregateError) return error.errors.map((inner) => reasonOf(inner)).join("; ");
  return error instanceof Error ? error.message || error.name : String(error);
}
