/**
 * Fuzz targets of the admin address: requests, however they are cut.
 *
 * @module
 */

import { fail } from "@std/assert";
import { Incoming, MAX_BODY, MAX_HEAD } from "../../src/admin/incoming.ts";
import { cuts, type Input, pieces, type Target } from "./_target.ts";
import { kin, vary } from "./mutate.ts";

const EMPTY = new Uint8Array(0);
const HEAD = "POST /api/reload HTTP/1.1\r\nHost: localhost\r\n";

const REQUESTS = kin([
  "GET /healthz HTTP/1.1\r\nHost: localhost\r\nAccept: */*\r\n\r\n",
  "GET /metrics HTTP/1.0\r\n\r\n",
  `${HEAD}Content-Length: 17\r\nExpect: 100-continue\r\n\r\n{"state":"drain"}`,
  `${HEAD}Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n1;a="b"\r\n!\r\n0\r\nX: y\r\n\r\n`,
  `${HEAD}Transfer-Encoding: chunked\r\n\r\nfff\r\n${"x".repeat(4095)}\r\n0\r\n\r\n`,
  `${HEAD}X: ${"x".repeat(16_300)}\r\n\r\n`,
], [
  ...["\r\n", "\n", "\r", "\r\n\r\n", ": ", "Content-Length: ", "Transfer-Encoding: chunked\r\n"],
  ...[
    "Host: a\r\n",
    "Expect: 100-continue\r\n",
    "HTTP/1.1",
    "0\r\n\r\n",
    "1000\r\n",
    "ffffffff\r\n",
  ],
  ...["4096", "4097", "-1", "+1", "1,1", "\0", "\t", "%00"],
]);

/** Requests: the result does not depend on how they are cut, and memory is bounded. */
export const ADMIN_REQUESTS: Target = {
  name: "admin requests",
  share: 80,
  make: (dice) => [vary(dice, REQUESTS), cuts(dice)],
  check(input) {
    const [bytes = EMPTY] = input;
    const [cut, whole] = [read(input), read([bytes])];
    if (cut !== whole) fail(`${cut} where it is cut, ${whole} as a whole`);
  },
};

/** What becomes of a request that comes in pieces, as text. */
function read(input: Input): string {
  const [bytes = EMPTY] = input;
  const incoming = new Incoming();
  let result: ReturnType<Incoming["take"]>;
  pieces(input, (start, end) => {
    for (let at = start; at < end && result === undefined;) {
      const { room } = incoming;
      if (room.length === 0 || room.length > 2 * MAX_HEAD) fail(`Room for ${room.length} bytes`);
      const part = bytes.subarray(at, Math.min(end, at + room.length));
      room.set(part);
      at += part.length;
      result = incoming.take(part.length);
    }
    return result === undefined;
  });
  if (result === undefined || typeof result === "number") return String(result);
  const { head, body } = result;
  if (body.length > MAX_BODY) fail(`A body of ${body.length} bytes`);
  if (/[\r\n\0]/.test([head.target, ...head.headers.flat()].join(""))) fail("Lines in a field");
  return JSON.stringify([head, body.toHex()]);
}
