/** Gives the backend to one connection at a time, in the order of arrival. */

export class Cancelled extends Error {}

export class Turns {
  #taken = false;
  #waiting = [];

  /** Resolves when it is this connection's turn; rejects with Cancelled after `cancel`. */
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

  /** Cancels the wait of a connection; does nothing if it is not waiting. */
  cancel(who) {
    const at = this.#waiting.findIndex((waiting) => waiting.who === who);
    if (at >= 0) this.#waiting.splice(at, 1)[0].reject(new Cancelled());
  }
}
