/** A life for tests, of either kind, that ends as the two real ones do. */

import { Life } from "../../../src/manage/life.ts";
import type { ListenerState } from "../../../src/manage/listener_state.ts";
import type { LifeKind } from "../../../src/resolve/upstream.ts";

export class TestLife extends Life {
  readonly id = "01A";
  readonly source = { host: "192.0.2.1", port: 1 };
  readonly kind: LifeKind;
  up = 0;
  down = 0;
  admitted = false;
  chargedTo: string | undefined;
  ended = false;

  constructor(kind: LifeKind, listener = {} as ListenerState) {
    super(listener);
    this.kind = kind;
  }

  /** Ends it as far as its target knows. */
  end(): void {
    this.ended = true;
    this.target?.placesOf(this.kind).add(-1);
  }
}
