import type { JSX } from "preact";

const PARTS = /("(?:\\.|[^"\\])*")(\s*:)?|(-?\d[\d.eE+-]*|true|false|null)/g;

/** JSON with highlighted syntax. */
export function JsonView({ text }: { text: string }): JSX.Element {
  const parts: (JSX.Element | string)[] = [];
  let end = 0;
  for (const found of text.matchAll(PARTS)) {
    parts.push(text.slice(end, found.index));
    end = found.index + found[0].length;
    const [whole, quoted, colon, other] = found;
    if (quoted && colon) parts.push(<span class="json-key">{quoted}</span>, colon);
    else parts.push(<span class={other ? "json-other" : "json-text"}>{whole}</span>);
  }
  parts.push(text.slice(end));
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls has to be reachable by keyboard
    <section class="json" tabIndex={0} aria-label="The event as JSON">
      <pre>{parts}</pre>
    </section>
  );
}
