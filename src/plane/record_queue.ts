/**
 * Collects the records of ended sessions and flows and hands them over in batches. Knows neither what
 * is in them nor who takes them.
 *
 * @module
 */

import { messageOf } from "../errors.ts";
import type { AccessRecord } from "../observe/access.ts";

/** Records of one batch at the most. */
const BATCH = 512;
/** Batches that may be on their way: what comes while a slow log has not taken them is lost. */
const MAX_BATCHES = 32;

/** Batches records, within bounds. */
export class RecordQueue {
  readonly #send: (records: readonly AccessRecord[], lost: number) => void;
  #records: AccessRecord[] = [];
  #underWay = 0;
  #lost = 0;

  /** @param send Hands a batch over, with how many records were lost since the last one */
  constructor(send: (records: readonly AccessRecord[], lost: number) => void) {
    this.#send = send;
  }

  /**
   * Adds a record.
   *
   * @param record The record; its error becomes text, which any thread understands
   */
  add(record: AccessRecord): void {
    if (this.#records.length >= BATCH && this.#underWay >= MAX_BATCHES) {
      this.#lost++;
      return;
    }
    const { error } = record;
    this.#records.push(
      error === undefined ? record : { ...record, error: messageOf(error) },
    );
    if (this.#records.length >= BATCH) this.flush();
  }

  /** Hands over what there is, unless too many batches are under way. */
  flush(): void {
    if (this.#records.length === 0 || this.#underWay >= MAX_BATCHES) return;
    this.#underWay++;
    this.#send(this.#records, this.#lost);
    this.#records = [];
    this.#lost = 0;
  }

  /** Is told that a batch was taken. */
  taken(): void {
    this.#underWay--;
  }
}
