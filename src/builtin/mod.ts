/**
 * The built-in targets: hello, echo, discard, reset. Knows their answers, but not the clients.
 *
 * @module
 */

import type { BuiltinName } from "../wire/address.ts";
import { type HelloInfo, HelloResponder } from "./hello.ts";
import { type BuiltinHandler, BuiltinStream } from "./stream.ts";

/**
 * Answers per second to the datagrams of one flow. Without a limit, two built-in targets that were made to
 * talk to each other, for example in two processes, would never stop.
 */
export const ANSWERS_PER_FLOW = 10_000;
/** Answers per second to the datagrams of all flows of a thread. */
export const ANSWERS_PER_THREAD = 100_000;

const ECHO: BuiltinHandler = {
  receive: (bytes, out) => out.send(bytes),
  end: (out) => out.end(),
};

const DISCARD: BuiltinHandler = {
  receive: () => undefined,
  end: (out) => out.end(),
};

const RESET: BuiltinHandler = {
  start: (out) => out.reset(),
  receive: () => undefined,
  end: () => {},
};

function hello(info: HelloInfo): BuiltinHandler {
  const responder = new HelloResponder(info);
  const answer = (
    { reply, close }: ReturnType<HelloResponder["push"]>,
    out: BuiltinStream,
  ): Promise<void> | undefined => {
    const sent = reply === undefined ? undefined : out.send(reply);
    // The client may be gone by then; the relay notices that itself.
    sent?.catch(() => {});
    if (close) out.end();
    return sent;
  };
  return {
    start: (out) => {
      if (info.protocol === "silent") answer(responder.eof(), out);
    },
    receive: (bytes, out) => answer(responder.push(bytes), out),
    end: (out) => {
      answer(responder.eof(), out);
      out.end();
    },
  };
}

/**
 * Opens a connection to a built-in target.
 *
 * @param name The target's name
 * @param info Makes what `hello` answers
 * @returns The connection
 */
export function connectBuiltin(name: BuiltinName, info: HelloInfo): BuiltinStream {
  switch (name) {
    case "hello":
      return new BuiltinStream(hello(info));
    case "echo":
      return new BuiltinStream(ECHO);
    case "discard":
      return new BuiltinStream(DISCARD);
    case "reset":
      return new BuiltinStream(RESET);
  }
}

/**
 * Answers a datagram for a built-in target.
 *
 * @param name The target's name
 * @param datagram The client's datagram
 * @param info What `hello` answers
 * @returns The answer, `undefined` for none, or `"reset"` if the flow has to end
 */
export function answerDatagram(
  name: BuiltinName,
  datagram: Uint8Array,
  info: () => HelloInfo,
): Uint8Array | undefined | "reset" {
  switch (name) {
    case "hello":
      return new TextEncoder().encode(`${JSON.stringify(info())}\n`);
    case "echo":
      return datagram;
    case "discard":
      return undefined;
    case "reset":
      return "reset";
  }
}
