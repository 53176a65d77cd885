/**
 * How PostgreSQL agrees on TLS (manual, "Message Flow": SSL Session Encryption): a client sends SSLRequest,
 * the server answers with one byte, and TLS begins. Knows the messages' bytes only.
 *
 * @module
 */

import type { Exchange } from "./mod.ts";

/** `S`: TLS begins. */
const WILLING = 0x53;

/** The answer to SSLRequest. */
export const TLS_ACCEPTED: Uint8Array = Uint8Array.of(WILLING);
/** The answer to GSSENCRequest: no, so the client asks for something else. */
export const GSS_REFUSED: Uint8Array = Uint8Array.of(0x4e);

/** The codes in place of a protocol version. */
export const CANCEL_REQUEST = 80_877_102;
export const SSL_REQUEST = 80_877_103;
export const GSSENC_REQUEST = 80_877_104;

/**
 * Asks a server for TLS. Bytes that follow its answer in the clear must not count as part of what comes over TLS
 * (CVE-2021-23222).
 */
export const TLS_EXCHANGE: Exchange = {
  // deno-fmt-ignore
  says: Uint8Array.of(0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f),
  judge(heard) {
    // `N`, or `E`: an error message of servers that know no TLS.
    if (heard[0] !== WILLING) {
      return heard[0] === 0x4e || heard[0] === 0x45 ? "refused" : "violation";
    }
    return heard.length === 1 ? "taken" : "violation";
  },
};
