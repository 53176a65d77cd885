/**
 * The fuzz target that answers: `builtin:hello`.
 *
 * @module
 */

import { fail } from "@std/assert";
import { type HelloInfo, type HelloReply, HelloResponder } from "../../src/builtin/hello.ts";
import { concat } from "../unit/_hello.ts";
import { HTTP1, HTTP2 } from "./_seeds.ts";
import { cuts, type Input, pieces, type Target } from "./_target.ts";
import { type Kin, vary } from "./mutate.ts";

/** Answers to one batch end at 1 MiB, which one answer of less than this may pass. */
const MAX_REPLY = 1.25 * 1024 * 1024;

const INFO: HelloInfo = {
  id: "01J00000000000000000000000",
  transport: "tcp",
  protocol: "http",
  source: "192.0.2.1:1",
  listener: "edge",
  route: "routes[0]",
  upstream: "hello",
};

const KIN: Kin = {
  seeds: [...HTTP1.seeds, ...HTTP2.seeds],
  tokens: [
    ...HTTP1.tokens,
    ...HTTP2.tokens,
    ...["Connection: close\r\n", "Content-Length: 1\r\n", "HEAD / HTTP/1.1\r\n\r\n"]
      .map((text) => new TextEncoder().encode(text)),
  ],
};

/** `builtin:hello`, asked by HTTP clients and by others. */
export const HELLO_RESPONDER: Target = {
  name: "hello responder",
  share: 40,
  make: (dice) => [vary(dice, KIN), cuts(dice)],
  check(input) {
    const [bytes = new Uint8Array(0)] = input;
    const cut = converse(input, "http");
    const whole = converse([bytes], "http");
    // Above the limit of one batch the conversation ends, and how much is a batch depends on cuts.
    if (whole.length < MAX_REPLY / 2 && !equal(cut, whole)) fail("Answers differ by how it is cut");
    converse(input, "unknown");
  },
};

function converse(input: Input, protocol: string): Uint8Array {
  const [bytes = new Uint8Array(0)] = input;
  const responder = new HelloResponder({ ...INFO, protocol });
  const replies: Uint8Array[] = [];
  let closed = false;
  const take = ({ reply, close }: HelloReply) => {
    if (closed && (reply !== undefined || !close)) fail("Goes on after the end");
    if (reply !== undefined && (reply.length === 0 || reply.length > MAX_REPLY)) {
      fail(`Answers with ${reply.length} bytes at once`);
    }
    closed = close;
    if (reply !== undefined) replies.push(reply);
  };
  pieces(input, (start, end) => take(responder.push(bytes.subarray(start, end))));
  take(responder.eof());
  if (!closed) fail("Does not end at the client's end");
  return concat(...replies);
}

function equal(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, i) => byte === b[i]);
}
