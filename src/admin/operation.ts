/**
 * The description of an operation of the admin API: path, input and answers. Knows no operation.
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
  /** The body as JSON. Throws a refusal if it is not JSON. */
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
  /** The answers by status, without the refusals that any operation may return. */
  readonly answers: Readonly<Record<number, Answer>>;
  readonly run: (call: Call) => Response | Promise<Response>;
}

/**
 * Checks input of a request.
 *
 * @param schema The expected form
 * @param value The input
 * @param what What to call it in a message
 * @returns The parsed input
 * @throws {Refusal} with 400 if it does not match
 */
export function checked<T extends z.ZodType>(schema: T, value: unknown, what: string): z.output<T> {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const faults = parsed.error.issues.map(({ path, message }) =>
    path.length === 0 ? message : `"${path.join(".")}": ${message}`
  );
  throw new Refusal(400, "bad_request", `${what} does not fit: ${faults.join("; ")}`);
}
