/**
 * The parts of a differential test: servers that refuse no client, and openings of clients that ask for one
 * name. No form may exist for which a server serves that name while shunt neither reads it nor reports that
 * it could not.
 *
 * @module
 */

import type { Dice } from "../fuzz/mutate.ts";
import { concat } from "../unit/_hello.ts";

/** The name that a route refuses. */
export const REFUSED = "refused.example";

/** How a client opens. */
export interface Form {
  /** What is special about it, in a few words. */
  readonly name: string;
  readonly bytes: Uint8Array;
}

/** A running server that serves {@linkcode REFUSED}, and other clients differently. */
export interface Server extends AsyncDisposable {
  readonly name: string;
  readonly port: number;
}

/** A server that there may be. */
export interface ServerKind {
  readonly name: string;
  /** Programs that it takes. */
  readonly needs: readonly string[];
  start(): Promise<Server>;
}

/** One kind of openings. */
export interface Kind {
  readonly name: string;
  /** The conditions of a route that refuses the name, as YAML. */
  readonly match: string;
  readonly servers: readonly ServerKind[];
  /** Forms that every run tries. */
  readonly table: readonly Form[];

  /**
   * Makes a random form.
   *
   * @param dice Chance
   * @returns The form; its name describes it
   */
  make(dice: Dice): Form;

  /**
   * Reports whether a server serves the name.
   *
   * @param answer All that it said so far
   * @returns `true` once it is certain
   */
  isServed(answer: Uint8Array): boolean;

  /**
   * Reports whether a server has said all that it will say, if it does not close the connection then.
   *
   * @param answer All that it said so far
   * @returns `true` once no more is to come
   */
  isOver?(answer: Uint8Array): boolean;

  /**
   * Milliseconds to wait for an answer from a server whose input is not ended, since it would not answer
   * after the end. If unset, the input is ended, and the test waits until the server closes.
   */
  readonly waitMs?: number;

  /**
   * Reports whether a route can refuse a client that opens so.
   *
   * @param bytes The opening
   * @returns `true` if shunt reads the name, or says that it could not read one
   */
  isSeen(bytes: Uint8Array): boolean;
}

/** A form that a server serves and shunt does not see. */
export interface Miss {
  readonly server: string;
  readonly form: Form;
}

/**
 * Reports whether all programs are there.
 *
 * @param needs Their names
 * @returns The first that is missing
 */
export async function missing(needs: readonly string[]): Promise<string | undefined> {
  for (const program of needs) {
    const path = `${Deno.env.get("PATH") ?? ""}:/usr/sbin:/usr/local/go/bin`;
    const found = await Promise.all(
      path.split(":").map((folder) =>
        Deno.stat(program.startsWith("/") ? program : `${folder}/${program}`).catch(() => undefined)
      ),
    );
    if (found.every((file) => file === undefined)) return program;
  }
  return undefined;
}

/**
 * Tries a form on a server.
 *
 * @param kind What it is
 * @param server The server
 * @param form The form
 * @returns Whether the server serves the name, and whether shunt sees it
 */
export async function tryForm(
  kind: Kind,
  server: Server,
  form: Form,
): Promise<{ readonly served: boolean; readonly seen: boolean }> {
  const served = await isServed(kind, server, form.bytes);
  return { served, seen: kind.isSeen(form.bytes) };
}

/** How long a server may take that says nothing. */
const ANSWER_MS = 2000;
const MAX_ANSWER = 65_536;

async function isServed(kind: Kind, server: Server, opening: Uint8Array): Promise<boolean> {
  const conn = await Deno.connect({ hostname: "127.0.0.1", port: server.port });
  const late = setTimeout(() => closeQuietly(conn), kind.waitMs ?? ANSWER_MS);
  let answer: Uint8Array = new Uint8Array(0);
  const buffer = new Uint8Array(16_384);
  try {
    for (let sent = 0; sent < opening.length;) sent += await conn.write(opening.subarray(sent));
    // A server that waits for more learns that none comes.
    if (kind.waitMs === undefined) await conn.closeWrite();
    while (answer.length < MAX_ANSWER) {
      const count = await conn.read(buffer);
      if (count === null) break;
      answer = concat(answer, buffer.subarray(0, count));
      if (kind.isServed(answer)) return true;
      if (kind.isOver?.(answer)) return false;
    }
  } catch {
    // Servers reset connections that they reject.
  } finally {
    clearTimeout(late);
    closeQuietly(conn);
  }
  return kind.isServed(answer);
}

function closeQuietly(conn: Deno.Conn): void {
  try {
    conn.close();
  } catch {
    // Closed already.
  }
}
