/**
 * Arrays of `struct mmsghdr` with the names, control data and payload that they point to, for recvmmsg and
 * sendmmsg. Knows the layout (64-bit Linux, the same on x86-64 and aarch64), no socket.
 *
 * @module
 */

import { IP_PKTINFO, IPPROTO_IP, IPPROTO_IPV6, IPV6_PKTINFO } from "./abi.ts";
import { type Block, ownBlock, pointerInto } from "./memory.ts";
import { ipv4TextAt, ipv6Text, SOCKADDR_BYTES } from "./sockaddr.ts";

/** Messages per call. */
export const BATCH = 64;
/** Payload bytes of one message: more than the longest UDP datagram. */
export const SLOT_BYTES = 65_536;

const HEADER_BYTES = 64;
const NAME_STRIDE = 32;
const CONTROL_STRIDE = 64;
const CMSG_HEADER_BYTES = 16;
const IN_PKTINFO_BYTES = 12;
const IN6_PKTINFO_BYTES = 20;

// Word offsets (4 bytes) in an mmsghdr.
const NAME_LENGTH = 2;
const CONTROL_POINTER = 8;
const CONTROL_LENGTH = 10;
const MESSAGE_LENGTH = 14;

/**
 * Makes {@linkcode BATCH} payload slots of {@linkcode SLOT_BYTES}, lazily resident. Several message arrays
 * may point to them.
 */
export function payloadBlock(): Block {
  return ownBlock(BATCH * SLOT_BYTES);
}

/** {@linkcode BATCH} messages. */
export class Messages {
  /** Names as `sockaddr`, {@linkcode NAME_STRIDE} bytes apart. */
  readonly names: Uint8Array;
  readonly #pointers: readonly Deno.PointerValue[];
  readonly #headers: Uint32Array;
  readonly #vectors: Uint32Array;
  readonly #control: Block;
  readonly #controlView: DataView;

  /** @param payload Message `i` points to its slot `i`, until {@linkcode Messages.point} */
  constructor(payload: Block) {
    const headers = ownBlock(BATCH * HEADER_BYTES);
    const vectors = ownBlock(BATCH * 16);
    const names = ownBlock(BATCH * NAME_STRIDE);
    this.#control = ownBlock(BATCH * CONTROL_STRIDE);
    this.#controlView = new DataView(this.#control.bytes.buffer);
    this.names = names.bytes;
    this.#headers = new Uint32Array(headers.bytes.buffer);
    this.#vectors = new Uint32Array(vectors.bytes.buffer);
    this.#pointers = Array.from(
      { length: BATCH },
      (_, i) => pointerInto(headers, i * HEADER_BYTES),
    );
    const words = new BigUint64Array(headers.bytes.buffer);
    for (let i = 0; i < BATCH; i++) {
      const at = i * HEADER_BYTES / 8;
      words[at] = names.address + BigInt(i * NAME_STRIDE);
      words[at + 2] = vectors.address + BigInt(i * 16);
      words[at + 3] = 1n;
      this.point(i, payload, i * SLOT_BYTES, SLOT_BYTES);
    }
  }

  /** Returns the address of a message, for the kernel. */
  pointer(index: number): Deno.PointerValue {
    return this.#pointers[index]!;
  }

  /** Makes a message point to bytes of a block. */
  point(index: number, payload: Block, offset: number, length: number): void {
    const address = Number(payload.address) + offset;
    const at = index * 4;
    this.#vectors[at] = address % 0x100000000;
    this.#vectors[at + 1] = address / 0x100000000;
    this.#vectors[at + 2] = length;
  }

  /**
   * Prepares messages for receiving. The kernel overwrites the lengths of names and control data, so they
   * are set again.
   */
  expect(count: number, withName: boolean, withControl: boolean): void {
    for (let i = 0; i < count; i++) {
      const at = i * (HEADER_BYTES / 4);
      this.#headers[at + NAME_LENGTH] = withName ? SOCKADDR_BYTES : 0;
      this.#setControl(i, withControl ? CONTROL_STRIDE : 0);
    }
  }

  /** Returns the payload bytes of a received message. */
  received(index: number): number {
    return this.#headers[index * (HEADER_BYTES / 4) + MESSAGE_LENGTH]!;
  }

  /** Sets the receiver of a message, and the address of this host that it leaves from. */
  address(index: number, name: Uint8Array, local: Uint8Array | undefined): void {
    this.names.set(name, index * NAME_STRIDE);
    this.#headers[index * (HEADER_BYTES / 4) + NAME_LENGTH] = name.length;
    this.#setControl(index, local === undefined ? 0 : this.#writePacketInfo(index, local));
  }

  /** Returns the index of a message's name in {@linkcode Messages.names}. */
  nameAt(index: number): number {
    return index * NAME_STRIDE;
  }

  /** Returns the address of this host that a received message was sent to, or `undefined`. */
  localAt(index: number): { readonly bytes: Uint8Array; readonly text: string } | undefined {
    const at = index * CONTROL_STRIDE;
    if (this.#headers[index * (HEADER_BYTES / 4) + CONTROL_LENGTH]! < CMSG_HEADER_BYTES) {
      return undefined;
    }
    const level = this.#controlView.getInt32(at + 8, true);
    const type = this.#controlView.getInt32(at + 12, true);
    const data = at + CMSG_HEADER_BYTES;
    const { bytes } = this.#control;
    if (level === IPPROTO_IP && type === IP_PKTINFO) {
      // ipi_addr, the header's destination. ipi_spec_dst before it is the address to answer from.
      return { bytes: bytes.subarray(data + 4, data + 8), text: ipv4TextAt(bytes, data + 4) };
    }
    if (level === IPPROTO_IPV6 && type === IPV6_PKTINFO) {
      return { bytes: bytes.subarray(data, data + 16), text: ipv6Text(bytes, data) };
    }
    return undefined;
  }

  #setControl(index: number, length: number): void {
    const at = index * (HEADER_BYTES / 4);
    const address = length === 0 ? 0 : Number(this.#control.address) + index * CONTROL_STRIDE;
    this.#headers[at + CONTROL_POINTER] = address % 0x100000000;
    this.#headers[at + CONTROL_POINTER + 1] = address / 0x100000000;
    this.#headers[at + CONTROL_LENGTH] = length;
    this.#headers[at + CONTROL_LENGTH + 1] = 0;
  }

  #writePacketInfo(index: number, local: Uint8Array): number {
    const at = index * CONTROL_STRIDE;
    const data = at + CMSG_HEADER_BYTES;
    const four = local.length === 4;
    const length = CMSG_HEADER_BYTES + (four ? IN_PKTINFO_BYTES : IN6_PKTINFO_BYTES);
    const view = this.#controlView;
    this.#control.bytes.fill(0, at, at + CONTROL_STRIDE);
    view.setUint32(at, length, true);
    view.setInt32(at + 8, four ? IPPROTO_IP : IPPROTO_IPV6, true);
    view.setInt32(at + 12, four ? IP_PKTINFO : IPV6_PKTINFO, true);
    this.#control.bytes.set(local, four ? data + 4 : data);
    // CMSG_SPACE: rounded up to 8.
    return (length + 7) & ~7;
  }
}
