/**
 * Sends requests to shunt, with the token if shunt wants one. Knows HTTP, no element of the page.
 *
 * @module
 */

/// <reference lib="dom" />

const TOKEN = "shunt.token";
/** Milliseconds that an answer may take. A reload resolves names and binds addresses. */
const ANSWER_MS = 60_000;
/** The same for requests that are repeated every second. */
const POLL_MS = 10_000;

/** shunt has answered with a refusal. */
export class Refused extends Error {
  readonly status: number;
  readonly problems: readonly string[];

  /**
   * @param message The reason
   * @param status The HTTP status
   * @param problems What is wrong, line by line
   */
  constructor(message: string, status: number, problems: readonly string[] = []) {
    super(message);
    this.status = status;
    this.problems = problems;
  }
}

/** The options of a request. */
export interface AskOptions {
  readonly method?: "GET" | "POST" | "PATCH";
  readonly body?: unknown;
}

/** Keeps a token until the window is closed. An empty one removes the last token. */
export function keepToken(token: string): void {
  if (token === "") sessionStorage.removeItem(TOKEN);
  else sessionStorage.setItem(TOKEN, token);
}

/**
 * Sends a request.
 *
 * @param path The path
 * @param options Method and body; a GET by default
 * @returns The answer's body
 * @throws {Refused} if shunt refuses
 * @throws {Error} if it does not answer
 */
export async function ask(
  path: string,
  { method = "GET", body }: AskOptions = {},
): Promise<unknown> {
  const token = sessionStorage.getItem(TOKEN);
  const headers: Record<string, string> = {
    ...token === null ? {} : { Authorization: `Bearer ${token}` },
    ...method === "GET" ? {} : { "Content-Type": "application/json" },
  };
  const response = await fetch(path, {
    method,
    headers,
    signal: AbortSignal.timeout(method === "GET" ? POLL_MS : ANSWER_MS),
    ...body === undefined ? {} : { body: JSON.stringify(body) },
  });
  const answer: unknown = await response.json();
  if (response.ok) return answer;
  const error = field(answer, "error");
  const problems = field(answer, "problems");
  throw new Refused(
    String(field(error, "message") ?? `Status ${response.status}`),
    response.status,
    Array.isArray(problems) ? problems.map(String) : [],
  );
}

function field(value: unknown, name: string): unknown {
  return typeof value === "object" && value !== null ? Reflect.get(value, name) : undefined;
}
