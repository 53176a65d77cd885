/**
 * Asks a running shunt at its admin address: finds the address, sends a request, judges the answer.
 * Knows HTTP, no verb and no operation.
 *
 * @module
 */

import { type ClientRequest, type IncomingMessage, request } from "node:http";
import type { z } from "zod";
import { readToken } from "../admin/token.ts";
import type { AdminConfig } from "../config/check_admin.ts";
import { ConfigSchema } from "../config/schema.ts";
import { readTree } from "../config/tree.ts";
import { messageOf } from "../errors.ts";
import { formatAddress, parseSocketAddress } from "../wire/address.ts";
import { DEFAULT_CONFIG } from "./config_file.ts";
import { readTextFile } from "../text_file.ts";
import { InputError, type Options } from "./options.ts";

/** The options of every verb that asks a running shunt. */
export const ADMIN_OPTIONS = { string: ["config", "admin", "token-file"] } as const;

/** Their part of such a verb's help. */
export const ADMIN_HELP =
  `  -c, --config FILE    the configuration that names the admin address (default: config.yaml in this
                       folder if it exists, else 127.0.0.1:9901)
  --admin ADDRESS      the admin address itself: HOST:PORT or unix:PATH
  --token-file PATH    the file with its token (default: the configuration's admin.token_file)`;

/** Milliseconds that an answer may take: a reload resolves names and binds addresses. */
const ANSWER_MS = 60_000;
/** Bytes that an answer may have. */
const MAX_ANSWER = 16_777_216;

/** An answer of a running shunt. */
export interface AdminAnswer {
  readonly status: number;
  readonly body: unknown;
}

/** Asks a running shunt. */
export interface AdminClient {
  readonly address: string;
  /**
   * Sends a request.
   *
   * @returns The answer, if it is a success or 422
   * @throws {Error} if nothing answers, something other than shunt does, or it refuses
   */
  ask(method: "GET" | "POST", path: string): Promise<AdminAnswer>;
}

/** Nothing listens at the admin address. */
export class NobodyAnswers extends Error {}

/** The address and the token, or the reason why the token cannot be read. */
interface Place {
  readonly address: string;
  readonly token?: string | undefined;
  readonly noToken?: string;
}

/**
 * Finds a running shunt, without sending anything.
 *
 * @throws {InputError} if options or configuration name no address, or no usable token
 */
export async function openAdmin(options: Options): Promise<AdminClient> {
  return clientOf(await findPlace(options));
}

/**
 * Finds the shunt at a configuration's admin address, without sending anything.
 *
 * @param config The admin part of the configuration
 * @param file Its file, for messages
 * @throws {InputError} if it names no address
 */
export async function adminOf(config: AdminConfig | null, file: string): Promise<AdminClient> {
  return clientOf(await withToken(configuredAddress(config, file), config?.token_file));
}

function clientOf(place: Place): AdminClient {
  return { address: place.address, ask: (method, path) => ask(place, method, path) };
}

/**
 * Returns the body of an answer.
 *
 * @throws {Error} if the schema does not fit: another version of shunt has answered
 */
export function expectBody<T extends z.ZodType>(answer: AdminAnswer, schema: T): z.output<T> {
  const parsed = schema.safeParse(answer.body);
  if (parsed.success) return parsed.data;
  throw new Error("The answer is not understood: is another version of shunt running?");
}

async function findPlace(options: Options): Promise<Place> {
  const named = options.get("admin");
  const file = options.get("config");
  const config = named === undefined || file !== undefined ? await readAdmin(file) : undefined;
  const address = named ?? configuredAddress(config, file ?? DEFAULT_CONFIG);
  const fault = address.startsWith("unix:") ? undefined : parseSocketAddress(address);
  if (typeof fault === "string") {
    throw new InputError(`Cannot parse address "${address}": ${fault}`);
  }
  const given = options.get("token-file");
  if (given === undefined) return await withToken(address, config?.token_file);
  try {
    return { address, token: await readToken(given) };
  } catch (error) {
    throw new InputError(messageOf(error).replace("admin.token_file", "--token-file"));
  }
}

async function withToken(address: string, file: string | null | undefined): Promise<Place> {
  try {
    return { address, token: await readToken(file) };
  } catch (error) {
    // Reading needs no token on a local address, and its file may be another user's.
    return { address, noToken: messageOf(error) };
  }
}

/** Reads the admin part alone: the rest may be broken while a shunt runs an earlier version of the file. */
async function readAdmin(file: string | undefined): Promise<AdminConfig | null | undefined> {
  const path = file ?? DEFAULT_CONFIG;
  let text: string;
  try {
    text = await readTextFile(path, { pipe: true });
  } catch (error) {
    if (file === undefined && error instanceof Deno.errors.NotFound) return undefined;
    throw new InputError(`Cannot read "${path}": ${messageOf(error)}`);
  }
  const { value } = readTree(text, path);
  const admin = typeof value === "object" && value !== null ? Reflect.get(value, "admin") : null;
  const parsed = value === undefined ? undefined : ConfigSchema.shape.admin.safeParse(admin);
  if (parsed?.success === true) return parsed.data;
  throw new InputError(
    `Cannot read the admin address from "${path}": "shunt check -c ${path}" shows why; name the ` +
      "address with --admin",
  );
}

function configuredAddress(config: AdminConfig | null | undefined, file: string): string {
  if (config === null) {
    throw new InputError(
      `The admin address is off in "${file}"; without one, a running shunt cannot be asked`,
    );
  }
  const bind = config?.bind ?? "127.0.0.1:9901";
  const address = bind.startsWith("unix:") ? bind : parseSocketAddress(bind);
  if (typeof address === "string") return address;
  const { host, port } = address;
  if (port === 0) {
    throw new InputError(
      `"${file}" has port 0 in "admin.bind"; name the address with --admin (the ready ` +
        "file has it)",
    );
  }
  if (host === "0.0.0.0") return formatAddress("127.0.0.1", port);
  return /^[0:]+$/.test(host) ? formatAddress("::1", port) : bind;
}

async function ask(place: Place, method: string, path: string): Promise<AdminAnswer> {
  const { response, text } = await exchange(place, method, path);
  const status = response.statusCode ?? 0;
  if (response.headers.server !== "shunt") {
    throw new Error(`Something other than shunt answers at ${place.address}`);
  }
  let body: unknown;
  try {
    body = JSON.parse(text);
  } catch {
    throw new Error(`The answer of ${place.address} is not understood (status ${status})`);
  }
  if ((status >= 200 && status < 300) || status === 422) return { status, body };
  const refusal = refusalOf(body) ?? `status ${status}`;
  if (status !== 401) throw new Error(`${place.address} refuses: ${refusal}`);
  const hint = place.noToken ??
    (place.token === undefined
      ? "name the file with its token: --token-file PATH"
      : "is it the token of that shunt?");
  throw new Error(`${place.address} refuses: ${refusal}; ${hint}`);
}

function refusalOf(body: unknown): string | undefined {
  const error = typeof body === "object" && body !== null ? Reflect.get(body, "error") : undefined;
  const message = typeof error === "object" && error !== null
    ? Reflect.get(error, "message")
    : undefined;
  return typeof message === "string" ? message : undefined;
}

async function exchange(
  { address, token }: Place,
  method: string,
  path: string,
): Promise<{ readonly response: IncomingMessage; readonly text: string }> {
  const parsed = parseSocketAddress(address);
  const to = address.startsWith("unix:") || typeof parsed === "string"
    ? { socketPath: address.slice("unix:".length), headers: { Host: "localhost" } }
    : { host: parsed.host, port: parsed.port, headers: { Host: address } };
  const headers = {
    ...to.headers,
    "X-Shunt": "1",
    ...(token === undefined ? {} : { Authorization: `Bearer ${token}` }),
  };
  const sent = request({ ...to, method, path, agent: false, headers });
  const timer = setTimeout(() => sent.destroy(new Error("no answer within 60 s")), ANSWER_MS);
  try {
    return await answerTo(sent);
  } catch (error) {
    throw explain(address, error);
  } finally {
    clearTimeout(timer);
    sent.destroy();
  }
}

function answerTo(
  sent: ClientRequest,
): Promise<{ readonly response: IncomingMessage; readonly text: string }> {
  return new Promise((resolve, reject) => {
    sent.on("error", reject);
    sent.on("response", (response: IncomingMessage) => {
      let text = "";
      response.setEncoding("utf8");
      response.on("data", (part: string) => {
        text += part;
        if (text.length > MAX_ANSWER) sent.destroy(new Error("the answer is longer than 16 MiB"));
      });
      response.on("error", reject);
      response.on("end", () => resolve({ response, text }));
    });
    sent.end();
  });
}

function explain(address: string, error: unknown): Error {
  const code = error instanceof Error && "code" in error ? String(error.code) : "";
  if (code === "ECONNREFUSED" || code === "ENOENT") {
    return new NobodyAnswers(
      `Nobody answers at ${address}: is shunt running, and is that its admin address? ` +
        "(--admin names another)",
    );
  }
  if (code === "EACCES" || code === "EPERM") {
    return new Error(`Not permitted to use ${address}: run this as the user that shunt runs as`);
  }
  if (code.startsWith("HPE_")) {
    return new Error(`Something other than shunt answers at ${address}: no HTTP`);
  }
  return new Error(`Cannot ask ${address}: ${messageOf(error)}`);
}
