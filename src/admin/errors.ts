/**
 * The refusals of the admin address, which all have one form. Knows no route.
 *
 * @module
 */

import { z } from "zod";

/** The statuses that a refusal may have. */
export type ErrorStatus = 400 | 401 | 403 | 404 | 405 | 409 | 413 | 500 | 503;

/** The body of a refusal. */
export const ErrorSchema = z.strictObject({
  error: z.strictObject({
    code: z.string().meta({ description: "What went wrong: stable, for programs" }),
    message: z.string().meta({ description: "What went wrong and what to do, for people" }),
  }),
});

/** A request that is refused. */
export class Refusal extends Error {
  readonly status: ErrorStatus;
  readonly code: string;

  /**
   * @param status The HTTP status
   * @param code What went wrong: stable, for programs
   * @param message What went wrong and what to do
   */
  constructor(status: ErrorStatus, code: string, message: string) {
    super(message);
    this.status = status;
    this.code = code;
  }

  /** The answer's body. */
  get body(): z.output<typeof ErrorSchema> {
    return { error: { code: this.code, message: this.message } };
  }
}
