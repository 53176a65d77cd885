/**
 * Puts the handshake bytes of CRYPTO frames in order, however they were cut, shuffled, repeated or
 * overlapped (RFC 9000 §19.6). Knows neither packets nor what the bytes say.
 *
 * @module
 */

/** Handshake bytes that are looked at; a ClientHello is seldom longer than 2 KiB. */
export const MAX_CRYPTO_BYTES = 65_536;

/**
 * One handshake stream at a time. A reset costs what was used, so one instance of 128 KiB serves all
 * flows in turn, and a frame far ahead cannot make a flow hold more than was sent.
 */
export class CryptoStream {
  readonly #bytes = new Uint8Array(MAX_CRYPTO_BYTES);
  readonly #present = new Uint8Array(MAX_CRYPTO_BYTES);
  #highest = 0;
  #contiguous = 0;

  /** All bytes from offset 0 up to the first gap: a view that the next call may change. */
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

  /**
   * Takes the data of a frame. What lies beyond {@linkcode MAX_CRYPTO_BYTES} is left out.
   *
   * @param offset The stream offset of its first byte
   * @param data The data
   * @returns `false` where it contradicts what was there, which no honest sender does (RFC 9000 §2.2)
   */
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
