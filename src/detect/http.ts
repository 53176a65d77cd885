/**
 * HTTP in the clear: 1.x by its request line, 2 by its preface (RFC 9113 §3.4). Decides which of the two
 * readers gets the bytes.
 *
 * @module
 */

import { Http1Head } from "./_http1.ts";
import { Http2Head } from "./_http2.ts";
import type { Detector, StreamJudge, Verdict } from "./detector.ts";

const PREFACE = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/** Recognises HTTP/1.x and HTTP/2 with prior knowledge, and finds the host. */
export const http: Detector = {
  name: "http",
  facts: ["host"],
  tcp: (bytes) => new HttpHead().judge(bytes),
  session: () => new HttpHead(),
};

class HttpHead implements StreamJudge {
  #head: StreamJudge | undefined;

  judge(bytes: Uint8Array): Verdict {
    if (this.#head === undefined) {
      let same = 0;
      while (same < PREFACE.length && bytes[same] === PREFACE.charCodeAt(same)) same++;
      // A method of HTTP/1.x, such as PROPFIND, may start the same.
      if (same === bytes.length && same < PREFACE.length) {
        return { kind: "need_more", bytes: same + 1 };
      }
      this.#head = same === PREFACE.length ? new Http2Head(same) : new Http1Head();
    }
    return this.#head.judge(bytes);
  }
}
