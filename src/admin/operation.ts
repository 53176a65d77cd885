/**
 * What an operation of the admin API is: where it is, what it takes and what it answers. Knows no
 * operation.
 *
 * @module
 */

import type { z } from "zod";
import type { Control } from "./control.ts";
import { Refusal } from "./errors.ts";

/** One kind of answer. */
export interface Answer {
  readonly description: string;
  /** JSON of this shape, or a text of this media type. */
  readonly content: z.ZodType | string;
}

/** A request as an operation gets it. */
export interface Call {
  readonly control: Control;
  /** The admin address. */
  readonly address: string;
  /** A header of the request. */
  header(name: string): string | undefined;
  /** A parameter of the path, decoded. */
  param(name: string): string;
  /** The parameters after `?`. */
  readonly query: Readonly<Record<string, string>>;
  /** The body as JSON; refuses what is none. */
  json(): Promise<unknown>;
}

/** One operation. */
export interface Operation {
  readonly method: "GET" | "POST" | "PATCH";
  /** The path with `{name}` for its parameters; `{target}` may hold slashes. */
  readonly path: string;
  readonly summary: string;
  readonly query?: z.ZodObject;
  readonly body?: z.ZodType;
  /** The answers by status; refusals that any operation may give are not listed. */
  readonly answers: Readonly<Record<number, Answer>>;
  readonly run: (call: Call) => Response | Promise<Response>;
}

/**
 * Checks what came with a request.
 *
 * @param schema What it has to be
 * @param value What came
 * @param what What to call it in a message
 * @returns What the schema makes of it
 * @throws {Refusal} with 400 where it does not fit
 */
export function checked<T extends z.ZodType>(schema: T, value: unknown, what: string): z.output<T> {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const faults = parsed.error.issues.map(({ path, message }) =>
    path.length === 0 ? message : `"${path.join(".")}": ${message}`
  );
  throw new Refusal(400, "bad_request", `${what} does not fit: ${faults.join("; ")}`);
}
