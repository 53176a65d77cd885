/**
 * A UDP socket of a test's own: client or target.
 *
 * @module
 */

import { until } from "./_shunt.ts";

/** A UDP socket on loopback that answers as the test says. */
export class UdpPeer implements AsyncDisposable {
  readonly socket: Deno.DatagramConn = Deno.listenDatagram({
    transport: "udp",
    hostname: "127.0.0.1",
    port: 0,
  });
  readonly heard: { readonly data: Uint8Array; readonly from: Deno.NetAddr }[] = [];
  readonly #loop: Promise<void>;

  constructor(answer?: (data: Uint8Array, from: Deno.NetAddr) => Uint8Array | undefined) {
    this.#loop = this.#listen(answer);
  }

  get port(): number {
    return (this.socket.addr as Deno.NetAddr).port;
  }

  async #listen(
    answer?: (data: Uint8Array, from: Deno.NetAddr) => Uint8Array | undefined,
  ): Promise<void> {
    for await (const [data, from] of this.socket) {
      this.heard.push({ data, from: from as Deno.NetAddr });
      const reply = answer?.(data, from as Deno.NetAddr);
      if (reply !== undefined) await this.socket.send(reply, from);
    }
  }

  send(data: Uint8Array, port: number): Promise<number> {
    return this.socket.send(data, { transport: "udp", hostname: "127.0.0.1", port });
  }

  async next(): Promise<Uint8Array> {
    await until(() => this.heard.length > 0, "a datagram");
    return this.heard.shift()!.data;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.socket.close();
    await this.#loop;
  }
}
