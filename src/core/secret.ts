/**
 * A value that must not reach a log, an error or a child's argv. It redacts itself wherever JavaScript turns a value into text;
 * only {@link Secret.reveal} opens it, so a review finds every use by searching for that word.
 */
export class Secret {
  readonly #value: string;

  constructor(value: string) {
    this.#value = value;
  }

  reveal(): string {
    return this.#value;
  }

  toString(): string {
    return "[secret]";
  }

  toJSON(): string {
    return "[secret]";
  }

  // The symbol is spelt out so that core does not import node:util.
  [Symbol.for("nodejs.util.inspect.custom")](): string {
    return "[secret]";
  }
}
