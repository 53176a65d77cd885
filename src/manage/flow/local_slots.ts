/**
 * Numbers the addresses of one wildcard socket that clients write to. Knows no flow.
 *
 * @module
 */

/** Addresses of one socket that have a number of their own. */
const MAX_LOCALS = 4096;

/** Small numbers for the addresses of one socket. */
export class LocalSlots {
  readonly #slots = new Map<string, number>();

  /**
   * Returns the number of an address.
   *
   * @param local The address that a client wrote to; unset or empty if the socket is bound to one
   * @returns Its number, always the same; 0 if there is no address, or if 4096 others came before
   */
  of(local: string | undefined): number {
    if (local === undefined || local === "") return 0;
    const known = this.#slots.get(local);
    if (known !== undefined) return known;
    // If a machine owns a whole network, clients can write to any of its addresses.
    if (this.#slots.size >= MAX_LOCALS) return 0;
    const slot = this.#slots.size + 1;
    this.#slots.set(local, slot);
    return slot;
  }
}
