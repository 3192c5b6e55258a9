/** Whose turn it is: one connection at a time, first come, first served. */

export class Cancelled extends Error {}

export class Turns {
  #taken = false;
  #waiting = [];

  /** Resolves once it is this one's turn; rejects with Cancelled if `cancel` comes first. */
  take(who) {
    if (!this.#taken) {
      this.#taken = true;
      return Promise.resolve();
    }
    return new Promise((resolve, reject) => this.#waiting.push({ who, resolve, reject }));
  }

  release() {
    const next = this.#waiting.shift();
    if (next) next.resolve();
    else this.#taken = false;
  }

  /** Ends the waiting of one; does nothing for one that isn't waiting. */
  cancel(who) {
    const at = this.#waiting.findIndex((waiting) => waiting.who === who);
    if (at >= 0) this.#waiting.splice(at, 1)[0].reject(new Cancelled());
  }
}
