/**
 * Makes a TLS handshake to find out whether it completes. Knows no schedule and judges no certificate:
 * certificates are between client and target.
 *
 * @module
 */

import { connect as connectTcp } from "node:net";
import { connect } from "node:tls";
import { type Attempt, givenUp } from "../../io/attempt.ts";
import type { StreamAddress } from "../../io/mod.ts";
import { isIpLiteral } from "../../wire/address.ts";

/** Texts for codes of node's errors; other errors have a message of their own. */
const WORDS: Readonly<Record<string, string>> = {
  ECONNREFUSED: "connection refused",
  ENOENT: "connection refused",
  ECONNRESET: "connection closed before the handshake was complete",
  EHOSTUNREACH: "address unreachable",
  ENETUNREACH: "address unreachable",
};

/**
 * Completes a handshake, and closes the connection.
 *
 * @param address The target's address
 * @param options The target's host, which SNI asks for if it is a name (RFC 6066 §3), the bytes to send
 * before the handshake, and what gives it up
 * @throws {Error} when it cannot be completed
 */
export function tlsHandshake(
  address: StreamAddress,
  { host, header, attempt }: {
    readonly host: string | undefined;
    readonly header: Uint8Array;
    readonly attempt: Attempt;
  },
): Promise<void> {
  return new Promise((resolve, reject) => {
    if (attempt.givenUp) throw givenUp();
    const to = address.kind === "unix"
      ? { path: address.path }
      : { host: address.host, port: address.port };
    const plain = header.length === 0 ? undefined : connectTcp(to);
    // It is sent as soon as the connection stands, and so before the hello.
    plain?.write(header);
    const socket = connect({
      ...(plain === undefined ? to : { socket: plain }),
      ...(host === undefined || isIpLiteral(host) ? {} : { servername: host.replace(/\.$/, "") }),
      rejectUnauthorized: false,
    });
    const stop = () => {
      attempt.onGiveUp = undefined;
      socket.destroy();
      plain?.destroy();
    };
    attempt.onGiveUp = () => {
      stop();
      reject(givenUp());
    };
    socket.once("secureConnect", () => {
      resolve();
      stop();
    });
    // The listener stays for errors that come later: without one they would end the process.
    const failed = (error: NodeJS.ErrnoException) => {
      const words = WORDS[error.code ?? ""];
      reject(words === undefined ? error : new Error(words, { cause: error }));
      stop();
    };
    plain?.on("error", failed);
    socket.on("error", failed);
    const closed = () => reject(new Error(WORDS["ECONNRESET"]));
    plain?.once("close", closed);
    socket.once("close", closed);
  });
}
