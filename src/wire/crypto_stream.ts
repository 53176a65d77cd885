/**
 * Puts the handshake bytes of CRYPTO frames in order, however they were cut, shuffled, repeated or
 * overlapped (RFC 9000 §19.6). Knows neither packets nor what the bytes mean.
 *
 * @module
 */

import { u16 } from "./reader.ts";

/** Handshake bytes that are read at most; a ClientHello is seldom longer than 2 KiB. */
export const MAX_CRYPTO_BYTES = 65_536;

/** Receives the data of CRYPTO frames. */
export interface CryptoSink {
  /**
   * Takes the data of one frame. Data beyond {@linkcode MAX_CRYPTO_BYTES} is ignored.
   *
   * @param offset The stream offset of its first byte
   * @param data The data
   * @returns `false` if it contradicts earlier data, which no honest sender does (RFC 9000 §2.2)
   */
  add(offset: number, data: Uint8Array): boolean;
}

/**
 * Records which bytes of a stream have arrived, but not their values: one bit each, 8 KiB at most. A flow
 * that waits for more therefore holds little, and each frame costs time proportional to its own length.
 */
export class CryptoCoverage implements CryptoSink {
  #bits: Uint8Array = new Uint8Array(0);
  #contiguous = 0;

  /** Number of bytes from offset 0 up to the first gap. */
  get contiguous(): number {
    while (this.#has(this.#contiguous)) this.#contiguous++;
    return this.#contiguous;
  }

  /** Marks the data of a frame as arrived. Returns `true`, since values are not compared. */
  add(offset: number, data: Uint8Array): true {
    const end = Math.min(offset + data.length, MAX_CRYPTO_BYTES);
    if (offset >= end) return true;
    this.#reserve((end + 7) >> 3);
    for (let at = offset; at < end; at++) this.#bits[at >> 3]! |= 1 << (at & 7);
    return true;
  }

  #has(at: number): boolean {
    return at < this.#bits.length * 8 && (this.#bits[at >> 3]! & (1 << (at & 7))) !== 0;
  }

  #reserve(bytes: number): void {
    if (bytes <= this.#bits.length) return;
    const grown = new Uint8Array(Math.max(bytes, 2 * this.#bits.length));
    grown.set(this.#bits);
    this.#bits = grown;
  }
}

/** Bytes before the data of each frame that is kept: two of its offset, two of its length. */
const FRAME_HEADER = 4;

/**
 * Keeps the data of a connection's CRYPTO frames in order of arrival, until enough has arrived to put them
 * in their places. Costs as much memory as the frames were long, however large the gaps between them.
 */
export class CryptoLog implements CryptoSink {
  readonly #coverage = new CryptoCoverage();
  #bytes: Uint8Array = new Uint8Array(0);
  #length = 0;

  /** Number of bytes from offset 0 up to the first gap. */
  get contiguous(): number {
    return this.#coverage.contiguous;
  }

  /** Number of bytes kept, with headers. */
  get size(): number {
    return this.#length;
  }

  /** Keeps a copy of the data of a frame. Returns `true`, since values are not compared. */
  add(offset: number, data: Uint8Array): true {
    const size = Math.min(data.length, MAX_CRYPTO_BYTES - offset);
    if (size <= 0) return true;
    this.#coverage.add(offset, data);
    this.#reserve(FRAME_HEADER + size);
    for (const value of [offset, size]) {
      this.#bytes[this.#length++] = value >> 8;
      this.#bytes[this.#length++] = value;
    }
    this.#bytes.set(data.subarray(0, size), this.#length);
    this.#length += size;
    return true;
  }

  /**
   * Passes all frames on.
   *
   * @param sink Where the data goes
   * @returns `false` if data contradicts what the sink has
   */
  replay(sink: CryptoSink): boolean {
    for (let at = 0; at < this.#length;) {
      const start = at + FRAME_HEADER;
      const end = start + u16(this.#bytes, at + 2);
      if (!sink.add(u16(this.#bytes, at), this.#bytes.subarray(start, end))) return false;
      at = end;
    }
    return true;
  }

  #reserve(bytes: number): void {
    if (this.#length + bytes <= this.#bytes.length) return;
    const grown = new Uint8Array(Math.max(this.#length + bytes, 2 * this.#bytes.length));
    grown.set(this.#bytes);
    this.#bytes = grown;
  }
}

/**
 * Assembles the bytes of one stream at a time. A reset costs time proportional to what was used, so one
 * instance of 128 KiB serves all flows in turn, and a frame with a high offset makes no flow hold the bytes
 * before it.
 */
export class CryptoStream implements CryptoSink {
  readonly #bytes = new Uint8Array(MAX_CRYPTO_BYTES);
  readonly #present = new Uint8Array(MAX_CRYPTO_BYTES);
  #highest = 0;
  #contiguous = 0;

  /** All bytes from offset 0 up to the first gap; a view that the next call may change. */
  get contiguous(): Uint8Array {
    while (this.#present[this.#contiguous] === 1) this.#contiguous++;
    return this.#bytes.subarray(0, this.#contiguous);
  }

  /** Forgets all bytes. */
  reset(): void {
    this.#present.fill(0, 0, this.#highest);
    this.#highest = 0;
    this.#contiguous = 0;
  }

  /** Puts the data of a frame in its place. Returns `false` if it contradicts earlier data. */
  add(offset: number, data: Uint8Array): boolean {
    const end = Math.min(offset + data.length, MAX_CRYPTO_BYTES);
    for (let at = offset; at < end; at++) {
      const byte = data[at - offset]!;
      if (this.#present[at] === 0) {
        this.#bytes[at] = byte;
        this.#present[at] = 1;
      } else if (this.#bytes[at] !== byte) {
        return false;
      }
      if (at >= this.#highest) this.#highest = at + 1;
    }
    return true;
  }
}
