/**
 * The built-in targets: hello, echo, discard, reset. Knows what they answer, not who asks.
 *
 * @module
 */

import type { BuiltinName } from "../wire/address.ts";
import { type HelloInfo, HelloResponder } from "./hello.ts";
import { type BuiltinHandler, BuiltinStream } from "./stream.ts";

/**
 * Datagrams that one flow is answered a second: two built-in targets that were made to talk to each other,
 * in two processes say, would not stop.
 */
export const ANSWERS_PER_FLOW = 10_000;
/** Datagrams that all flows of a thread are answered a second. */
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
    // The client may be gone by then, which the relay notices itself.
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
 * @param name Which one
 * @param info What `hello` says
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
 * @param name Which one
 * @param datagram What the client sent
 * @param info What `hello` says
 * @returns The answer, `undefined` for none, or `"reset"` where the flow is to end
 */
export function answerDatagram(
  name: BuiltinName,
  datagram: Uint8Array,
  info: HelloInfo,
): Uint8Array | undefined | "reset" {
  switch (name) {
    case "hello":
      return new TextEncoder().encode(`${JSON.stringify(info)}\n`);
    case "echo":
      return datagram;
    case "discard":
      return undefined;
    case "reset":
      return "reset";
  }
}
